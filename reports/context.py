"""What every section gets: the experiment, its colours, and where figures go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reports.experiment import Experiment
from reports.figures.canvas import Album
from reports.palette import Colour, colours


@dataclass(frozen=True)
class Context:
    experiment: Experiment
    album: Album

    @cached_property
    def colours(self) -> dict[str, Colour]:
        return colours(self.experiment.archs)
