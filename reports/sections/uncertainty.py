"""Show how sure the results are: intervals over seeds beside tests over the images, and what pairing gained."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.statistics.image_tests import mcnemar, paired_images_over_seeds
from reports.findings.experiment import Experiment
from reports.findings.ranking import VERDICT_MARKS, Ranking
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.reading.arrays import each_array
from reports.sections.context import Context
from reports.sections.robustness import beside_means
from reports.wording.formatting import NO_VALUE, difference, natural_list, number

FEWEST_TO_CORRELATE = 4
"""Pairs of seeds from which a correlation has an interval."""


@dataclass(frozen=True)
class Row:
    """A row of the table: an architecture against the baseline on one task."""

    task: str
    """Name of the task."""

    arch: str
    """The architecture."""

    over_seeds: str
    """Difference with its interval over seeds and its verdict."""

    over_images: str
    """Difference with its interval over test images."""

    mcnemar: str
    """Result of McNemar's test; empty for a task on which no image is right or wrong."""

    mcnemar_seed: int | None
    """Seed of the two models that McNemar's test is of; None where it was not made."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no task has values per image for two architectures, or pairs of seeds."""
    experiment = context.experiment
    rows = [row for ranking in experiment.rankings.values() for row in _rows(experiment, ranking)]
    gain, beside = about_pairing(experiment), list(beside_means.blocks(experiment))
    if rows or gain or beside:
        yield Heading("How sure: seeds and test images")
    yield from beside
    if gain:
        yield Text(gain)
    if not rows:
        return
    seeds = {row.mcnemar_seed for row in rows if row.mcnemar_seed is not None}
    families = {row.family for ranking in experiment.rankings.values() for row in _compared(ranking).values()}
    widened = ", widened for their number" if max(families, default=0) > 1 else ""
    one_seed = all(ranking.one_seed for ranking in experiment.rankings.values())
    of_seeds = f"intervals over seeds are those of the table at the top{widened}"
    of_seeds = "one seed gives no interval over seeds" if one_seed else of_seeds
    yield Text(
        "Two kinds of noise, kept apart. *Over seeds*: what another training run would give, on this test set. "
        "*Over images*: what another test set would give, for these trained weights (each image's difference averaged "
        f"over the trained pairs).{_about_mcnemar(seeds)} "
        f"All against {md(experiment.baseline)}; {of_seeds}, intervals over images are 95 % ones; the per-image tests "
        "are not corrected for their number."
    )
    headers = ["task", "architecture", "over seeds", "over images"]
    lines = [[experiment.label(row.task), row.arch, row.over_seeds, row.over_images] for row in rows]
    if seeds:
        headers.append(f"McNemar (seed {min(seeds)})" if len(seeds) == 1 else "McNemar (seed)")
        for line, row in zip(lines, rows, strict=True):
            several = row.mcnemar and len(seeds) > 1
            line.append(f"{row.mcnemar} ({row.mcnemar_seed})" if several else row.mcnemar or NO_VALUE)
    table = Table(tuple(headers), tuple(map(tuple, lines)), "llrrl"[: len(headers)], name="images")
    yield table if len(rows) <= 12 else Details(f"All {len(rows)} comparisons", [table])


def about_pairing(experiment: Experiment) -> str:
    """Say what pairing by seed gained, task by task; empty where there are no two seeds to pair."""
    known = list[str]()
    pairs = [row for ranking in experiment.rankings.values() for row in _compared(ranking).values() if row.n > 1]
    for ranking in experiment.rankings.values():
        told = [row for row in _compared(ranking).values() if row.n >= FEWEST_TO_CORRELATE]
        if told := [row for row in told if math.isfinite(row.correlation)]:
            ratios = _range([row.spread_ratio for row in told])
            known.append(f"{ratios} ({md(ranking.description.label)}; {_shared(told)})")
    if known:
        return (
            "What pairing by seed gained, as the spread of the differences over that of unpaired ones (1 is no gain): "
            f"{natural_list(known)}."
        )
    if any(row.n < FEWEST_TO_CORRELATE for row in pairs):
        return f"Fewer than {FEWEST_TO_CORRELATE} seeds can't tell what pairing by seed gained."
    return ""


def _shared(rows: Sequence[Any]) -> str:
    """Say how the results go together over the seeds, with the interval where there is one pair of architectures."""
    if len(rows) > 1:
        return f"correlations {_range([row.correlation for row in rows])}, with intervals in comparisons.csv"
    (row,) = rows
    brackets = (number(end, 2) for end in (row.correlation_low, row.correlation_high))
    return f"correlation {number(row.correlation, 2)} [{', '.join(brackets)}] over {int(row.n)} seeds"


def _range(values: Sequence[float]) -> str:
    low, high = (number(value, 2) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _compared(ranking: Ranking) -> dict[str, Any]:
    """Return architecture → its row against the baseline, each network once."""
    return {arch: row for arch, row in ranking.versus_baseline.items() if arch not in ranking.same_as}


def _about_mcnemar(seeds: Collection[int]) -> str:
    """Return what McNemar's test counts and in which models; empty where it was not made."""
    if not seeds:
        return ""
    whose = (
        f"seed {min(seeds)}"
        if len(seeds) == 1
        else "the seed in brackets: the lowest that every architecture finished, or else that both did"
    )
    return f" McNemar counts the test images that only one of the two models of {whose} gets right."


def _rows(experiment: Experiment, ranking: Ranking) -> Iterator[Row]:
    """Yield the rows of one task: the architectures that share a finished seed with the baseline."""
    name = ranking.description.array_of_primary
    if name is None or ranking.baseline not in ranking.order:
        return
    values = _values(experiment, ranking.task, name)
    base = values.get(ranking.baseline, {})
    common = {arch: set(own) & set(base) for arch, own in values.items()}
    compared = [arch for arch in ranking.distinct if arch in ranking.versus_baseline and common.get(arch)]
    seeds_of_all = set(base).intersection(*(common[arch] for arch in compared))
    for arch in compared:
        own, row = values[arch], ranking.versus_baseline[arch]
        found = paired_images_over_seeds(own, base)
        over_seeds = f"{difference(ranking.metric, row.difference, row.low, row.high)} {VERDICT_MARKS[row.verdict]}"
        over_images = difference(ranking.metric, found.difference, found.low, found.high)
        seed = min(seeds_of_all or common[arch]) if next(iter(own.values())).dtype == bool else None
        text = "" if seed is None else _mcnemar(own[seed], base[seed])
        yield Row(ranking.task, arch, over_seeds, over_images, text, seed)


def _mcnemar(own: np.ndarray, base: np.ndarray) -> str:
    """Format how many images only one of two models gets right, and the p of that."""
    test = mcnemar(own, base)
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    return f"{test.only_a} vs {test.only_b}, {p}"


def _values(experiment: Experiment, task: str, name: str) -> dict[str, dict[int, np.ndarray]]:
    """Return architecture → seed → the values of the test images, [N_test]."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for record, array in each_array((one for one in experiment.finished if one.spec["task"] == task), name):
        found.setdefault(record.spec["arch"], {})[record.spec["seed"]] = array
    return found
