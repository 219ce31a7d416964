"""Write the page's tables as LaTeX files, which need the packages booktabs and amssymb."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tabulate import tabulate

from bench.store.files import replace_file
from reports.markup.blocks import Block, Details, Table
from reports.markup.escape import latex


def write_tables(blocks: Iterable[Block], folder: Path) -> list[Path]:
    """Write every table that has a name to `folder`/<name>.tex, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for block in blocks:
        inner = block.blocks if isinstance(block, Details) else [block]
        for table in inner:
            if isinstance(table, Table) and table.name:
                path = folder / f"{table.name}.tex"
                replace_file(path, render(table))
                written.append(path)
    return written


def render(table: Table) -> str:
    """Return a table as one tabular environment."""
    rows = [
        [rf"\textbf{{{latex(cell)}}}" if (i, j) in table.bold else latex(cell) for j, cell in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]
    aligns = ["left" if letter == "l" else "right" for letter in table.align]
    headers = [latex(header) for header in table.headers]
    text = tabulate(rows, headers=headers, tablefmt="latex_raw", colalign=aligns, disable_numparse=True)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        text = text.replace(r"\hline", rule, 1)
    return f"% needs \\usepackage{{booktabs,amssymb}}\n{text}\n"
