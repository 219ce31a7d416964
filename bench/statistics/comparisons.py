"""The verdicts on all architectures of a records frame against a baseline: `comparisons_frame`.

It is built on `bench.statistics.estimates` (one sample) and `bench.statistics.paired` (two arms, Holm); what other
rooms need of them can be imported from here.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Hashable, Mapping, Sequence

import pandas as pd

from archs.errors import UserError, nearest
from bench.spec.declared import Declared, built_in
from bench.spec.metrics import METRICS
from bench.statistics.estimates import ALPHA, Interval, mean_interval, seeds_range
from bench.statistics.judging import Verdict, holm
from bench.statistics.networks import same_networks
from bench.statistics.paired import Comparison, compare_paired, holm_family, same_network
from bench.statistics.robustness import columns as robustness
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
    "values_by_arch",
]

COLUMNS = ["task", "metric", "arch", "baseline", "n", "difference", "low", "high", "level", "low_95", "high_95", "std"]
COLUMNS += ["p_t", "p_holm", "family", "p_signflip", "effect_size", "verdict", "same_as"]
COLUMNS += ["seeds_needed", "seeds_fewest", "seeds_most"]
COLUMNS += ["correlation", "correlation_low", "correlation_high", "spread_ratio"]
COLUMNS += ["normal_assumption", "dropped", "n_failed", "anytime", "p_anytime", "settled_at"]
COLUMNS += robustness.COLUMNS
"""Those of `bench.statistics.paired.Comparison`, those of `bench.statistics.robustness.columns`, and:

same_as        the architecture that is the same network on this task, whose row counts; None for most.
seeds_fewest   of "unresolved": how few seeds could settle it, over all that these seeds leave open,
seeds_most     and how many it could take; both as `bench.statistics.estimates.seeds_range` says, none if `anytime`.
n_failed       the architecture's own runs that did not finish.
"""
SEEDS = ["seeds_needed", "seeds_fewest", "seeds_most", "settled_at", "n_without"]


def comparisons_frame(
    records_df: pd.DataFrame,
    baseline: str,
    metrics: Sequence[str] | None = None,
    margins: Mapping[str, float | None] | None = None,
    *,
    directions: Mapping[str, bool] | None = None,
    declared: Declared | None = None,
    anytime: bool = False,
) -> pd.DataFrame:
    """Return a row per task, metric and architecture other than the baseline, in the order of the records.

    Runs that are not "finished" have no value: their seeds appear in `dropped`, and `n_failed` counts those of the
    row's own architecture. A task in which the baseline was never run has no rows. One task and metric is one family
    for Holm's adjustment, in which each network counts once: a crossing that is the same network as another
    architecture (`bench.statistics.networks`) has its own difference, the verdict "same network" and no test.

    Args:
        records_df: as `bench.statistics.frames.records_frame` returns it.
        baseline: name of the architecture that the others are compared with.
        metrics: which ones; default: each task's primary metric. A metric applies to a task if a finished run has it.
        margins: metric → equivalence margin in its raw unit, in place of the declared one.
        directions: metric → whether higher is better, in place of what is declared.
        declared: tasks and metrics; default: the built-in ones.
        anytime: whether seeds were added, or may be, in sight of the results: intervals are confidence sequences then.

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
            description = declared.tasks.get(str(task))
            same = same_networks(frame, description is None or description.needs_decoder, baseline)
            values = values_by_arch(frame, metric)
            judged = functools.partial(
                _family, baseline=baseline, higher_is_better=better, margin=margin, same=same, anytime=anytime
            )
            table = judged(values)
            more = robustness.robustness_columns(frame, values, baseline, metric, judged, higher_is_better=better)
            failed = frame[frame["status"] != "finished"]["arch"].value_counts()
            rows += [
                {"task": task, "metric": metric, "arch": arch, "baseline": baseline}
                | dataclasses.asdict(comparison)
                | _range(comparison, margin)
                | {"same_as": same.get(str(arch)), "n_failed": int(failed.get(arch, 0))}
                | more[arch]
                for arch, comparison in table.items()
            ]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(SEEDS, "Int64"))


def _range(c: Comparison, margin: float | None) -> dict[str, int | None]:
    """Return how few and how many seeds an unresolved difference could need, for all that these ones tell."""
    fewest = most = None
    if c.verdict == "unresolved" and not c.anytime:
        interval = Interval(c.difference, c.std, c.n, c.low_95, c.high_95)
        fewest, most = seeds_range(interval, margin=margin, alpha=ALPHA / max(c.family, 1))
        fewest = None if fewest is None else max(fewest, c.n + 1)  # as many as these have settled nothing
    return {"seeds_fewest": fewest, "seeds_most": most}


def _family(
    values: Mapping[Hashable, Mapping[int, float]],
    baseline: str,
    higher_is_better: bool,
    margin: float | None,
    same: Mapping[str, str],
    anytime: bool,
) -> dict[Hashable, Comparison]:
    """Compare every architecture of one task with the baseline; those of different networks are one family."""
    table: dict[Hashable, Comparison] = {
        arch: compare_paired(arm, values[baseline], higher_is_better=higher_is_better, margin=margin, anytime=anytime)
        for arch, arm in values.items()
        if arch != baseline
    }
    family = {arch: comparison for arch, comparison in table.items() if arch not in same}
    judged = holm_family(family, higher_is_better=higher_is_better, margin=margin)
    return {arch: judged[arch] if arch in judged else same_network(comparison) for arch, comparison in table.items()}


def values_by_arch(runs: pd.DataFrame, metric: str) -> dict[Hashable, dict[int, float]]:
    """Return architecture → seed → value of the runs of one task, NaN for a run that did not finish.

    Row by row, since pandas takes longer to make a group of a few runs than it takes to read them.

    Raises:
        UserError: a seed has two finished runs, which must differ in some setting.
    """
    if metric not in runs:
        return {}
    values: dict[Hashable, dict[int, float]] = {}
    finished = set()
    numbers = pd.to_numeric(runs[metric], errors="coerce")
    known = zip(runs["arch"], runs["task"], runs["seed"], runs["status"], numbers, strict=True)
    for arch, task, seed, status, number in known:
        own = values.setdefault(arch, {})
        own.setdefault(int(seed), math.nan)
        if status == "finished":
            if (arch, seed) in finished:
                raise UserError(
                    f"{arch!r} has more than one finished {task} run for seed {seed}: "
                    "expected one, select runs with the same settings"
                )
            finished.add((arch, seed))
            own[int(seed)] = float(number)
    return values


def seed_values(runs: pd.DataFrame, metric: str) -> dict[int, float]:
    """Return seed → value of one architecture on one task, as `values_by_arch` does of several."""
    return next(iter(values_by_arch(runs, metric).values()), {})


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
