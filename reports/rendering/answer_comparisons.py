"""A comparison of answer.json: a row of comparisons.csv as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.markup.escape import plain
from reports.reading import answer_file
from reports.wording.answer import verdict_line

NUMBERS = ("difference", "low", "high", "level", "low_95", "high_95", "std", "p_t", "p_signflip", "p_holm",
           "p_anytime", "effect_size", "median", "median_low", "median_high", "unseen_failure", "skewness",
           "difference_without", "low_without", "high_without")  # fmt: skip
"""Fields of a comparison that are numbers, called as the columns of comparisons.csv are."""
COUNTS = ("seeds_needed", "seeds_fewest", "seeds_most", "settled_at", "won", "lost", "tied", "n_without")
"""Those that are whole numbers, or nothing."""
SEEDS = ("outliers", "collapsed", "collapsed_baseline")
"""Those that are lists of seeds."""


def cell_of(experiment: Experiment, task: str) -> dict[str, Any]:
    """Return how a task is called in files: its own name, and its number of labels where it has several."""
    name, labels = experiment.numbers_of_labels.get(task, (task, None))
    return {"task": name, "labels": labels}


def comparison(experiment: Experiment, ranking: Ranking, arch: str) -> answer_file.ComparisonAnswer:
    """Return what is said of an architecture beside the baseline."""
    row = ranking.versus_baseline.get(arch)
    return answer_file.ComparisonAnswer(
        **cell_of(experiment, ranking.task),
        metric=ranking.metric.name,
        arch=arch,
        baseline=experiment.baseline,
        verdict=getattr(row, "verdict", "unresolved"),
        text=plain(verdict_line(ranking, arch)),
        n=int(getattr(row, "n", 0)),
        family=int(getattr(row, "family", 0)),
        normal_assumption=bool(getattr(row, "normal_assumption", False)),
        anytime=bool(getattr(row, "anytime", experiment.anytime)),
        same_as=_text(getattr(row, "same_as", None)),
        skewed=bool(getattr(row, "skewed", False)),
        **_without(row),
        **numbers(row, NUMBERS),
        **_counts(row),
    )


def numbers(row: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return these numbers of a row of a frame, which need not be there."""
    return {name: number(getattr(row, name, None)) for name in names}


def number(value: Any) -> float | None:
    """Return a number, or None where there is no finite one."""
    return None if value is None or pd.isna(value) or not math.isfinite(value) else float(value)


def _counts(row: Any) -> dict[str, Any]:
    """Return the whole numbers of a row of comparisons."""
    found = {name: getattr(row, name, None) for name in COUNTS}
    return {name: None if value is None or pd.isna(value) else int(value) for name, value in found.items()}


def _without(row: Any) -> dict[str, Any]:
    """Return the seeds that stand out, and the verdict without them."""
    verdict = {"verdict_without": _text(getattr(row, "verdict_without", None))}
    return verdict | {name: list(getattr(row, name, ())) for name in SEEDS}


def _text(value: Any) -> str | None:
    """Return a text, or None where a frame has none."""
    return value if isinstance(value, str) else None
