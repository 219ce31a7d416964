"""What every section is given: the experiment, its colours, and where figures go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reports.figures.canvas import FigureWriter
from reports.figures.palette import Colour, colours
from reports.findings.experiment import Experiment
from reports.wording.answer import answer


@dataclass(frozen=True)
class Context:
    """The experiment of a page and the means to draw it."""

    experiment: Experiment
    """What is shown."""

    figures: FigureWriter
    """Saves figures beside the page."""

    @cached_property
    def answer(self) -> str:
        """The page's first paragraph, as Markdown."""
        return answer(self.experiment)

    @cached_property
    def colours(self) -> dict[str, Colour]:
        """Architecture → its colour, the same in every figure."""
        return colours(self.experiment.archs)
