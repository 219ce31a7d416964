"""Are parameters the reason? Pairs of architectures of one size whose weights sit in different places."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bench.statistics.comparisons import Comparison, compare_paired, holm_family, seed_values
from reports.findings.experiment import Experiment

SAME_SIZE = 0.10  # parameter counts within 10 % of the smaller
OTHER_SHARE = 0.10  # conv shares at least 10 points apart
FEWEST = 5  # architectures from which a rank correlation is worth printing


@dataclass(frozen=True)
class Pair:
    """more and less: by conv share; comparison: quality of `more` minus `less`, Holm-adjusted over the task's pairs."""

    more: str
    less: str
    shares: tuple[float, float]
    sizes: tuple[float, float]
    comparison: Comparison


def points(experiment: Experiment, task: str) -> pd.DataFrame:
    """A row per architecture with a result on `task`: arch, params, conv_share (0 to 1), quality (raw unit)."""
    ranking = experiment.rankings[task]
    runs = experiment.runs[(experiment.runs["task"] == task) & experiment.runs["params_total"].notna()]
    rows = [
        (
            row.arch,
            float(row.params_total),
            float(row.params_conv) / float(row.params_total),
            ranking.cells[row.arch].mean,
        )
        for row in runs.drop_duplicates("arch").itertuples(index=False)
        if row.arch in ranking.order and row.params_total
    ]
    return pd.DataFrame(rows, columns=["arch", "params", "conv_share", "quality"])


def pairs(experiment: Experiment, task: str) -> list[Pair]:
    """Every matched pair of one task, largest difference in conv share first."""
    metric = experiment.rankings[task].metric
    frame = experiment.runs[experiment.runs["task"] == task]
    found = {}
    for a, b in combinations(points(experiment, task).itertuples(index=False), 2):
        same = max(a.params, b.params) <= (1 + SAME_SIZE) * min(a.params, b.params)
        if same and abs(a.conv_share - b.conv_share) >= OTHER_SHARE:
            more, less = (a, b) if a.conv_share > b.conv_share else (b, a)
            found[(more.arch, less.arch)] = (more, less)
    better, margin = metric.higher_is_better is not False, metric.margin
    values = {
        arch: seed_values(frame[frame["arch"] == arch], metric.name) for arch in {n for key in found for n in key}
    }
    family = {
        key: compare_paired(values[key[0]], values[key[1]], higher_is_better=better, margin=margin) for key in found
    }
    judged = holm_family(family, higher_is_better=better, margin=margin)
    result = [
        Pair(more.arch, less.arch, (more.conv_share, less.conv_share), (more.params, less.params), judged[key])
        for key, (more, less) in found.items()
    ]
    return sorted(result, key=lambda pair: pair.shares[1] - pair.shares[0])


def rank_correlations(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Spearman's of quality with (conv share, parameters) over architectures; None when they are too few."""
    if len(frame) < FEWEST or frame["conv_share"].nunique() < 3 or frame["params"].nunique() < 3:
        return None
    table = frame[["quality", "conv_share", "params"]].corr(method="spearman")
    return float(table.loc["quality", "conv_share"]), float(table.loc["quality", "params"])
