"""An experiment: what a report folder holds, and the findings that the page is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.spec.metrics import Metric
from bench.statistics.comparisons import comparisons_frame
from bench.statistics.frames import metric_names, records_frame, summary_frame
from reports.findings.factor_analysis import FactorAnalysis, factor_analyses
from reports.findings.matching import Matching, Share, matching
from reports.findings.racing.factors import RaceFactors, race_factors
from reports.findings.racing.raced import Raced
from reports.findings.racing.raced import of_folder as raced
from reports.findings.ranking import Ranking, rank
from reports.findings.tuning import Tuning, tuning
from reports.reading.report_folder import ReportFolder, read_folder

OF_FOLDER = fields(ReportFolder)
"""What is known of an experiment before anything is found."""


@dataclass(frozen=True)
class Experiment(ReportFolder):
    """Everything that a page shows."""

    comparisons: pd.DataFrame
    """A row per architecture, task and metric, in the columns of `bench.statistics.comparisons.COLUMNS`.

    Empty if the baseline has no run.
    """

    rankings: Mapping[str, Ranking]
    """Task → its ranking, in the order of the tasks."""

    order: tuple[str, ...]
    """The architectures by result on the first task, then on the next; those without any result last."""

    @cached_property
    def factor_analyses(self) -> list[FactorAnalysis]:
        """The factor analysis of each task that has one."""
        factors = self.manifest.get("factors") or {}
        return factor_analyses(self.runs, self.layers, self.rankings, factors, self.anytime)

    @cached_property
    def matching(self) -> Matching | None:
        """What each architecture's trainings were given; None if all have the same epochs."""
        return matching(self.manifest)

    def shares(self, task: str) -> Mapping[str, Share]:
        """Return architecture → what its trainings on a task were given; empty if all have the same epochs."""
        run, labels = self.numbers_of_labels.get(task, (task, None))
        return self.matching.of(run, labels) if self.matching else {}

    @cached_property
    def tuning(self) -> Tuning | None:
        """What became of the trials; None if nothing was tuned."""
        return tuning(self)

    @cached_property
    def race(self) -> Raced | None:
        """The race by which what is shown was chosen; None if there was none."""
        return raced(self)

    @cached_property
    def race_factors(self) -> RaceFactors | None:
        """What the factors of the grid that raced are worth; None without a race, or a grid in it."""
        return race_factors(self, self.race)

    @cached_property
    def tuned(self) -> Experiment | None:
        """The same experiment with each run replaced by the best of its trials by validation.

        None if nothing was tuned, or no run has all of its trials. Its runs have no `lr`, and no evaluations.
        """
        if self.tuning is None or not self.tuning.chosen:
            return None
        runs, values = records_frame(self.tuning.chosen), {field.name: getattr(self, field.name) for field in OF_FOLDER}
        values |= {"records": self.tuning.chosen, "missing": (), "trials": (), "runs": runs}
        values["summary"] = summary_frame(runs, metric_names(self.tuning.chosen))
        values["manifest"] = {name: value for name, value in self.manifest.items() if name != "tuning"}
        return experiment_of(ReportFolder(**values))

    @property
    def shown_rankings(self) -> list[Ranking]:
        """Those of all tasks, with the common recipe and, where runs were tuned, tuned."""
        return [*self.rankings.values(), *(self.tuned.rankings.values() if self.tuned else ())]

    @property
    def head_rankings(self) -> list[Ranking]:
        """Those of the page's head: of several numbers of labels the fewest; more have a section of their own."""
        return [ranking for ranking in self.rankings.values() if not self._is_of_more_labels(ranking)]

    def _is_of_more_labels(self, ranking: Ranking) -> bool:
        """Return whether the same task has a result with fewer labels, and the section on few labels shows both."""
        of, count = self.numbers_of_labels.get(ranking.task, (ranking.task, 0))
        fewer = [name for name, (task, less) in self.numbers_of_labels.items() if task == of and less < count]
        return ranking.metric.name == "accuracy" and any(self.rankings[name].order for name in fewer)

    def primary(self, task: str) -> Metric:
        """Return the metric that a task is judged by."""
        return self.declared.primary(task)


def load(folder: Path, runs_dir: Path | None = None) -> Experiment:
    """Read a report folder and rank its architectures.

    Args:
        folder: it holds manifest.json.
        runs_dir: where the records are, if not where the manifest says.

    Raises:
        UserError: the folder can't be read as one report; see `read_folder`.
    """
    return experiment_of(read_folder(folder, runs_dir))


def experiment_of(read: ReportFolder) -> Experiment:
    """Rank the architectures of a report folder."""
    has_baseline = read.baseline in set(read.runs["arch"])
    comparisons = None
    if has_baseline:
        comparisons = comparisons_frame(read.runs, read.baseline, declared=read.declared, anytime=read.anytime)
    rows = [] if comparisons is None else list(comparisons.itertuples(index=False))
    rankings = {task: rank(read, rows, task) for task in read.tasks}
    return Experiment(
        **{field.name: getattr(read, field.name) for field in OF_FOLDER},
        comparisons=pd.DataFrame() if comparisons is None else comparisons,
        rankings=rankings,
        order=_order(list(read.archs), list(rankings.values())),
    )


def _order(archs: list[str], rankings: list[Ranking]) -> tuple[str, ...]:
    """Return the architectures by result on the first task, then on the next; those without any result last."""
    ranked = [arch for ranking in rankings for arch in ranking.order]
    return tuple(arch for arch in dict.fromkeys(ranked + archs) if arch in archs)
