"""What few labels are enough for: test errors by method, number of labels and architecture, and their comparisons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from archs.errors import UserError
from bench.spec.metrics import Metric
from bench.statistics.comparisons import Comparison, Interval, compare_paired, holm_family, mean_interval, seed_values
from reports.findings.experiment import Experiment

ERROR = Metric(
    "test_error", "test error", "%", False, "share of test images classified wrongly", margin=0.001, scale=100.0
)
M1M2 = "M1+M2"
CODES_ALONE = "Reader of codes alone"
"""Methods whose results are those of an evaluation of VAEs (its part `few_labels`), not of a task."""
OF_CODES = re.compile(r"m1m2_(alone_)?accuracy_l(\d+)")
"""The names of its metrics: M2 on the codes of a VAE, or its reader on those of the labelled images alone."""
OF_VALIDATION = re.compile(r"m1m2_validation_accuracy_l(\d+)")
"""The name of the accuracy with which it reads the validation images."""
LIVE = re.compile(r"m1m2_dimensions_l\d+")
"""The names under which it counts the dimensions that it reads."""
PUBLISHED: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "m2": {100: (11.97, 1.71), 600: (4.94, 0.13), 1000: (3.60, 0.56), 3000: (3.92, 0.63)},
    M1M2: {100: (3.33, 0.14), 600: (2.59, 0.05), 1000: (2.40, 0.02), 3000: (2.18, 0.04)},
}
"""Method → number of labels → test error on MNIST and its ±, both in %: Kingma et al. 2014, table 1."""
ALIKE = 0.875
"""Share of errors from which a classifier may read every image alike: MNIST's most frequent digit is 11.35 %."""


class Cell(NamedTuple):
    """Which results: of one number of labels and one architecture."""

    labels: int
    arch: str


@dataclass(frozen=True)
class Method:
    """A way to classify from few labels, and its test errors."""

    label: str
    """Its name on the page, which no other one has."""

    task: str
    """The task whose runs it is of."""

    is_alone: bool
    """Whether it is shown the labelled images alone."""

    is_of_codes: bool
    """Whether it reads the codes of a VAE, and not images."""

    errors: Mapping[Cell, Mapping[int, float]]
    """Cell → seed → share of test images classified wrongly; NaN for a run that did not finish."""

    repeated: Mapping[Cell, str] = field(default_factory=dict)
    """Cell → the architecture whose network its own is: it is in no test."""

    one_label: Mapping[Cell, frozenset[int]] = field(default_factory=dict)
    """Cell → the seeds whose classifier is known to read every test image as the same label."""

    @property
    def published(self) -> Mapping[int, tuple[float, float]]:
        """Number of labels → published test error on MNIST and its ±, in %; empty where none is known here."""
        return {} if self.is_alone else PUBLISHED.get(M1M2 if self.is_of_codes else self.task, {})

    def alike(self, cell: Cell) -> list[int]:
        """Return the seeds whose classifier reads every image alike, or is no better than one that does."""
        poor = {seed for seed, error in self.errors.get(cell, {}).items() if error >= ALIKE}
        return sorted(poor | self.one_label.get(cell, frozenset()))

    def interval(self, cell: Cell) -> Interval | None:
        """Return the mean over finished seeds with its 95 % interval; None without such."""
        found = mean_interval([error for error in self.errors.get(cell, {}).values() if error == error])
        return found if found.n else None


@dataclass(frozen=True)
class FewLabels:
    """All that is known of classification from few labels."""

    methods: tuple[Method, ...]
    """Those that see the labelled images alone first."""

    cells: tuple[Cell, ...]
    """In the order of the table: by number of labels, then architectures by result."""

    versus: Mapping[tuple[str, Cell], Comparison]
    """(Label of a method, cell) → its architecture against the baseline; all are one family of Holm's test."""

    worth: Mapping[tuple[str, str], Mapping[Cell, Comparison]]
    """(Label of a method, of one that saw the labelled images alone) → cell → their paired difference, by itself."""

    @property
    def numbers(self) -> list[int]:
        """The numbers of labels, rising."""
        return sorted({cell.labels for cell in self.cells})


