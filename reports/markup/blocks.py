"""What a page is made of. Sections yield blocks; Markdown, HTML, LaTeX and the terminal each render them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    text: str  # plain
    level: int = 2


@dataclass(frozen=True)
class Text:
    """Markdown in which user text has been through `escape.md` or `escape.code`."""

    markdown: str


@dataclass(frozen=True)
class Table:
    """Cells and headers are plain text; a renderer escapes them. `align` has l or r per column."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    bold: frozenset[tuple[int, int]] = frozenset()  # (row, column)
    name: str = ""  # of the LaTeX file


@dataclass(frozen=True)
class Figure:
    """A file under the report folder; `alt` is plain text that says what it shows."""

    path: str
    alt: str


@dataclass(frozen=True)
class Code:
    text: str
    language: str = "console"


@dataclass(frozen=True)
class Details:
    """Folded away: `summary` is plain text."""

    summary: str
    blocks: Sequence[Heading | Text | Table | Figure | Code] = field(default_factory=tuple)


Block = Heading | Text | Table | Figure | Code | Details
