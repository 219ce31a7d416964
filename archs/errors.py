"""The error for a mistake in what the user asked for."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(ValueError):
    """Bad input, with a message of one line: the offender, what was expected, the nearest valid choice.

    Entry points print the message on stderr, without a traceback, and exit with status 2.
    """


class ChangedForAll(UserError):
    """Code of one architecture or task changed what the whole process uses; that has been undone."""


def nearest(word: str, choices: Iterable[str], least: float = 0.5) -> str:
    """Return "; did you mean 'cnn3'?" for the closest of `choices`, or their list if none is close.

    Args:
        least: how much alike a choice must be, from 0 to 1 (the ratio of difflib).
    """
    import difflib  # here, since few calls of the program need it

    known = sorted(set(choices))
    close = difflib.get_close_matches(word, known, n=1, cutoff=least)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose from {', '.join(known)}" if known else ""
