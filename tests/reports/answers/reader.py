"""What a program may rely on in answer.json of version 1: its own types, shared with nothing that writes the file."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, defstruct

Verdict = Literal["better", "worse", "equivalent", "unresolved", "same network"]
Text, Maybe = str, str | None
Number, Whole = float | None, int | None
Value = str | float | bool | list[int] | None
CELL: dict[str, Any] = {"task": Text, "labels": Whole}


def typed(name: str, **fields: Any) -> type[Struct]:
    """A type of which no field may be missing and to which none may be added."""
    return defstruct(name, fields.items(), kw_only=True, forbid_unknown_fields=True)


Task = typed("Task", **CELL, label=Text, metric=Text, higher_is_better=bool | None, margin=Number, unit=Text,
             scale=float, best=Maybe, may_be_best=list[str], ruled_out=list[str])  # fmt: skip
Result = typed("Result", **CELL, metric=Text, arch=Text, n=int, n_failed=int, n_missing=int, mean=Number, std=Number,
               low=Number, high=Number)  # fmt: skip
Comparison = typed("Comparison", **CELL, metric=Text, arch=Text, baseline=Text, verdict=Verdict, text=Text, n=int,
                   difference=Number, low=Number, high=Number, level=Number, low_95=Number, high_95=Number, std=Number,
                   p_t=Number, p_signflip=Number, p_holm=Number, family=int, effect_size=Number,
                   normal_assumption=bool, anytime=bool, p_anytime=Number, settled_at=Whole, same_as=Maybe,
                   seeds_needed=Whole, seeds_fewest=Whole, seeds_most=Whole, median=Number, median_low=Number,
                   median_high=Number, won=Whole, lost=Whole, tied=Whole,
                   unseen_failure=Number, skewness=Number, skewed=bool, outliers=list[int],
                   collapsed=list[int], collapsed_baseline=list[int], n_without=Whole, difference_without=Number,
                   low_without=Number, high_without=Number, verdict_without=Verdict | None)  # fmt: skip
Speed = typed("Speed", **CELL, arch=Text, measured_apart=bool, images_per_s=Number, ratio=Number, ratio_low=Number,
              ratio_high=Number, resolved=bool | None, disturbed=bool, n=int, sessions=int)  # fmt: skip
Size = typed("Size", arch=Text, task=Text, params_total=int, params_conv=int, params_fc=int)
Failed = typed("Failed", **CELL, arch=Text, seed=int, error=Text)
Runs = typed("Runs", planned=int, finished=int, without_record=int, failed=list[Failed])  # type: ignore[valid-type]
Deviation = typed("Deviation", kind=Text, subject=Text, planned=Value, found=Value, text=Text)
Design = typed("Design", state=Literal["kept", "missing", "changed"], created=Maybe, as_planned=bool | None,
               runs_planned=Whole, runs_made_before=Whole, deviations=list[Deviation])  # type: ignore[valid-type]  # fmt: skip
Stopping = typed("Stopping", kind=Literal["until sure"], first_seeds=int, max_seeds=int, max_minutes=Number,
                 ended=Literal["settled", "most seeds", "minutes", "stopped"])  # fmt: skip
Race = typed("Race", task=Text, metric=Text, archs=list[str], winner=Maybe, seeds=int, left=list[str], open=list[str],
             ended=Literal["one left", "close", "most seeds", "budget", "all failed", "stopped"], runs=int,
             full_grid=int, epochs=int, confirmed=int)  # fmt: skip
Answer = typed("Answer", version=Literal[1], question=Text, answer=Text, created=Maybe, dataset=Text,
               likelihood=Maybe, baseline=Text, archs=list[str], warnings=list[str], tasks=list[Task],  # type: ignore[valid-type]
               results=list[Result], comparisons=list[Comparison], speeds=list[Speed],  # type: ignore[valid-type]
               sizes=list[Size], runs=Runs, design=Design | None, stopping=Stopping | None,  # type: ignore[valid-type]
               race=Race | None)  # type: ignore[valid-type]  # fmt: skip
