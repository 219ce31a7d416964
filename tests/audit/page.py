"""Takes a Markdown page apart: headings, sentences, tables, figures, code, in the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.audit.facts import Facts

END_OF_SENTENCE = re.compile(r"(?<!et al\.)(?<=\.)(\*\*)?\s+")


class Piece(NamedTuple):
    """A part of a page."""

    kind: str
    """heading, sentence, table, figure, summary or code."""

    text: str
    """As it stands on the page; of a table all of its lines."""

    section: str
    """The heading that it stands under; empty at the top of the page."""


@dataclass
class Where:
    """Where on the page a piece stands."""

    section: str = ""
    task: str = ""
    """The task that the last sentence was about."""

    said: tuple[tuple[str, str], ...] = ()
    """(Pattern, text) of each sentence before."""

    answered: tuple[str, ...] = ()
    """The tasks that the first paragraph has given a verdict on."""


Rows = list[list[str]]
Maker = Callable[[Facts, Where], Rows]
"""Returns the cells that a table should have, its header first."""


def pieces(markdown: str) -> Iterator[Piece]:
    """Yield the parts of a page."""
    section = ""
    for block in re.split(r"\n\n+", markdown.strip()):
        if block.startswith("#"):
            section = "" if block.startswith("# ") else block.lstrip("# ")
            yield Piece("heading", block, section)
        elif block.startswith("|"):
            yield Piece("table", block, section)
        elif block.startswith("!["):
            yield Piece("figure", block, section)
        elif block.startswith("```"):
            yield Piece("code", block, section)
        elif block.startswith("<details>") or block == "</details>":
            yield Piece("summary", block, section)
        else:
            for line in block.splitlines():
                for sentence in sentences(line):
                    yield Piece("sentence", sentence, section)


def sentences(line: str) -> list[str]:
    """Split a line at the ends of its sentences, of which a bold one ends in `.**`."""
    found, start = [], 0
    for end in END_OF_SENTENCE.finditer(line):
        found.append(line[start : end.start()] + (end[1] or ""))
        start = end.end()
    return [*found, line[start:]]


def cells(table: str) -> list[list[str]]:
    """Return the cells of a table, its header first, without the line of dashes."""
    rows = [line for line in table.splitlines() if not re.fullmatch(r"[|:\-]+", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
