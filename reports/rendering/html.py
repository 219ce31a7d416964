"""Render the page as one HTML file: figures are embedded, nothing is fetched, user text is always escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reports.markup.blocks import Block, Details, Figure, Table
from reports.markup.escape import html
from reports.rendering import markdown
from reports.rendering.html_assets import CSS, JS

LONG_CELL = 60
"""Characters; a longer cell may wrap."""


def render(blocks: Iterable[Block], folder: Path, title: str) -> str:
    """Return the whole document; figures are read from `folder`."""
    convert = _converter()
    body = "\n".join(_block(item, folder, convert) for item in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{JS}</script>\n</body>\n</html>\n"
    )


def _block(item: Block, folder: Path, convert: Any) -> str:
    """Render one block."""
    if isinstance(item, Details):
        inner = "\n".join(_block(part, folder, convert) for part in item.blocks)
        return f"<details><summary>{html(item.summary)}</summary>\n{inner}\n</details>"
    if isinstance(item, Table):
        return _table(item)
    if isinstance(item, Figure):
        return _figure(item, folder)
    return str(convert.render(markdown.block(item)))


def _table(item: Table) -> str:
    """Render a table, without Markdown, which can't say that a long cell may wrap."""

    def cell(tag: str, text: str, column: int, bold: bool = False) -> str:
        style = ' style="text-align:right"' if item.align[column] == "r" else ""
        wrap = ' class="wrap"' if len(text) > LONG_CELL else ""
        scope = ' scope="col"' if tag == "th" else ""
        inner = f"<strong>{html(text)}</strong>" if bold else html(text)
        return f"<{tag}{scope}{wrap}{style}>{inner}</{tag}>"

    head = "".join(cell("th", text, j) for j, text in enumerate(item.headers))
    rows = "\n".join(
        "<tr>" + "".join(cell("td", text, j, (i, j) in item.bold) for j, text in enumerate(row)) + "</tr>"
        for i, row in enumerate(item.rows)
    )
    return (
        f'<div class="scroll" tabindex="0"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _figure(item: Figure, folder: Path) -> str:
    """Render a figure with its PNG embedded, so that the page is one file."""
    data = base64.b64encode((folder / item.path).read_bytes()).decode("ascii")
    return (
        f'<div class="figure" tabindex="0"><img loading="lazy" alt="{html(item.alt)}" '
        f'src="data:image/png;base64,{data}"></div>'
    )


def _converter() -> Any:
    """Return a Markdown converter with raw HTML, links and images off, so that user text can't smuggle any in."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).disable(["image", "link", "autolink", "html_inline", "html_block"])