class LiveDimensions(NamedTuple):
    """How many dimensions of codes vary over the images."""

    images: str
    """Over which: training or test."""

    counts: Mapping[str, tuple[float, ...]]
    """Architecture, in the order of results → the number of each finished run."""


def few_labels(experiment: Experiment) -> FewLabels | None:
    """Return what is known of classification from few labels; None if no run did it."""
    methods = sorted([*_of_tasks(experiment), *_of_codes(experiment)], key=lambda method: not method.is_alone)
    if not any(method.interval(cell) for method in methods for cell in method.errors):
        return None
    found = {cell for method in methods for cell in method.errors}
    order = {arch: place for place, arch in enumerate(experiment.order)}
    return FewLabels(
        methods=tuple(methods),
        cells=tuple(sorted(found, key=lambda cell: (cell.labels, order.get(cell.arch, len(order))))),
        versus=_versus(methods, experiment.baseline, experiment.anytime),
        worth=_worth(methods, experiment.anytime),
    )


def live_dimensions(experiment: Experiment, task: str) -> LiveDimensions | None:
    """Return how many dimensions of each code of a task vary over the images; None if nothing counted them.

    As M1+M2 counted them, else as all codes are counted (by the variance of the mean over the test images).
    """
    runs = experiment.runs_of(task)
    runs = runs[runs["status"] == "finished"]
    counted = [name for name in map(str, runs) if LIVE.fullmatch(name)]
    counted = [name for name in counted if runs[name].notna().any()]
    columns = counted or [name for name in ("active_units",) if name in runs]
    if not columns:
        return None
    counts = runs[columns].astype(float).max(axis=1)  # one code has as many with any number of labels
    by_arch = {str(arch): tuple(own.dropna()) for arch, own in counts.groupby(runs["arch"], sort=False)}
    known = {arch: by_arch[arch] for arch in experiment.order if by_arch.get(arch)}
    return LiveDimensions("training" if counted else "test", known) if known else None


def over_passes(experiment: Experiment) -> pd.DataFrame:
    """Return M1+M2's error on the validation images over its passes, in %.

    A row per point of a curve: task, labels, arch, seed, passes, error; empty where no code was read.
    """
    columns = ["task", "labels", "arch", "seed", "passes", "error"]
    rows: list[tuple[str, int, str, int, float, float]] = []
    for record in experiment.finished:
        numbers = [int(found[1]) for name in record.metrics if (found := OF_VALIDATION.fullmatch(name))]
        named = {number: (f"m1m2_curve_passes_l{number}", f"m1m2_curve_accuracy_l{number}") for number in numbers}
        arrays = record.arrays(*(name for pair in named.values() for name in pair)) if named else {}
        for number, (passes, accuracy) in named.items():
            if passes in arrays and accuracy in arrays:
                run = (record.spec["task"], number, record.spec["arch"], record.spec["seed"])
                if len(arrays[passes]) != len(arrays[accuracy]):
                    raise UserError(f"run {record.run_id}: {passes} and {accuracy} differ in length")
                points = zip(arrays[passes], ERROR.scale * (1 - arrays[accuracy]), strict=True)
                rows += [(*run, float(x), float(y)) for x, y in points]
    return pd.DataFrame(rows, columns=columns)


def _of_tasks(experiment: Experiment) -> list[Method]:
    """Return a method for each task with few labels that is judged by its accuracy."""
    errors: dict[str, dict[Cell, dict[int, float]]] = {}
    repeated: dict[str, dict[Cell, str]] = {}
    for name, ranking in experiment.rankings.items():
        if not ranking.description.needs_labels or ranking.metric.name != "accuracy":
            continue
        task, runs = experiment.task_run(name), experiment.runs_of(name)
        for (labels, arch), own in runs[runs["labels"].notna()].groupby(["labels", "arch"], sort=False):
            values, cell = seed_values(own, "accuracy"), Cell(int(labels), str(arch))
            errors.setdefault(task, {})[cell] = {seed: 1 - value for seed, value in values.items()}
            if arch in ranking.same_as:
                repeated.setdefault(task, {})[cell] = ranking.same_as[arch]
    described = experiment.declared.tasks
    return [
        Method(
            label=described[task].label,
            task=task,
            is_alone=described[task].labelled_only,
            is_of_codes=False,
            errors=found,
            repeated=repeated.get(task, {}),
        )
        for task, found in errors.items()
    ]


