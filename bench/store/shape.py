"""Plain data held to a declared shape by msgspec, with what does not fit said in one line. Loads nothing heavy."""

from __future__ import annotations

import re
import reprlib
from typing import Any

import msgspec


def misfit(content: Any, shape: Any) -> str | None:
    """Where `content` does not fit, what is there and what was expected; None if it fits.

    shape: a `msgspec.Struct`, a dataclass or any other annotation. An int may stand for a float, a bool for neither.
    NaN and infinities are floats.
    """
    try:
        msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        problem = "".join(character if character.isprintable() else "?" for character in problem)[:200]
        problem = problem[:1].lower() + problem[1:]
        place = path.strip(".`")
        if not place:
            return problem
        if "[...]" in place:  # some value of a dictionary; msgspec does not say which
            return f"{place}: {problem}"
        for key, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
            content = content[key or int(index)]
        return f"{place} is {reprlib.repr(content)}: {problem}"
    return None
