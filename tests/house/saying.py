"""A function that a child process calls, which prints what a locale or a full disk may refuse."""

from __future__ import annotations

import sys


def say(text: str) -> str:
    """Print a text on both streams at once, as an architecture of the user's may."""
    print(text, flush=True)
    print(text, file=sys.stderr, flush=True)
    return "done"
