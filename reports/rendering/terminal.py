"""Render the answer and the comparison table as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from bench.spec.output.width import fill, prose_columns, terminal_columns
from reports.findings.experiment import Experiment
from reports.markup.blocks import Table
from reports.markup.escape import one_line, plain
from reports.wording.answer import answer
from reports.wording.notes import table_notes
from reports.wording.stopping.intervals import assumption
from reports.wording.tables import comparison_table


def summary(experiment: Experiment, width: int | None = None) -> str:
    """Return the summary without a final line break.

    Args:
        width: in columns; default: the terminal's, for prose at most 100. Where standard output is no terminal, the
            table is as wide as it is.
    """
    columns, prose = (terminal_columns(), prose_columns()) if width is None else (width, width)
    table, common = comparison_table(experiment, compact=True)
    warnings = [f"warning: {one_line(text)}" for text in experiment.manifest.get("warnings", [])]
    notes = [plain(text) for text in (*table_notes(experiment, common, compact=True), assumption(experiment)) if text]
    paragraphs = [*warnings, plain(answer(experiment))]
    wrapped = [fill(text, prose) for text in paragraphs]
    return "\n\n".join([*wrapped, grid(table, columns), fill(" ".join(notes), prose)])


def grid(table: Table, width: int | None = None) -> str:
    """Render a table for a fixed-width font, with an asterisk before what is bold elsewhere.

    Args:
        width: columns of text beyond which the table goes on below, its first column repeated; default: no limit.
    """
    rows = [
        [f"{'*' if (i, j) in table.bold else ''}{one_line(cell)}" for j, cell in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]
    aligns = ["left" if letter == "l" else "right" for letter in table.align]
    headers = [one_line(header) for header in table.headers]

    def text_of(columns: Sequence[int]) -> str:
        kept = [[row[j] for j in columns] for row in rows]
        return tabulate(
            kept, [headers[j] for j in columns], colalign=[aligns[j] for j in columns], disable_numparse=True
        )

    if width is None:
        return text_of(range(len(headers)))
    parts: list[list[int]] = []
    for j in range(1, len(headers)):
        if parts and len(text_of([*parts[-1], j]).split("\n")[1]) <= width:  # the line below the headers
            parts[-1].append(j)
        else:
            parts.append([0, j])
    return "\n\n".join(map(text_of, parts or [[0]]))
