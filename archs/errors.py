"""The error for a mistake in what the user asked for, and what was probably meant instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class UserError(ValueError):
    """Bad input, with a message of one line: the offender, what was expected, the nearest valid choice.

    Entry points print the message on stderr, without a traceback, and exit with status 2.
    """


class ChangedForAll(UserError):
    """Code of one architecture or task changed what the whole process uses; that has been undone."""


def message_of(error: BaseException) -> str:
    """Return the message of an exception; one whose own code fails to make it has none."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        return f"its message can't be made: __str__ raises {type(failure).__name__}"


def one_line(error: BaseException) -> str:
    """Return the message of an exception on one line."""
    text = error.msg if isinstance(error, SyntaxError) else message_of(error)  # without file and line
    return " ".join(str(text).split()) or "no message"


MOST_NAMED = 3
"""Equally near choices that are named."""

SEPARATORS = frozenset("-_. ")


def nearest(word: str, choices: Iterable[str], least: float = 0.5, meant: Mapping[str, str] | None = None) -> str:
    """Return "; did you mean 'cnn2' or 'cnn3'?" for the nearest of `choices`, or their list if none is near.

    Args:
        least: how much alike a choice must be, from 0 to 1 (the ratio of difflib). It must also be at most half the
            word away in `edits`. One that is less than an edit away, or begins with the word, is near anyway.
        meant: what others call a choice, whatever it looks like: {"gpu": "cuda"}.
    """
    import difflib  # here, since few calls of the program need it

    known, word = sorted(set(choices)), word.lower()
    if meant and meant.get(word) in known:
        return f"; did you mean {meant[word]!r}?"
    away = {choice: edits(word, choice.lower()) for choice in known}
    alike = {choice: difflib.SequenceMatcher(None, choice.lower(), word).ratio() for choice in known}
    most = {choice: max(len(word), len(choice)) / 2 for choice in known}
    near = [choice for choice in known if (alike[choice] >= least and away[choice] <= most[choice]) or away[choice] < 1]
    near += [choice for choice in known if len(word) > 2 and choice.startswith(word) and choice not in near]
    if near:
        least_away = min(away[choice] for choice in near)
        best = sorted((choice for choice in near if away[choice] == least_away), key=lambda choice: -alike[choice])
        return f"; did you mean {' or '.join(map(repr, best[:MOST_NAMED]))}?"
    return f"; choose from {', '.join(known)}" if known else ""


def edits(word: str, other: str) -> float:
    """Return how many slips of the finger lie between two words (optimal string alignment, weighted).

    A letter more, less or another is 1. Less are what is easily taken for something else: two letters that changed
    places (0.75), another digit (0.5: names that differ in a number stand beside each other), a hyphen, underscore,
    full stop or space more or less (0.5), or one for another (0.25).
    """
    rows = [[0.0]]
    for letter in other:
        rows[0].append(rows[0][-1] + added(letter))
    for i, letter in enumerate(word, 1):
        rows.append([rows[-1][0] + added(letter)])
        for j, wanted in enumerate(other, 1):
            ways = [
                rows[i - 1][j] + added(letter),
                rows[i][j - 1] + added(wanted),
                rows[i - 1][j - 1] + exchanged(letter, wanted),
            ]
            if i > 1 and j > 1 and letter == other[j - 2] and wanted == word[i - 2]:
                ways.append(rows[i - 2][j - 2] + (0.75 if letter != wanted else 0.0))
            rows[i].append(min(ways))
    return rows[-1][-1]


def added(letter: str) -> float:
    """Return what a letter more or less counts."""
    return 0.5 if letter in SEPARATORS else 1.0


def exchanged(one: str, other: str) -> float:
    """Return what a letter in the place of another counts."""
    if one == other:
        return 0.0
    if one in SEPARATORS and other in SEPARATORS:
        return 0.25
    return 0.5 if one.isdigit() and other.isdigit() else 1.0
