"""The paired per-image test of the trained models beside the interval over seeds, each with the noise it covers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.statistics.image_tests import mcnemar, paired_images_over_seeds
from reports.findings.experiment import Experiment
from reports.findings.ranking import MARKS, Ranking
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.phrases import shown_task
from reports.wording.words import difference

PER_IMAGE = {"elbo": "test_elbo", "accuracy": "test_correct"}
"""Metric → the array of its per-image values in a record."""


def blocks(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    rows = [row for ranking in experiment.rankings.values() for row in _rows(experiment, ranking)]
    if not rows:
        return
    seed = int(experiment.runs["seed"].min())
    yield Heading("How sure: seeds and test images")
    yield Text(
        f"Two kinds of noise, kept apart. *Over seeds*: what another training run would give, on this test set. *Over images*: "
        "what another test set would give, for these trained weights (each image's difference averaged over the trained "
        f"pairs). McNemar counts the test images that only one of the two models of seed {seed} gets right. "
        f"All against {md(experiment.baseline)}, with 95 % intervals; the per-image tests are not corrected for their number."
    )
    headers = ("task", "architecture", "over seeds", "over images", f"McNemar (seed {seed})")
    table = Table(headers, tuple(rows), "llrrl", name="images")
    yield table if len(rows) <= 12 else Details(f"All {len(rows)} comparisons", [table])


def _rows(experiment: Experiment, ranking: Ranking) -> Iterator[tuple[str, ...]]:
    name = PER_IMAGE.get(ranking.metric.name)
    if name is None or ranking.baseline not in ranking.order:
        return
    values = _values(experiment, ranking.task, name)
    base = values.get(ranking.baseline, {})
    for arch in ranking.order:
        own, row = values.get(arch, {}), ranking.versus.get(arch)
        if row is None or not set(own) & set(base):
            continue
        found = paired_images_over_seeds(own, base)
        over_seeds = f"{difference(ranking.metric, row.difference, row.low, row.high)} {MARKS[row.verdict]}"
        over_images = difference(ranking.metric, found.difference, found.low, found.high)
        yield shown_task(ranking.task), arch, over_seeds, over_images, _mcnemar(ranking, own, base)


def _mcnemar(ranking: Ranking, own: dict[int, np.ndarray], base: dict[int, np.ndarray]) -> str:
    seed = min(set(own) & set(base))
    if ranking.metric.name != "accuracy":
        return "–"
    test = mcnemar(own[seed], base[seed])
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    return f"{test.only_a} vs {test.only_b}, {p}"


def _values(experiment: Experiment, task: str, name: str) -> dict[str, dict[int, np.ndarray]]:
    """arch → seed → [N_test]."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for record in experiment.finished:
        if record.spec["task"] == task and (array := record.arrays(name).get(name)) is not None:
            found.setdefault(record.spec["arch"], {})[record.spec["seed"]] = array
    return found
