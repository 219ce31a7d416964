"""Show what a verdict on means leaves open: unseen failures, seeds that stand out, medians and seeds won."""

from __future__ import annotations

from collections.abc import Iterator

from bench.statistics.comparisons import values_by_arch
from bench.statistics.robustness.differences import paired_differences
from reports.findings.collapses import collapses, compared, standing_out
from reports.findings.experiment import Experiment
from reports.findings.ranking import VERDICT_MARKS, Ranking
from reports.markup.blocks import Block, Details, Table, Text
from reports.markup.escape import md
from reports.wording.formatting import difference, signed
from reports.wording.robustness.beside_means import MEDIANS, STANDING_OUT, seeds_that_stand_out, skewed, unseen
from reports.wording.robustness.collapses import rates

MOST_OPEN = 12
"""Rows up to which a table is open."""


def blocks(experiment: Experiment) -> Iterator[Block]:
    """Yield what belongs under *How sure*; nothing without two pairs of seeds."""
    if text := " ".join(filter(None, [unseen(experiment), rates(experiment), skewed(experiment)])):
        yield Text(text)
    rankings = list(experiment.rankings.values())
    if rows := [line for ranking in rankings for line in _standing_out(experiment, ranking)]:
        yield Text(STANDING_OUT)
        headers = ("task", "architecture", "stands out, by how much from the median", "all seeds", "without them")
        table = Table(headers, tuple(rows), "lllrr", name="standing_out")
        yield table if len(rows) <= MOST_OPEN else Details(f"All {len(rows)} comparisons with such seeds", [table])
    if lines := [line for ranking in rankings for line in _medians(ranking)]:
        names = ("task", "architecture", "mean difference", "median difference", "seeds won", "skewness")
        table = Table(names, tuple(lines), "llrrrr", name="medians")
        about = f"Differences from {md(experiment.baseline)}. {MEDIANS}"
        yield Details("Beside the means: medians and seeds won", [Text(about), table])


def _standing_out(experiment: Experiment, ranking: Ranking) -> Iterator[tuple[str, ...]]:
    """Yield a row of each comparison that has such seeds."""
    metric = ranking.metric
    collapsed = {one.arch: one.seeds for one in collapses(experiment, ranking.task)}
    values = values_by_arch(experiment.runs_of(ranking.task), metric.name)
    for arch, row in standing_out(ranking).items():
        differences = paired_differences(values[arch], values[ranking.baseline])
        with_all = f"{difference(metric, row.difference, row.low, row.high)} {VERDICT_MARKS[row.verdict]}"
        without = difference(metric, row.difference_without, row.low_without, row.high_without)
        seeds = seeds_that_stand_out(metric, row, differences, collapsed)
        label = ranking.description.label
        yield label, arch, seeds, with_all, f"{without} {VERDICT_MARKS[row.verdict_without]}"


def _medians(ranking: Ranking) -> Iterator[tuple[str, ...]]:
    """Yield a row of each comparison."""
    metric = ranking.metric
    for arch, row in compared(ranking).items():
        won = f"{row.won} of {row.n}" + (f", {row.tied} tied" if row.tied else "")
        mean = signed(row.difference * metric.scale, metric.digits)
        median = difference(metric, row.median, row.median_low, row.median_high)
        yield ranking.description.label, arch, mean, median, won, signed(row.skewness, 2)
