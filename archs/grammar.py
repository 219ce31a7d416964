"""The spelling of architectures on the command line.

Text goes in and text comes out: nothing is looked up and nothing is evaluated.

cnn3                              a registered architecture
cnn:depth=3,kernel=5,channels=16-32-64   a member of a family; `-` joins per-layer values
cnn:depth=2/3,kernel=3/5          alternatives with `/` span a grid: four architectures
cnn2+cnn3                         the encoder of the first with the decoder of the second
cnn2/cnn3+cnn2/cnn3               a grid of crossings
cnn*                              every registered name that matches
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from archs.errors import UserError

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
PATTERN = re.compile(r"[a-z0-9_.*?-]+")
KEY = re.compile(r"[a-z][a-z0-9_]*")
VALUE = re.compile(r"[a-z0-9.-]*")
MAX_GRID = 10_000
"""The most architectures that one argument may span."""

MAX_LENGTH = 1_000
"""The most characters of one argument."""


@dataclass(frozen=True)
class Part:
    """One side of a spec: a name or wildcard pattern, or a family with options."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Of a family, as they were written."""

    is_family: bool = False


@dataclass(frozen=True)
class Spec:
    """An architecture as it is spelled: the part that gives its encoder and the one that gives its decoder."""

    encoder: Part
    decoder: Part | None = None
    """None when one name gives both."""


def parse(text: str) -> list[Spec]:
    """Read the specs that `text` spells, in their order there; raises `UserError` naming what is malformed."""
    if not text.strip():
        raise UserError("empty architecture name; write for example cnn2 or cnn:depth=3")
    if len(text) > MAX_LENGTH:
        raise UserError(f"architecture {text[:40]!r}… is longer than {MAX_LENGTH} characters")
    if not text.isprintable() or not text.isascii():
        raise UserError(f"architecture {text!r} holds a character that no name has; use a-z 0-9 : = , / - + *")
    sides = text.strip().lower().split("+")
    if len(sides) > 2:
        raise UserError(f"architecture {text!r} has {len(sides) - 1} '+'; write encoder+decoder")
    parts = [parse_part(side, text) for side in sides]
    if len(parts) == 1:
        return [Spec(part) for part in parts[0]]
    check_grid(len(parts[0]) * len(parts[1]), text)
    return [Spec(encoder, decoder) for encoder, decoder in itertools.product(*parts)]


def parse_part(side: str, text: str) -> list[Part]:
    """Read the alternatives of one side of `text`, the encoder's or the decoder's."""
    head, colon, tail = side.partition(":")
    if not colon:
        names = head.split("/")
        for name in names:
            if not PATTERN.fullmatch(name):
                raise UserError(f"architecture {text!r}: {name!r} is not a name; write for example cnn2 or cnn:depth=3")
        return [Part(name) for name in names]
    if not NAME.fullmatch(head):
        raise UserError(f"architecture {text!r}: {head!r} is not a family name; give each family its own argument")
    keys: list[str] = []
    choices: list[list[str]] = []
    for option in tail.split(","):
        key, equals, value = option.partition("=")
        if not equals or not KEY.fullmatch(key):
            raise UserError(
                f"architecture {text!r}: {option!r} is not an option; write key=value, for example depth=3, "
                f"and another architecture after a space"
            )
        if key in keys:
            raise UserError(f"architecture {text!r}: {key!r} is given twice; write alternatives as {key}=2/3")
        alternatives = value.split("/")
        for alternative in alternatives:
            if not alternative:
                raise UserError(f"architecture {text!r}: {key}= has an empty value; write for example {key}=3")
            if not VALUE.fullmatch(alternative):
                raise UserError(f"architecture {text!r}: {key}={alternative} is not a value; write for example {key}=3")
        keys.append(key)
        choices.append(alternatives)
        check_grid(math.prod(map(len, choices)), text)
    return [Part(head, dict(zip(keys, values, strict=True)), True) for values in itertools.product(*choices)]


def check_grid(size: int, text: str) -> None:
    """Refuse a grid that is too large to be meant."""
    if size > MAX_GRID:
        raise UserError(f"architecture {text!r} spans more than {MAX_GRID} combinations; give fewer alternatives")
