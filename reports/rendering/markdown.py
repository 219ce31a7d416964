"""Render blocks as Markdown, for a code host to show."""

from __future__ import annotations

from collections.abc import Iterable

from tabulate import tabulate

from reports.markup.blocks import Block, Code, Details, Figure, Heading, Table, Text
from reports.markup.escape import html, md


def render(blocks: Iterable[Block]) -> str:
    """Return the whole document."""
    return "\n\n".join(filter(None, map(block, blocks))) + "\n"


def block(item: Block) -> str:
    """Render one block."""
    match item:
        case Heading():
            return f"{'#' * item.level} {md(item.text)}"
        case Text():
            return item.markdown
        case Table():
            return table(item)
        case Figure():
            return f"![{md(item.alt)}]({item.path})"
        case Code():
            return f"```{item.language}\n{item.text.replace('```', '` ` `')}\n```"
        case Details():
            inner = "\n\n".join(map(block, item.blocks))
            return f"<details><summary>{html(item.summary)}</summary>\n\n{inner}\n\n</details>"


def table(item: Table) -> str:
    """Render a table."""
    rows = [
        [f"**{md(cell)}**" if (i, j) in item.bold else md(cell) for j, cell in enumerate(row)]
        for i, row in enumerate(item.rows)
    ]
    aligns = ["left" if letter == "l" else "right" for letter in item.align]
    headers = [md(header) for header in item.headers]
    return tabulate(rows, headers=headers, tablefmt="pipe", colalign=aligns, disable_numparse=True)
