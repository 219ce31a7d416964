"""What the factors of a grid that raced are worth, from the seeds that everyone had before anyone was out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.statistics.frames import layers_frame, records_frame
from reports.findings.factor_analysis import FactorAnalysis, analysis_of
from reports.findings.racing.raced import Raced
from reports.reading.report_folder import ReportFolder


@dataclass(frozen=True)
class RaceFactors:
    """The factor analysis of a race's first round."""

    analysis: FactorAnalysis

    seeds: int
    """Of the first round, failed ones too."""

    candidates: int
    """All that raced."""

    members: int
    """Those of them that are cells of the grid."""

    failed: int
    """Runs of these that failed in the first round."""

    @property
    def cells(self) -> int:
        """Cells with a result."""
        return int(self.analysis.frame["arch"].nunique())

    @property
    def combinations(self) -> int:
        """How many cells the grid would have if each level came with each of the others."""
        frame = self.analysis.frame
        return math.prod(int(frame[name].nunique()) for name in self.analysis.factors)


def race_factors(folder: ReportFolder, raced: Raced | None) -> RaceFactors | None:
    """Analyse the factors of a race by the test scores of its first round; None if there is no step to estimate.

    Later seeds are of whoever was left, and so chosen by result: whoever was unlucky at first has none. The first ones
    all have, in pairs, and their number was settled beforehand, as of an ordinary job on the whole grid.
    """
    factors = (folder.manifest.get("race") or {}).get("factors")
    if raced is None or not raced.race.rounds or not factors:
        return None
    description, metric = folder.declared.tasks[raced.task], folder.declared.primary(raced.task)
    seeds = raced.race.rounds[0].seeds
    runs = records_frame(folder.raced)
    if metric.name not in runs:
        return None  # no run finished
    place = {arch: i for i, arch in enumerate(raced.race.seeds)}  # levels come in the order of the command line
    runs = runs[runs["arch"].isin(place) & (runs["seed"] < seeds) & runs[metric.name].notna()]
    runs = runs.sort_values("arch", key=lambda names: names.map(place), kind="stable")
    archs = list(dict.fromkeys(runs["arch"]))
    analysis = analysis_of(runs, layers_frame(folder.raced), archs, factors, description, metric)
    if analysis is None or analysis.effects.empty:
        return None
    cells = sum(arch in factors for arch in place)
    return RaceFactors(analysis, seeds, len(place), cells, cells * seeds - len(analysis.frame))
