"""Render the answer and the comparison table as plain text for a terminal."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from reports.findings.experiment import Experiment
from reports.markup.blocks import Table
from reports.markup.escape import one_line, plain
from reports.wording.answer import answer
from reports.wording.notes import table_notes
from reports.wording.stopping.intervals import assumption
from reports.wording.tables import comparison_table


def summary(experiment: Experiment, width: int = 100) -> str:
    """Return the summary without a final line break; prose is wrapped to `width` columns, the table is not."""
    table, common = comparison_table(experiment, compact=True)
    warnings = [f"warning: {one_line(text)}" for text in experiment.manifest.get("warnings", [])]
    notes = [plain(text) for text in (*table_notes(experiment, common, compact=True), assumption(experiment)) if text]
    paragraphs = [*warnings, plain(answer(experiment))]
    wrapped = ["\n".join(textwrap.wrap(text, width)) for text in paragraphs]
    return "\n\n".join([*wrapped, grid(table), textwrap.fill(" ".join(notes), width)])


def grid(table: Table) -> str:
    """Render a table for a fixed-width font, with an asterisk before what is bold elsewhere."""
    rows = [
        [f"{'*' if (i, j) in table.bold else ''}{one_line(cell)}" for j, cell in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]
    aligns = ["left" if letter == "l" else "right" for letter in table.align]
    return tabulate(
        rows, headers=[one_line(header) for header in table.headers], colalign=aligns, disable_numparse=True
    )
