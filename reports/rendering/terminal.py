"""The summary for the terminal: the answer and the comparison table, as plain text."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from reports.findings.experiment import Experiment
from reports.markup.blocks import Table
from reports.markup.escape import one_line, plain
from reports.wording.notes import table_notes
from reports.wording.paragraph import answer, footnote
from reports.wording.tables import comparison


def summary(experiment: Experiment, width: int = 100) -> str:
    """Several lines without a final line break."""
    table, common = comparison(experiment, compact=True)
    warnings = [f"warning: {one_line(text)}" for text in experiment.manifest.get("warnings", [])]
    notes = [plain(text) for text in (*table_notes(experiment, common, compact=True), footnote(experiment)) if text]
    paragraphs = [*warnings, plain(answer(experiment))]
    wrapped = ["\n".join(textwrap.wrap(text, width)) for text in paragraphs]
    return "\n\n".join([*wrapped, grid(table), textwrap.fill(" ".join(notes), width)])


def grid(table: Table) -> str:
    """A table for a fixed-width font; the best value is marked with an asterisk."""
    rows = [
        [f"*{cell}" if (i, j) in table.bold else one_line(cell) for j, cell in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]
    aligns = ["left" if letter == "l" else "right" for letter in table.align]
    return tabulate(rows, headers=list(table.headers), colalign=aligns, disable_numparse=True)
