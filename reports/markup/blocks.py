"""The blocks that a page is made of: sections yield them, and each file of `reports.rendering` renders them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """A heading of plain text."""

    text: str
    """Plain text; renderers escape it."""

    level: int = 2
    """1 for the title of the page."""


@dataclass(frozen=True)
class Text:
    """A paragraph or a list."""

    markdown: str
    """Markdown in which user text has been through `escape.md` or `escape.code`."""


@dataclass(frozen=True)
class Table:
    """A table of plain text; renderers escape it."""

    headers: tuple[str, ...]
    """One per column."""

    rows: tuple[tuple[str, ...], ...]
    """Cells by row, then by column."""

    align: str
    """A letter per column: l for left, r for right."""

    bold: frozenset[tuple[int, int]] = frozenset()
    """(row, column) of cells in bold."""

    name: str = ""
    """Name of the LaTeX file; a table without one has no file."""


@dataclass(frozen=True)
class Figure:
    """A picture in a file of its own."""

    path: str
    """Relative to the report folder."""

    alt: str
    """Plain text that says what it shows."""


@dataclass(frozen=True)
class Code:
    """Text to copy, in a fixed-width font."""

    text: str
    """Shown as it is."""

    language: str = "console"
    """What a code host colours it as."""


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until a reader opens them."""

    summary: str
    """Plain text that is always shown."""

    blocks: Sequence[Heading | Text | Table | Figure | Code] = field(default_factory=tuple)
    """What is folded away."""


Block = Heading | Text | Table | Figure | Code | Details
