"""Read a rendered report for `compare`: its manifest and records.csv, without the runs themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, of_manifest
from bench.statistics.settings import setting_text
from bench.statistics.tables import read_table
from reports.reading.manifest import read_manifest
from reports.reading.numbers_of_labels import Numbers, numbers_of, split_frame, with_numbers

REQUIRED_COLUMNS = ("arch", "task", "seed", "status", "dataset", "run_id")
WHOLE_NUMBERS = ("seed", "threads")


Cell = tuple[str, str]
"""(Architecture, task)."""


@dataclass(frozen=True)
class RenderedReport:
    """A report folder after `python -m reports render`."""

    folder: Path
    """The folder itself."""

    manifest: dict[str, Any]
    """manifest.json, checked by `reports.reading.manifest`."""

    runs: pd.DataFrame
    """records.csv: a row per run."""

    numbers_of_labels: Numbers = field(default_factory=dict)
    """The tasks that stand for a task with one of several numbers of labels: `reports.reading.numbers_of_labels`."""

    tuned_tasks: Mapping[str, str] = field(default_factory=dict)
    """Task → the name under which its tuned runs are among `runs`: `reports.comparing.tuned_runs`."""

    def settings(self, column: str) -> tuple[str, ...]:
        """Return the distinct values of a column of `runs` as text; none if there is no such column."""
        values = self.runs[column].dropna() if column in self.runs else []
        return tuple(sorted(set(map(setting_text, values))))

    @cached_property
    def declared(self) -> Declared:
        """What is known of the tasks and metrics."""
        known = with_numbers(of_manifest(self.manifest), self.numbers_of_labels)
        tuned = {name: known.tasks[task].tuned(name) for task, name in self.tuned_tasks.items() if task in known.tasks}
        return known.merged_with(Declared(tuned)) if tuned else known

    def finished(self, cell: Cell) -> pd.DataFrame:
        """Return the rows of the finished runs of a cell; none if it has none."""
        return self._finished.get(cell, self.runs[:0])

    @cached_property
    def _finished(self) -> dict[Cell, pd.DataFrame]:
        """The rows of the finished runs of each cell, looked up once for all metrics."""
        finished = self.runs[self.runs["status"] == "finished"]
        return {(arch, task): rows for (arch, task), rows in finished.groupby(["arch", "task"], sort=False)}

    def metrics_of_cells(self) -> dict[Cell, set[str]]:
        """Return cell → the names of the metrics of which it has a finite value."""
        runs = self.runs[self.runs["status"] == "finished"]
        values = runs[self.declared.metric_columns(runs.columns)].apply(pd.to_numeric, errors="coerce")
        found = np.isfinite(values.astype(float)).groupby([runs["arch"], runs["task"]]).any()
        return {cell: set(found.columns[row]) for cell, row in zip(found.index, found.to_numpy(), strict=True)}

    def fingerprints(self, kind: str, name: str) -> tuple[str, ...]:
        """Return the fingerprints of the code of an architecture (`kind` "arch") or of a plug-in task ("task")."""
        column = f"{kind}_fingerprint"
        rows = self.runs[self.runs[kind] == name]
        return tuple(sorted(set(rows[column].dropna().astype(str)))) if column in rows else ()

    def label_inputs(self, cell: Cell) -> tuple[str, ...]:
        """Return how the encoder of a cell is told the label; of one that isn't, "planes"."""
        rows = self.runs[(self.runs["arch"] == cell[0]) & (self.runs["task"] == cell[1])]
        return tuple(sorted(set(rows["label_input"].fillna("planes")))) if "label_input" in rows else ("planes",)

    def steps(self, cell: Cell) -> tuple[str, ...]:
        """Return the steps of a cell's trainings where they are its architecture's own; else "whole epochs"."""
        rows = self.runs[(self.runs["arch"] == cell[0]) & (self.runs["task"] == cell[1])]
        values = rows["steps"].dropna() if "steps" in rows else []
        return tuple(sorted(set(map(setting_text, values)))) or ("whole epochs",)


def read_report(folder: Path) -> RenderedReport:
    """Read a report folder's manifest and records.csv.

    Raises:
        UserError: either is missing or can't be read.
    """
    manifest = read_manifest(folder)
    path = folder / "records.csv"
    try:
        runs = read_table(path)
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no records.csv: expected a rendered report; run python -m reports render {folder}"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())}") from None
    lacking = [column for column in REQUIRED_COLUMNS if column not in runs]
    if lacking or runs.empty:
        raise UserError(f"{path} {'lacks ' + ', '.join(lacking) if lacking else 'is empty'}: expected a row per run")
    report = RenderedReport(folder, manifest, runs)
    problem = _problem(report)
    if problem:
        raise UserError(f"{path}: {problem}; python -m reports render {folder} writes it anew")
    return report


def split_alike(a: RenderedReport, b: RenderedReport) -> tuple[RenderedReport, RenderedReport]:
    """Return the reports, a task that either was run on with several numbers of labels being several tasks in both."""
    several = {task for report in (a, b) for task, _ in numbers_of(_labelled(report)).values()}
    first, second = (numbers_of(_labelled(report), several) for report in (a, b))
    return _split(a, first), _split(b, second)


def _labelled(report: RenderedReport) -> list[tuple[str, object]]:
    """Return (task, number of labels) of each run; NaN where there is none."""
    runs = report.runs
    labels = pd.to_numeric(runs["labels"], errors="coerce") if "labels" in runs else pd.Series(np.nan, runs.index)
    return list(zip(runs["task"], labels.tolist(), strict=True))


def _split(report: RenderedReport, numbers: Numbers) -> RenderedReport:
    return replace(report, runs=split_frame(report.runs, numbers), numbers_of_labels=numbers) if numbers else report


def _problem(report: RenderedReport) -> str | None:
    """Say which value of records.csv is missing or no number where one must be; None if all is well."""
    runs = report.runs
    for name in REQUIRED_COLUMNS:
        if runs[name].isna().any():
            return f"row {int(runs[name].isna().to_numpy().argmax()) + 1} has no {name}: expected one in every row"
    for name in (*WHOLE_NUMBERS, *report.declared.metric_columns(runs.columns)):
        values = runs[name].dropna() if name in runs else pd.Series(dtype=float)
        numbers, expected = pd.to_numeric(values, errors="coerce"), "a number"
        wrong = numbers.isna()
        if name in WHOLE_NUMBERS:
            wrong, expected = wrong | (numbers % 1 != 0), "a whole number"
        if wrong.any():
            row = values.index[wrong][0]
            return f"row {row + 1} has {name} {str(values[row])[:40]!r}: expected {expected}"
    return None
