"""Notes which module declares an architecture: the one that holds its `Arch(…)`, whoever defines its builders."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from archs.base import Arch, Family
from archs.identity.modules import reachable

KEY = "_declared_in"
"""Beside the fields of an `Arch`, not one of them: `archs/base.py` is a part of every fingerprint."""


def declare(entry: Arch | Family, modules: Iterable[str]) -> None:
    """Note that `entry` is found in, or made of what is found in, `modules`; what was noted first stays."""
    vars(entry).setdefault(KEY, tuple(modules))


def noted(entry: Arch | Family) -> tuple[str, ...]:
    """Return the modules that were noted."""
    return tuple(vars(entry).get(KEY, ()))


def declared_in(entry: Arch | Family) -> tuple[str, ...]:
    """Return the modules that declare `entry`: not one that only imports it, but the one that it is imported from."""
    return tuple(dict.fromkeys(holder(entry, name) for name in noted(entry)))


def holder(entry: Arch | Family, name: str) -> str:
    """Return the module that has `entry` from no other, of `name` and those that it imports."""
    for other in sorted(reachable(name) - {name}):
        held = any(value is entry for value in vars(sys.modules[other]).values()) if other in sys.modules else False
        if held and name not in reachable(other):
            return holder(entry, other)
    return name
