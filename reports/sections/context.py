"""What every section gets: the experiment, its colours, and where figures go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reports.figures.canvas import Album
from reports.figures.palette import Colour, colours
from reports.findings.experiment import Experiment


@dataclass(frozen=True)
class Context:
    experiment: Experiment
    album: Album

    @cached_property
    def colours(self) -> dict[str, Colour]:
        return colours(self.experiment.archs)
