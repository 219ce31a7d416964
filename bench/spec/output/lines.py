"""Lines about what went wrong, on standard error: one each, in which nothing is obeyed by a terminal."""

from __future__ import annotations

import re
import sys

OBEYED = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys, and those that turn the direction of writing; what breaks lines aside."""

BREAKS = re.compile("\\s*[\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029]\\s*")


def printable(text: object) -> str:
    """Return a text with a "?" for each character that a terminal would obey; lines stay lines.

    Messages of others' code, names in records and paths may hold any.
    """
    return OBEYED.sub("?", str(text).replace("\r", " "))


def terminal_line(text: object) -> str:
    """Return a text as one line that a terminal shows and does not obey."""
    return OBEYED.sub("?", BREAKS.sub(" ", str(text).strip()))


def say_error(error: object) -> None:
    """Print what is wrong, in one line."""
    print(f"error: {terminal_line(error)}", file=sys.stderr, flush=True)


def say_warning(warning: object) -> None:
    """Print what may be wrong, in one line."""
    print(f"WARNING: {terminal_line(warning)}", file=sys.stderr, flush=True)
