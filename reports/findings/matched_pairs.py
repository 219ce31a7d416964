"""Are parameters the reason? Pairs of architectures of about one size whose weights sit in different places."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from bench.statistics.comparisons import Comparison, compare_paired, holm_family, values_by_arch
from reports.findings.experiment import Experiment
from reports.reading.once import once

SAME_SIZE = 0.10
"""Matched: the larger has at most 10 % more parameters than the smaller."""
SHARE_APART = 0.10
"""Matched: the shares of convolutions are at least 10 percentage points apart."""
FEWEST_TO_CORRELATE = 5
"""Architectures from which a rank correlation is worth printing."""


@dataclass(frozen=True)
class MatchedPair:
    """Two architectures of about one size, of which one has the larger share of its weights in convolutions."""

    more_conv: str
    """The architecture with the larger share of convolutions."""

    less_conv: str
    """The other one."""

    conv_shares: tuple[float, float]
    """Of `more_conv` and `less_conv`, 0 to 1."""

    parameters: tuple[float, float]
    """Of `more_conv` and `less_conv`."""

    comparison: Comparison
    """Quality of `more_conv` minus `less_conv`, Holm-adjusted over the task's pairs."""


@once
def size_and_quality(experiment: Experiment, task: str) -> pd.DataFrame:
    """Return a row per network with a result on `task`: arch, params, conv_share (0 to 1), quality (raw unit)."""
    ranking = experiment.rankings[task]
    runs = experiment.runs_of(task)[["arch", "params_total", "params_conv"]]
    runs = runs[runs["params_total"].notna()]
    rows = [
        (
            row.arch,
            float(row.params_total),
            float(row.params_conv) / float(row.params_total),
            ranking.cells[row.arch].mean,
        )
        for row in runs.drop_duplicates("arch").itertuples(index=False)
        if row.arch in ranking.distinct and row.params_total
    ]
    return pd.DataFrame(rows, columns=["arch", "params", "conv_share", "quality"])


def matched_pairs(experiment: Experiment, task: str) -> list[MatchedPair]:
    """Return every matched pair of one task, largest difference in conv share first."""
    metric = experiment.rankings[task].metric
    found = {}
    for a, b in combinations(size_and_quality(experiment, task).itertuples(index=False), 2):
        same_size = max(a.params, b.params) <= (1 + SAME_SIZE) * min(a.params, b.params)
        if same_size and abs(a.conv_share - b.conv_share) >= SHARE_APART:
            more, less = (a, b) if a.conv_share > b.conv_share else (b, a)
            found[more.arch, less.arch] = (more, less)
    higher, margin = metric.higher_is_better is not False, metric.margin
    values = values_by_arch(experiment.runs_of(task), metric.name)
    family = {
        (more, less): compare_paired(
            values[more], values[less], higher_is_better=higher, margin=margin, anytime=experiment.anytime
        )
        for more, less in found
    }
    judged = holm_family(family, higher_is_better=higher, margin=margin)
    pairs = [
        MatchedPair(
            more_conv=more.arch,
            less_conv=less.arch,
            conv_shares=(more.conv_share, less.conv_share),
            parameters=(more.params, less.params),
            comparison=judged[key],
        )
        for key, (more, less) in found.items()
    ]
    return sorted(pairs, key=lambda pair: pair.conv_shares[1] - pair.conv_shares[0])


def rank_correlations(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return Spearman's rank correlations of quality with (conv share, parameters); None for too few architectures.

    Args:
        frame: what `size_and_quality` returns.
    """
    if len(frame) < FEWEST_TO_CORRELATE or frame["conv_share"].nunique() < 3 or frame["params"].nunique() < 3:
        return None
    table = frame[["quality", "conv_share", "params"]].corr(method="spearman")
    return float(table.loc["quality", "conv_share"]), float(table.loc["quality", "params"])
