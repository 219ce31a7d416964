"""Checks plain data against declared types with msgspec, and says in one line what is wrong. Loads nothing heavy."""

from __future__ import annotations

import re
import reprlib
from typing import Any

import msgspec

MOST_SHOWN = 150
"""Characters of a wrong value that a message has."""


def type_problem(content: Any, expected: Any) -> str | None:
    """Say where `content` is not of the expected type, what is there and what was expected; None if all is well.

    An int may stand for a float, a bool for neither. NaN and infinities are floats.

    Args:
        expected: a `msgspec.Struct`, a dataclass or any other annotation.
    """
    try:
        msgspec.convert(content, expected)
    except UnicodeEncodeError as error:  # JSON can hold half of a character of UTF-16
        return f"{reprlib.repr(error.object)} is no text that can be written"
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        problem = "".join(character if character.isprintable() else "?" for character in problem)[:200]
        problem = problem[:1].lower() + problem[1:]
        place = path.strip(".`")
        if not place:
            return problem
        if "[...]" in place:  # a value of a dictionary; msgspec doesn't say which
            return f"{place}: {problem}"
        for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            content = content[key or int(index)]
        return f"{place} is {reprlib.repr(content)[:MOST_SHOWN]}: {problem}"
    return None
