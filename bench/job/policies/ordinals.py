"""Seeds by their number in the line of who watches: "4th", "4th to 6th"."""

from __future__ import annotations


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, …"""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def ordinals(first: int, last: int) -> str:
    """Return the first and the last of some numbers in a row: "4th to 6th", of a single one "4th"."""
    return ordinal(last) if first == last else f"{ordinal(first)} to {ordinal(last)}"
