"""Renders some sections of a page without all others, which take most of the time of a page."""

from __future__ import annotations

from pathlib import Path

import reports
from reports.figures.canvas import FigureWriter
from reports.rendering import markdown
from reports.sections.context import Context
from reports.sections.page import Section


def rendered(report: Path, *sections: Section) -> str:
    """Return the Markdown of sections of a report's page, as they stand there one after the other."""
    (report / "figures").mkdir(exist_ok=True)
    context = Context(reports.load(report), FigureWriter(report))
    return markdown.render(block for section in sections for block in section(context))
