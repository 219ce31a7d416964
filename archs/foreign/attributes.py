"""The functions, classes and methods of modules and classes: whether anybody has replaced one, and putting it back."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from operator import is_
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

OURS = ("archs", "bench")
"""The packages of this project that run beside an architecture's code."""

Holder = ModuleType | type
"""What functions are attributes of."""


class Attributes(NamedTuple):
    """All attributes of some modules and classes at one moment.

    They lie one after the other, since two long lists are compared in a third of the time that hundreds of small tables
    take: that is done several times in each run.
    """

    holders: tuple[Holder, ...]
    """The modules and classes."""

    counts: list[int]
    """How many attributes each has."""

    names: list[str]
    """Those of all, one after the other."""

    values: list[Any]
    """What they are bound to."""

    @classmethod
    def of(cls, holders: tuple[Holder, ...]) -> Attributes:
        """Return the attributes that modules and classes have at this moment."""
        counts, names, values = list[int](), list[str](), list[Any]()
        for holder in holders:
            held = vars(holder)
            counts.append(len(held))
            names.extend(held)
            values.extend(held.values())
        return cls(holders, counts, names, values)

    def by_holder(self) -> Iterator[tuple[Holder, dict[str, Any]]]:
        """Yield each module or class with its attributes by name."""
        start = 0
        for holder, count in zip(self.holders, self.counts, strict=True):
            end = start + count
            yield holder, dict(zip(self.names[start:end], self.values[start:end], strict=True))
            start = end

    def restore(self) -> list[str]:
        """Put the functions, classes and methods back that were changed since; return their full names."""
        now = Attributes.of(self.holders)
        # nearly always the same names are bound to the same objects, in the same order
        if now.counts == self.counts and all(map(is_, now.values, self.values)) and now.names == self.names:
            return []
        return [
            f"{full_name(holder)}.{name}"
            for holder, attributes in self.by_holder()
            for name in restore_attributes(holder, attributes)
        ]


def restore_attributes(holder: Holder, attributes: Mapping[str, Any]) -> list[str]:
    """Put back the functions, classes and methods of a module or class; return the names of those that were changed."""
    if are_the_same(vars(holder), attributes):
        return []
    now, changed = vars(holder).copy(), []
    for name in [name for name, before in attributes.items() if now.get(name) is not before]:
        before, value = attributes[name], now.get(name)
        if is_code(before) and not is_wrapped_by_library(holder, before, value):
            setattr(holder, name, before)
            changed.append(name)
    if isinstance(holder, type):  # a method that it inherited so far
        for name in now.keys() - attributes.keys():
            if is_code(now[name]) and not is_of_library(holder, now[name]):
                delattr(holder, name)
                changed.append(name)
    return changed


def are_the_same(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Return whether the same names are bound to the same objects, in the same order: nearly always, so it is quick."""
    return len(now) == len(before) and all(map(is_, now.values(), before.values())) and [*now] == [*before]


def full_name(holder: Holder) -> str:
    """Return the name of a module, or of a class with its module."""
    return holder.__name__ if isinstance(holder, ModuleType) else f"{holder.__module__}.{holder.__qualname__}"


def is_code(value: Any) -> bool:
    """Return whether a value is something that can be called, or that code is called by."""
    return callable(value) or isinstance(value, staticmethod | classmethod | property)


def is_wrapped_by_library(holder: Holder, before: Any, value: Any) -> bool:
    """Return whether `value` is `before` in a wrapper of the library's own: torch wraps some of its functions late.

    Its compiler's wrappers don't say what they wrap.
    """
    if not (callable(before) and callable(value) and is_of_library(holder, value)):
        return False
    return inspect.unwrap(value) is inspect.unwrap(before) or value.__module__.startswith("torch._dynamo.")


def is_of_library(holder: Holder, value: Any) -> bool:
    """Return whether a value is code of the library, not this project, that it is an attribute in."""
    package = full_name(holder).partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    code = getattr(getattr(value, "__func__", value), "__code__", None)
    if package in OURS or file is None or code is None:
        return False
    return Path(file).parent in Path(code.co_filename).parents