def _of_codes(experiment: Experiment) -> list[Method]:
    """Return M1+M2, and its reader alone, of each task that was evaluated so."""
    columns = {name: found for name in map(str, experiment.runs) if (found := OF_CODES.fullmatch(name))}
    errors: dict[tuple[str, bool], dict[Cell, Mapping[int, float]]] = {}
    one_label: dict[tuple[str, bool], dict[Cell, frozenset[int]]] = {}
    for (task, arch), own in experiment.runs.groupby(["task", "arch"], sort=False):
        for name, found in columns.items():
            values = {seed: 1 - value for seed, value in seed_values(own, name).items() if value == value}
            if values:
                method, cell = (str(task), bool(found[1])), Cell(int(found[2]), str(arch))
                errors.setdefault(method, {})[cell] = values
                if not found[1] and (name := f"m1m2_classes_l{found[2]}") in own:
                    alike = (seed for seed, classes in seed_values(own, name).items() if classes == 1)
                    one_label.setdefault(method, {})[cell] = frozenset(alike)
    several = len({task for task, _ in errors}) > 1
    methods = []
    for (task, is_alone), by_cell in errors.items():
        of = f" ({experiment.label(task)})" if several else ""
        label = CODES_ALONE if is_alone else M1M2
        known = one_label.get((task, is_alone), {})
        methods.append(Method(label + of, task, is_alone, is_of_codes=True, errors=by_cell, one_label=known))
    return methods


def _versus(methods: list[Method], baseline: str, anytime: bool) -> dict[tuple[str, Cell], Comparison]:
    """Compare each architecture with the baseline, method by method and number by number: one family."""
    family: dict[tuple[str, Cell], Comparison] = {}
    for method in methods:
        for cell, values in method.errors.items():
            base = method.errors.get(Cell(cell.labels, baseline), {})
            compared = compare_paired(values, base, higher_is_better=False, margin=ERROR.margin, anytime=anytime)
            if cell.arch != baseline and cell not in method.repeated and compared.n:
                family[method.label, cell] = compared
    return holm_family(family, higher_is_better=False, margin=ERROR.margin)


def _worth(methods: list[Method], anytime: bool) -> dict[tuple[str, str], dict[Cell, Comparison]]:
    """Take each method's error less that of each that saw the labelled images alone, seed by seed.

    M2 is held against a reader of images, M1+M2 against that and the reader of its codes.
    """
    found: dict[tuple[str, str], dict[Cell, Comparison]] = {}
    for method in methods:
        for alone in methods:
            is_comparable = not alone.is_of_codes or (method.is_of_codes and method.task == alone.task)
            if method.is_alone or not alone.is_alone or not is_comparable:
                continue
            cells = {
                cell: compare_paired(values, alone.errors[cell], higher_is_better=False, anytime=anytime)
                for cell, values in method.errors.items()
                if cell in alone.errors
            }
            if any(row.n for row in cells.values()):
                found[method.label, alone.label] = cells
    return found


def in_frame(few: FewLabels) -> pd.DataFrame:
    """Return a row per method, number of labels and architecture: mean error, low and high, n."""
    rows = [
        [method.label, cell.labels, cell.arch, found.mean, found.low, found.high, found.n]
        for method in few.methods
        for cell in few.cells
        if (found := method.interval(cell)) is not None
    ]
    return pd.DataFrame(rows, columns=["method", "labels", "arch", "mean", "low", "high", "n"])
