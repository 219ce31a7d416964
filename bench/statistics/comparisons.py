"""The verdicts on all architectures of a records frame against a baseline: `comparisons_frame`.

It is built on `bench.statistics.estimates` (one sample) and `bench.statistics.paired` (two arms, Holm); what other
rooms need of them can be imported from here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from archs.errors import UserError, nearest
from bench.spec.declared import Declared, built_in
from bench.spec.metrics import METRICS
from bench.statistics.estimates import Interval, mean_interval
from bench.statistics.paired import Comparison, Verdict, compare_paired, holm, holm_family
from bench.statistics.settings import refuse_mixed

__all__ = [
    "COLUMNS",
    "Comparison",
    "Interval",
    "Verdict",
    "compare_paired",
    "comparisons_frame",
    "holm",
    "holm_family",
    "mean_interval",
    "seed_values",
]

COLUMNS = ["task", "metric", "arch", "baseline", "n", "difference", "low", "high", "std", "p_t", "p_holm"]
COLUMNS += ["p_signflip", "effect_size", "verdict", "seeds_needed", "normal_assumption", "dropped", "n_failed"]


def comparisons_frame(
    records_df: pd.DataFrame,
    baseline: str,
    metrics: Sequence[str] | None = None,
    margins: Mapping[str, float | None] | None = None,
    *,
    directions: Mapping[str, bool] | None = None,
    declared: Declared | None = None,
) -> pd.DataFrame:
    """Return a row per task, metric and architecture other than the baseline, in the order of the records.

    Runs that are not "finished" have no value: their seeds appear in `dropped`, and `n_failed` counts those of the
    row's own architecture. A task in which the baseline was never run has no rows. One task and metric is one family
    for Holm's adjustment.

    Args:
        records_df: as `bench.statistics.frames.records_frame` returns it.
        baseline: name of the architecture that the others are compared with.
        metrics: which ones; default: each task's primary metric. A metric applies to a task if a finished run has it.
        margins: metric → equivalence margin in its raw unit, in place of the declared one.
        directions: metric → whether higher is better, in place of what is declared.
        declared: tasks and metrics; default: the built-in ones.

    Raises:
        UserError: the baseline or a metric is unknown, a metric has no better direction, a seed is repeated, or runs
            of one task differ in their settings, whose effect would be taken for the architectures'.
    """
    declared = declared or built_in()
    known = list(dict.fromkeys(records_df["arch"]))
    if baseline not in known:
        raise UserError(f"baseline {baseline!r} is not among the architectures run{nearest(baseline, known)}")
    for metric in metrics or ():
        if metric not in records_df.columns:
            raise UserError(f"metric {metric!r} is not in the records{nearest(metric, [*METRICS, *declared.metrics])}")
    refuse_mixed(records_df, "the frame")
    rows: list[dict[str, object]] = []
    for task, frame in records_df.groupby("task", sort=False):
        if baseline not in set(frame["arch"]):
            continue
        for metric in _primary_metrics(str(task), declared) if metrics is None else metrics:
            finished = frame[frame["status"] == "finished"]
            if metric not in frame.columns or not _any_finite(finished[metric]):
                continue
            better, margin = _direction_and_margin(metric, declared, margins or {}, directions or {})
            table = _family(frame, baseline, metric, better, margin)
            failed = frame[frame["status"] != "finished"]["arch"].value_counts()
            rows += [
                {"task": task, "metric": metric, "arch": arch, "baseline": baseline}
                | dataclasses.asdict(comparison)
                | {"n_failed": int(failed.get(arch, 0))}
                for arch, comparison in table.items()
            ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seeds_needed": "Int64"})


def _family(
    frame: pd.DataFrame, baseline: str, metric: str, higher_is_better: bool, margin: float | None
) -> dict[Hashable, Comparison]:
    """Compare every architecture of one task with the baseline, Holm-adjusted together."""
    by_arch = frame.groupby("arch", sort=False)
    arms: dict[Hashable, dict[int, float]] = {arch: seed_values(runs, metric) for arch, runs in by_arch}
    base = arms.pop(baseline)
    family: dict[Hashable, Comparison] = {
        arch: compare_paired(arm, base, higher_is_better=higher_is_better, margin=margin) for arch, arm in arms.items()
    }
    return holm_family(family, higher_is_better=higher_is_better, margin=margin)


def seed_values(runs: pd.DataFrame, metric: str) -> dict[int, float]:
    """Return seed → value of one architecture on one task, NaN for a run that did not finish.

    Raises:
        UserError: a seed has two finished runs, which must differ in some setting.
    """
    finished = runs[runs["status"] == "finished"]
    repeated = finished[finished["seed"].duplicated()]
    if len(repeated):
        row = repeated.iloc[0]
        raise UserError(
            f"{row['arch']!r} has more than one finished {row['task']} run for seed {row['seed']}: "
            "expected one, select runs with the same settings"
        )
    values = {int(seed): math.nan for seed in runs["seed"]}
    numbers = pd.to_numeric(finished[metric], errors="coerce")
    return values | {int(s): float(v) for s, v in zip(finished["seed"], numbers, strict=True)}


def _any_finite(values: pd.Series) -> bool:
    return bool(pd.to_numeric(values, errors="coerce").notna().any())


def _primary_metrics(task: str, declared: Declared) -> list[str]:
    return [declared.tasks[task].primary] if task in declared.tasks else []


def _direction_and_margin(
    metric: str, declared: Declared, margins: Mapping[str, float | None], directions: Mapping[str, bool]
) -> tuple[bool, float | None]:
    """Return whether higher is better and the margin: as the caller says, else as is declared."""
    found = declared.metric(metric)
    better = directions.get(metric, found.higher_is_better if found else None)
    if better is None:
        raise UserError(f"metric {metric!r} has no better direction: expected one that can be won or lost")
    margin = margins.get(metric, found.margin if found else None)
    if margin is not None and not margin >= 0:
        raise UserError(f"margin {margin} of {metric!r}: expected a number >= 0 in the metric's unit")
    return better, margin
