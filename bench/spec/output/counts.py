"""Counts with their nouns."""

from __future__ import annotations


def plural(count: int, word: str, many: str | None = None) -> str:
    """Format a count with its noun, such as "1 run" or "3 runs"; `many` is a plural that does not end in s."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def of_all(count: int, total: int, word: str) -> str:
    """Format a share of a total with its verb: "1 of 3 runs is", "2 of 3 runs are", "1 of 1 run is"."""
    return f"{count:,} of {plural(total, word)} {is_or_are(count)}"


def is_or_are(count: int) -> str:
    """Return the verb of a sentence about so many."""
    return "is" if count == 1 else "are"


def it_or_them(count: int) -> str:
    """Return what stands for so many things."""
    return "it" if count == 1 else "them"
