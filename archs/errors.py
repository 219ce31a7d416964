"""The one error type for a mistake in what the user asked for."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(ValueError):
    """Bad input. Its message is one line: the offender, what was expected, the nearest valid choice.

    Entry points print it on stderr and exit with status 2; it is never shown as a traceback.
    """


def nearest(word: str, choices: Iterable[str]) -> str:
    """`"; did you mean 'cnn3'?"` for the closest of `choices`, or their list when none is close."""
    import difflib  # here: hardly any call of the program needs it

    known = sorted(set(choices))
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose from {', '.join(known)}" if known else ""
