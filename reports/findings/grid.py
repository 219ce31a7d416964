"""The grid or crossing that an experiment spells out, one analysis per task, each result computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.spec.metrics import Metric
from bench.statistics.factors import interactions, main_effects, sentences
from reports.findings.ranking import Ranking

Factors = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Analysis:
    """One task's grid, `label` being the task's.

    `frame` has a row per finished run with a column per factor; `names` are those that vary.
    """

    task: str
    label: str
    metric: Metric
    frame: pd.DataFrame
    names: tuple[str, ...]

    @cached_property
    def sentences(self) -> list[str]:
        return sentences(
            self.frame, self.metric.name, self.names, unit=self.metric.unit_of_difference, scale=self.metric.scale,
            digits=self.metric.digits, margin=self.metric.margin, pairs=self.interactions,
        )  # fmt: skip

    @cached_property
    def effects(self) -> pd.DataFrame:
        """`main_effects` that could be estimated."""
        table = main_effects(self.frame, self.metric.name, self.names)
        return table[table["n"] > 0]

    @cached_property
    def interactions(self) -> pd.DataFrame:
        """`interactions` that could be estimated; empty with one factor."""
        table = interactions(self.frame, self.metric.name, self.names)
        return table[table["n"] > 0]

    @cached_property
    def strongest(self) -> tuple[pd.DataFrame, int] | None:
        """Means of two factors' levels, those that interact most, and over how many settings of the other factors.

        Only settings that were run at every shown combination count: a mean over different settings would show them
        and not the two factors. None with fewer than two factors or no such setting.
        """
        if self.interactions.empty:
            return None
        top = self.interactions.iloc[int(self.interactions["effect"].abs().argmax())]
        a, b = str(top["factor_a"]), str(top["factor_b"])
        others = [name for name in self.names if name not in (a, b)]
        means = self.frame.groupby([a, b, *others])[self.metric.name].mean()
        if not others:
            table, settings = means.unstack(b), 1
        else:
            cells = means.unstack(others)
            complete = cells.loc[:, cells.notna().all()]
            table, settings = complete.mean(axis=1).unstack(b), complete.shape[1]
            if not settings:
                return None
        return table.reindex(index=_by_number(table.index), columns=_by_number(table.columns)), settings


def _by_number(levels: pd.Index) -> list[str]:
    try:
        return sorted(levels, key=float)
    except ValueError:
        return list(levels)


def analyses(
    runs: pd.DataFrame, layers: pd.DataFrame, rankings: Mapping[str, Ranking], factors: Factors
) -> list[Analysis]:
    """The tasks whose architectures vary in at least one factor; architectures without factors are left out."""
    found = [_analysis(runs, layers, ranking, factors) for ranking in rankings.values()]
    return [analysis for analysis in found if analysis is not None]


def _analysis(runs: pd.DataFrame, layers: pd.DataFrame, ranking: Ranking, factors: Factors) -> Analysis | None:
    members = [arch for arch in ranking.order if arch in factors]
    if len(members) < 2 or not _has_decoder(layers, ranking.task, factors[members[0]]):
        return None
    shared = [name for name in factors[members[0]] if all(name in factors[arch] for arch in members)]
    names = tuple(name for name in shared if len({factors[arch][name] for arch in members}) > 1)
    cells = {tuple(factors[arch][name] for name in names) for arch in members}
    if not names or len(cells) < len(members):  # two architectures in one cell: something unnamed varies too
        return None
    runs = runs[(runs["task"] == ranking.task) & runs["arch"].isin(members) & (runs["status"] == "finished")]
    frame = runs[["arch", "seed", "status", ranking.metric.name]].reset_index(drop=True)
    for name in names:
        frame[name] = [str(factors[arch][name]) for arch in frame["arch"]]
    return Analysis(ranking.task, ranking.about.label, ranking.metric, frame, names)


def _has_decoder(layers: pd.DataFrame, task: str, levels: Mapping[str, str]) -> bool:
    """False for a crossing on a task whose models have no decoder: there the factor is only a name."""
    return "decoder" not in levels or bool(((layers["task"] == task) & (layers["part"] == "decoder")).any())
