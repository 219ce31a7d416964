"""How wide a terminal is, and prose that fits it."""

from __future__ import annotations

import os
import shutil
import textwrap

LONGEST_LINE = 100
"""Columns of prose, at most: longer lines are hard to read."""

NARROWEST = 20
"""Columns to which nothing is made narrower, whatever a terminal says of itself."""


def terminal_columns() -> int | None:
    """Return the width of what standard output goes to: $COLUMNS, else the terminal's; None if it goes to none."""
    if os.environ.get("COLUMNS") is None and not _is_terminal():
        return None
    columns = shutil.get_terminal_size(fallback=(0, 0)).columns
    return max(columns, NARROWEST) if columns > 0 else None


def _is_terminal() -> bool:
    try:
        return os.isatty(1)
    except OSError:
        return False


def prose_columns() -> int:
    """Return the width of lines of prose."""
    return min(terminal_columns() or LONGEST_LINE, LONGEST_LINE)


def fill(text: str, columns: int | None = None, indent: str = "", first: str | None = None) -> str:
    """Break a paragraph into lines at its spaces; a word that is longer than a line stays whole.

    Args:
        text: the paragraph.
        columns: the width; default: `prose_columns()`.
        indent: begins every line but the first.
        first: begins the first line; default: `indent`.
    """
    return textwrap.fill(
        text,
        prose_columns() if columns is None else columns,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
