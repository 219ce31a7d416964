"""The effects of the factors of a grid or a crossing, analysed task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.spec.metrics import Metric
from bench.spec.task import TaskDescription
from bench.statistics.factors import NumberFormat, headline, interactions, main_effects, sentences
from bench.statistics.factors.grid import ordered_levels
from reports.findings.ranking import Ranking

Factors = Mapping[str, Mapping[str, str]]
"""Architecture → factor → level."""


@dataclass(frozen=True)
class FactorAnalysis:
    """How the factors of a grid move the primary metric of one task."""

    task: str
    """Name of the task."""

    label: str
    """The task's name on the page."""

    metric: Metric
    """The task's primary metric."""

    frame: pd.DataFrame
    """A row per finished run: arch, seed, status, the metric, and a column per factor with its level as text."""

    factors: tuple[str, ...]
    """The factors that vary."""

    common_seeds: int | None = None
    """How many seeds every architecture has, of which the analysis is alone; None if there are no others."""

    @cached_property
    def sentences(self) -> list[str]:
        """The findings in words: effects in the metric's unit first, shares of the variance last."""
        return sentences(
            self.frame,
            self.metric.name,
            self.factors,
            unit=self.metric.unit_of_difference,
            scale=self.metric.scale,
            digits=self.metric.digits,
            margin=self.metric.margin,
            pairs=self.interactions,
        )

    @cached_property
    def headline(self) -> str:
        """The largest effects in one sentence; empty where none has an interval."""
        form = NumberFormat(self.metric.unit_of_difference, self.metric.scale, self.metric.digits)
        return headline(self.effects, form, self.metric.margin)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """The main effects that could be estimated, in the columns of `bench.statistics.factors.main_effects`."""
        table = main_effects(self.frame, self.metric.name, self.factors)
        return table[table["n"] > 0]

    @cached_property
    def interactions(self) -> pd.DataFrame:
        """The interactions that could be estimated, in the columns of `bench.statistics.factors.interactions`.

        Empty with one factor.
        """
        table = interactions(self.frame, self.metric.name, self.factors)
        return table[table["n"] > 0]

    @cached_property
    def strongest_interaction(self) -> tuple[pd.DataFrame, int] | None:
        """The means at the levels of the two factors that interact most; None with fewer than two factors.

        Returns:
            The means (levels of the one × levels of the other), and over how many settings of the other factors each is
            taken. Only settings that were run at every combination shown count, since a mean over different settings
            would show those and not the two factors. None if there is no such setting.
        """
        if self.interactions.empty:
            return None
        top = self.interactions.iloc[int(self.interactions["effect"].abs().argmax())]
        a, b = str(top["factor_a"]), str(top["factor_b"])
        others = [name for name in self.factors if name not in (a, b)]
        means = self.frame.groupby([a, b, *others])[self.metric.name].mean()
        if not others:
            table, settings = means.unstack(b), 1
        else:
            cells = means.unstack(others)
            complete = cells.loc[:, cells.notna().all()]
            table, settings = complete.mean(axis=1).unstack(b), complete.shape[1]
            if not settings:
                return None
        rows, columns = (ordered_levels(axis.to_series(), set(axis)) for axis in (table.index, table.columns))
        return table.reindex(index=rows, columns=columns), settings


def factor_analyses(
    runs: pd.DataFrame, layers: pd.DataFrame, rankings: Mapping[str, Ranking], factors: Factors, anytime: bool
) -> list[FactorAnalysis]:
    """Analyse every task whose architectures vary in at least one factor; those without factors are left out.

    Args:
        anytime: whether architectures have as many seeds as settled them. Then the seeds count that all of them have:
            of later ones the cells that were clear at once are missing, and a step would be taken over other cells.
    """
    found = [
        analysis_of(runs, layers, one.order, factors, one.description, one.metric, anytime) for one in rankings.values()
    ]
    return [analysis for analysis in found if analysis is not None]


def analysis_of(
    runs: pd.DataFrame,
    layers: pd.DataFrame,
    archs: Sequence[str],
    factors: Factors,
    description: TaskDescription,
    metric: Metric,
    anytime: bool = False,
) -> FactorAnalysis | None:
    """Return the analysis of one task; None if its architectures are no grid.

    Args:
        archs: those with a finished run; who has no factors is left out.
        anytime: as of `factor_analyses`.
    """
    task = description.name
    members = [arch for arch in archs if arch in factors]
    if len(members) < 2 or not _has_decoder(layers, task, factors[members[0]]):
        return None
    shared = [name for name in factors[members[0]] if all(name in factors[arch] for arch in members)]
    varying = tuple(name for name in shared if len({factors[arch][name] for arch in members}) > 1)
    cells = {tuple(factors[arch][name] for name in varying) for arch in members}
    if not varying or len(cells) < len(members):  # two in one cell: something that is no factor varies too
        return None
    runs, common_seeds = runs[(runs["task"] == task) & runs["arch"].isin(members)], None
    if anytime:
        of_all = runs.groupby("seed")["arch"].nunique() == len(members)
        common_seeds = None if of_all.all() else int(of_all.sum())
        runs = runs[runs["seed"].map(of_all)]
    runs = runs[runs["status"] == "finished"]
    frame = runs[["arch", "seed", "status", metric.name]].reset_index(drop=True)
    # an option of a plug-in's family may be called "seed", say
    columns = {name: f"option {name}" if name in frame else name for name in varying}
    for name, column in columns.items():
        frame[column] = [str(factors[arch][name]) for arch in runs["arch"]]
    return FactorAnalysis(task, description.label, metric, frame, tuple(columns.values()), common_seeds)


def _has_decoder(layers: pd.DataFrame, task: str, levels: Mapping[str, str]) -> bool:
    """Tell whether a factor named "decoder" means anything: on a task whose models have none it is only a name."""
    return "decoder" not in levels or bool(((layers["task"] == task) & (layers["part"] == "decoder")).any())
