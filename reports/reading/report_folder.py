"""Read a report folder: its manifest, the records that the manifest names, and frames made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, of_manifest
from bench.spec.output.lines import say_warning
from bench.statistics.frames import history_frame, layers_frame, metric_names, records_frame, summary_frame
from bench.statistics.settings import refuse_mixed
from bench.store.evaluations import with_evaluations
from bench.store.lookup import runs_directory
from bench.store.record import Damaged, Record
from bench.store.store import Store
from reports.reading.manifest import holds_at_any_look, read_manifest
from reports.reading.numbers_of_labels import Numbers, renamed, split_records, with_numbers
from reports.reading.older_records import with_kl_units
from reports.reading.speeds import MeasuredSpeeds, read_speeds


@dataclass(frozen=True)
class ReportFolder:
    """What a report is made of. Frames have the columns that `bench.statistics.frames` documents."""

    folder: Path
    """The folder itself."""

    manifest: Mapping[str, Any]
    """manifest.json, checked by `reports.reading.manifest`."""

    records: tuple[Record, ...]
    """The runs that the manifest names, failed ones included, each with its evaluations."""

    missing: tuple[str, ...]
    """Ids of runs that the manifest names and the store lacks."""

    runs: pd.DataFrame
    """A row per record."""

    summary: pd.DataFrame
    """A row per architecture, task and metric: mean, spread and interval over seeds."""

    layers: pd.DataFrame
    """A row per layer of each architecture and task."""

    trials: tuple[tuple[Record, ...], ...]
    """Of tuned runs the further trials, by their number, 1 first; empty if no run was tuned."""

    raced: tuple[Record, ...]
    """The runs of the race by which what is shown was chosen, failed ones included; empty if there was none."""

    numbers_of_labels: Numbers
    """The tasks that stand for a task with one of several numbers of labels: `reports.reading.numbers_of_labels`."""

    @cached_property
    def declared(self) -> Declared:
        """What is known of the tasks and metrics: what the manifest declares, beside what is built in."""
        return with_numbers(of_manifest(self.manifest), self.numbers_of_labels)

    def task_run(self, task: str) -> str:
        """Return the task as it was run and timed: `m2` of `m2-100`."""
        return self.numbers_of_labels.get(task, (task, 0))[0]

    def label(self, task: str) -> str:
        """Return a task's name on the page, such as "VAE"."""
        known = self.declared.tasks.get(task)
        return known.label if known else task

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per epoch of each finished run."""
        return history_frame(self.finished)

    @cached_property
    def measured_speeds(self) -> MeasuredSpeeds | None:
        """Speeds that were measured after training; None if none were."""
        tasks = tuple(dict.fromkeys(map(self.task_run, self.tasks)))
        runs = self.runs.assign(task=self.runs["task"].map(self.task_run))
        return read_speeds(self.folder, runs, tasks, self.baseline)

    @property
    def finished(self) -> list[Record]:
        """The records of finished runs."""
        return [record for record in self.records if record.status == "finished"]

    @property
    def failed_evaluations(self) -> list[tuple[Record, Record]]:
        """(run, evaluation) for each evaluation that failed."""
        return [(run, part) for run in self.records for part in run.evaluations if part.status != "finished"]

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of `runs` that did not finish."""
        return self.runs[self.runs["status"] != "finished"]

    def runs_of(self, task: str) -> pd.DataFrame:
        """Return the rows of `runs` that are of one task; whoever asks must not change them."""
        return self._by_task[task] if task in self._by_task else self.runs.iloc[:0]

    @cached_property
    def _by_task(self) -> dict[str, pd.DataFrame]:
        """Each task's rows, taken once: a page asks for them dozens of times, and each time takes as long."""
        return {str(task): rows for task, rows in self.runs.groupby("task", sort=False)}

    def failed_runs(self, task: str) -> dict[str, int]:
        """Return architecture → its runs of a task that failed; those without one are left out."""
        failed = self.failed
        return {str(arch): int(n) for arch, n in failed.loc[failed["task"] == task, "arch"].value_counts().items()}

    @property
    def archs(self) -> tuple[str, ...]:
        """The architectures in the order of the command line, which colours follow: so they don't depend on results."""
        return tuple(self.manifest["archs"])

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that have a record, in the order of the command line; numbers of labels from the smallest on."""
        present = set(self.runs["task"].unique())
        named = [
            name
            for task in self.manifest["tasks"]
            for name in (task, *(name for name, (of, _) in self.numbers_of_labels.items() if of == task))
        ]
        return tuple(task for task in dict.fromkeys(named) if task in present)

    @property
    def baseline(self) -> str:
        """Name of the architecture that the others are compared with."""
        return str(self.manifest["baseline"])

    @property
    def seeds(self) -> int:
        """The most seeds that were asked for; where the manifest does not say, the number that was run."""
        return int(self.manifest.get("seeds") or self.runs["seed"].nunique())

    @property
    def asked(self) -> int | None:
        """The seeds that every architecture was asked for; None where each has as many as settled it."""
        return None if self.anytime else self.seeds

    @property
    def stopping(self) -> Mapping[str, Any] | None:
        """By what rule seeds were added, as the manifest has it; None for a number of seeds fixed beforehand."""
        return self.manifest.get("stopping")

    @property
    def anytime(self) -> bool:
        """Whether every verdict over seeds must hold at any look: the one place that decides it for the page."""
        return holds_at_any_look(self.manifest)

    @property
    def planned(self) -> int:
        """The number of runs that were asked for, finished or not."""
        return max(int(self.manifest.get("planned") or 0), len(self.records) + len(self.missing))

    @property
    def without_record(self) -> int:
        """The number of runs that were asked for and have no record: not run yet, or removed since."""
        return self.planned - len(self.records)

    @cached_property
    def likelihood(self) -> str | None:
        """The likelihood of every ELBO on the page; None when only classifiers ran."""
        kinds = self.runs["likelihood"].dropna().unique()
        return str(kinds[0]) if len(kinds) else None

    @property
    def dataset(self) -> str:
        """Name of the data set of every run."""
        return str(self.runs["dataset"].iloc[0])


def read_folder(folder: Path, runs_dir: Path | None = None) -> ReportFolder:
    """Read a report folder's manifest and the runs that it names, from `runs_dir` or where the manifest says.

    Raises:
        UserError: the folder is no report, its runs are not there, or they are not of one data set and likelihood.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    where = runs_directory(folder, manifest, runs_dir)
    evaluations = {str(run_id) for run_id in manifest.get("evaluations") or ()}
    records, missing = _records(where, [str(one) for one in manifest["run_ids"]], evaluations, of_manifest(manifest))
    if not records:
        runs = "the one run" if len(missing) == 1 else f"none of the {len(missing)} runs"
        is_not = "is not" if len(missing) == 1 else "is"
        raise UserError(f"{runs} of {folder} {is_not} in {where}; point --runs-dir at the records")
    records, numbers = split_records([with_kl_units(record) for record in records])
    tuning = (manifest.get("tuning") or {}).get("run_ids", ())
    trials = (_records(where, [str(one) for one in run_ids], set(), of_manifest(manifest))[0] for run_ids in tuning)
    raced = (manifest.get("race") or {}).get("run_ids", ())
    runs = records_frame(records)
    for column in ("dataset", "likelihood"):
        kinds = sorted(set(runs[column].dropna()))
        if len(kinds) > 1:
            raise UserError(f"{folder} mixes {column} {' and '.join(kinds)}: expected one per report")
    refuse_mixed(runs, str(folder))
    return ReportFolder(
        folder=folder,
        manifest=manifest,
        records=tuple(records),
        missing=tuple(missing),
        runs=runs,
        summary=summary_frame(runs, metric_names(records)),
        layers=layers_frame(records),
        trials=tuple(tuple(renamed(trial, numbers)) for trial in trials),
        raced=tuple(_records(where, [str(one) for one in raced], set(), of_manifest(manifest))[0]),
        numbers_of_labels=numbers,
    )


def _records(
    where: Path, run_ids: list[str], evaluations: set[str], declared: Declared
) -> tuple[list[Record], list[str]]:
    """Return the runs, each with its evaluations that the manifest names, and the ids that have no sound record."""
    store = Store(where)
    records, missing = [], []
    for run_id in dict.fromkeys(run_ids):
        try:
            record = store.find(run_id)
            if record is not None and record.spec.get("task") not in declared.tasks:
                raise Damaged(f"run {run_id}: unknown task {str(record.spec.get('task'))[:40]!r}")
        except Damaged as error:
            say_warning(f"{error}; left out")
            record = None
        if record is None:
            missing.append(run_id)
        else:
            records.append(with_evaluations(store, record, evaluations) if evaluations else record)
    return records, missing
