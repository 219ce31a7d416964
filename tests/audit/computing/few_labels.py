"""Test errors with few labels by method, number of labels and architecture: what they are, and how they compare."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

from tests.audit.computing import sequential
from tests.audit.computing.own_statistics import ALPHA, sample
from tests.audit.computing.verdicts import Judged, judged_family
from tests.audit.facts import Facts

MARGIN, COLLAPSED = 0.1, 87.5
"""In points, and in % of errors."""
OF_CODES = {"Reader of codes alone": "m1m2_alone_accuracy_l", "M1+M2": "m1m2_accuracy_l"}
OF_TASKS = {"reader": "Reader alone", "m2": "M2"}
ALONE = ("Reader alone", "Reader of codes alone")
SUMMARIES = {
    "Reader alone": "M2's classifier trained on the labelled images alone",
    "Reader of codes alone": "the classifier of M2 on the VAE's codes of the labelled images alone",
    "M2": "semi-supervised generative model with few labels",
    "M1+M2": "M2 on the VAE's codes of all training images",
}
PUBLISHED = {
    "M2": {100: "11.97 ± 1.71", 600: "4.94 ± 0.13", 1000: "3.60 ± 0.56", 3000: "3.92 ± 0.63"},
    "M1+M2": {100: "3.33 ± 0.14", 600: "2.59 ± 0.05", 1000: "2.40 ± 0.02", 3000: "2.18 ± 0.04"},
}
"""Kingma et al. 2014 (arXiv 1406.5298), table 1."""


class Cell(NamedTuple):
    """Of one number of labels and one architecture."""

    labels: int
    arch: str


@dataclass(frozen=True)
class Errors:
    """The test errors of one method, in %."""

    by_seed: dict[Cell, dict[int, float]] = field(default_factory=dict)
    """NaN for a run that failed."""

    alike: set[tuple[Cell, int]] = field(default_factory=set)
    """Cells and seeds in which a single label was read in all test images."""

    def finished(self, cell: Cell) -> np.ndarray:
        values = np.array(list(self.by_seed.get(cell, {}).values()), dtype=float)
        return values[np.isfinite(values)]


@cache
def methods(facts: Facts) -> dict[str, Errors]:
    """Return method → its errors: first what saw the labelled images alone, each kind in the order of the tasks."""
    found: dict[str, Errors] = {}
    for task in facts.manifest["tasks"]:
        if task not in OF_TASKS:
            continue
        own = found.setdefault(OF_TASKS[task], Errors())
        for row in facts.written[facts.written["task"] == task].itertuples():
            error = 100 * (1 - row.accuracy) if row.status == "finished" else math.nan
            own.by_seed.setdefault(Cell(int(row.labels), row.arch), {})[row.seed] = error
    for label, prefix in OF_CODES.items():
        for column in (column for column in facts.runs if str(column).startswith(prefix)):
            own, labels = found.setdefault(label, Errors()), int(column.removeprefix(prefix))
            for row in facts.runs[facts.runs[column].notna()].to_dict("records"):
                cell = Cell(labels, row["arch"])
                own.by_seed.setdefault(cell, {})[row["seed"]] = 100 * (1 - row[column])
                if label not in ALONE and row.get(f"m1m2_classes_l{labels}") == 1:
                    own.alike.add((cell, row["seed"]))
    return dict(sorted(found.items(), key=lambda item: item[0] not in ALONE))


@cache
def cells(facts: Facts) -> list[Cell]:
    """Return the rows of the table: by the number of labels, then by result on the first task, the next, …"""
    found = {cell for method in methods(facts).values() for cell in method.by_seed}
    order: list[str] = []
    for task in facts.manifest["tasks"]:
        runs = facts.written[(facts.written["task"] == task) & (facts.written["status"] == "finished")]
        for _, own in runs.groupby("labels", dropna=False):
            means = own.groupby("arch", sort=False)["elbo" if task == "vae" else "accuracy"].mean()
            order += sorted(means.index, key=lambda arch, means=means: -means[arch])
    order = list(dict.fromkeys([*order, *facts.manifest["archs"]]))
    return sorted(found, key=lambda cell: (cell.labels, order.index(cell.arch)))


@cache
def repeated(facts: Facts) -> dict[Cell, str]:
    """Return the cells of crossings that, as readers of images, are a network of another row, and whose it is."""
    own, found = methods(facts).get("Reader alone", Errors()), {}
    for labels, arch in own.by_seed:
        finished = [cell.arch for cell in own.by_seed if cell.labels == labels and len(own.finished(cell))]
        same = [other for other in finished if other.split("+")[0] == arch.split("+")[0]]
        first = next((other for other in (facts.baseline, arch.split("+")[0], *same) if other in same), arch)
        if arch in same and arch != first:
            found[Cell(labels, arch)] = first
    return found


@cache
def verdicts(facts: Facts) -> dict[tuple[str, Cell], Judged]:
    """Return (method, cell) → the verdict against the baseline; all together are one family."""
    pairs = {}
    for label, method in methods(facts).items():
        for cell in method.by_seed:
            left_out = cell.arch == facts.baseline or (label == "Reader alone" and cell in repeated(facts))
            own, base = both(method, cell, method, Cell(cell.labels, facts.baseline))
            if not left_out and len(own):
                pairs[label, cell] = (-own, -base)  # the lower error is the better
    return judged_family(pairs, MARGIN, facts.anytime)


class Worth(NamedTuple):
    """The mean of paired differences with its 95 % interval."""

    n: int
    mean: float
    low: float
    high: float


@cache
def worth(facts: Facts) -> dict[tuple[str, str], dict[Cell, Worth]]:
    """Return (method, that on the labelled images alone) → cell → the error of the first less that of the second."""
    found = {}
    for label, method in methods(facts).items():
        for other in ALONE:
            if label in ALONE or other not in methods(facts) or (label == "M2" and other != "Reader alone"):
                continue
            rows = {}
            for cell in method.by_seed:
                a, b = both(method, cell, methods(facts)[other], cell)
                if len(a):
                    size = float(max(np.abs(a).max(), np.abs(b).max()))
                    own = sample(a - b, size)
                    ends = sequential.interval(a - b, size, ALPHA) if facts.anytime else own.interval()
                    rows[cell] = Worth(own.n, own.mean, *ends)
            if rows:
                found[label, other] = rows
    return found


def both(one: Errors, of_one: Cell, other: Errors, of_other: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors of the seeds that finished in both cells."""
    a, b = one.by_seed.get(of_one, {}), other.by_seed.get(of_other, {})
    pairs = [(a[seed], b[seed]) for seed in sorted(a) if math.isfinite(a[seed] + b.get(seed, math.nan))]
    found = np.array(pairs, dtype=float).reshape(-1, 2)
    return found[:, 0], found[:, 1]
