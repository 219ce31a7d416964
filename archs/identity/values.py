"""Writes what is bound to a builder as text: the arguments of a partial, the variables of a closure, an object's own.

Numbers, strings, None and what is made of them are written out; functions and classes by their names, since their code
is read where they are defined. Nothing is written by its address, no path by the folder that it leads through, and no
device at all: the text is the same wherever the same code runs.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from archs.identity.modules import is_installed, known_as, source_path

DEEPEST = 20
"""Values within values that are looked into."""

DEVICE = re.compile(r"(cpu|cuda|mps|xpu)(:\d+)?")


class Bound(NamedTuple):
    """What a builder is made of beside code."""

    modules: frozenset[str]
    """Those that define it, and the functions and classes that are bound to it."""

    text: str
    """What is bound to it."""


def bound(builder: Callable[..., Any]) -> Bound:
    """Return what is bound to a builder, as it was when it was first asked for: a call may change what it holds."""
    known = _FIRST_SEEN.get(id(builder))
    if known is None:
        reader = Reader()
        text = reader.text(builder)
        known = _FIRST_SEEN[id(builder)] = builder, Bound(frozenset(reader.modules), text)
    return known[1]


_FIRST_SEEN: dict[int, tuple[Callable[..., Any], Bound]] = {}
"""Identity of a builder → it, so that nothing else gets its identity, and what was bound to it."""


class Reader:
    """Writes values as text, and notes the modules that define what is among them."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.within: list[int] = []

    def text(self, value: object) -> str:
        """Return a value as text."""
        plain = plain_text(value)
        if plain is not None:
            return plain
        if id(value) in self.within or len(self.within) > DEEPEST:
            return "…"
        self.within.append(id(value))
        try:
            return self.compound(value)
        except Exception:  # of an attribute that can't be read
            return type(value).__qualname__
        finally:
            self.within.pop()

    def compound(self, value: Any) -> str:
        """Return a value as text that is made of others."""
        if isinstance(value, functools.partial):
            return f"partial({self.text(value.func)}, {self.text(value.args)}, {self.text(value.keywords)})"
        if isinstance(value, MethodType):
            return f"method({self.text(value.__func__)}, {self.text(value.__self__)})"
        if isinstance(value, FunctionType):
            return self.function(value)
        if isinstance(value, ModuleType):
            self.modules.add(value.__name__)
            return f"module {known_as(value.__name__)}"
        if isinstance(value, type):
            return self.named(value)
        if isinstance(value, Mapping):
            items = sorted(f"{self.text(key)}: {self.text(item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"  # in no order that the hashes of strings have a part in
        if isinstance(value, list | tuple):
            fields = getattr(value, "_fields", ())
            return f"{type(value).__name__}{list(fields) or ''}({', '.join(map(self.text, value))})"
        if isinstance(value, set | frozenset):
            return f"set({', '.join(sorted(map(self.text, value)))})"
        if isinstance(value, enum.Enum):
            return f"{self.named(type(value))}.{value.name}"
        if callable(getattr(value, "__wrapped__", None)):  # functools.cache
            return f"{type(value).__name__}({self.text(value.__wrapped__)})"
        if hasattr(value, "__qualname__"):  # a function in C
            return self.named(value)
        return f"{self.named(type(value))}{self.text(self.attributes(value))}"

    def function(self, value: FunctionType) -> str:
        """Return a function as text: its name, and the variables of functions around it that it uses."""
        self.modules.add(
            str(value.__globals__.get("__name__"))
        )  # what `functools.wraps` writes is not where it is from
        names, cells = value.__code__.co_freevars, value.__closure__ or ()
        held = {}
        for name, cell in zip(names, cells, strict=True):
            try:
                held[name] = cell.cell_contents
            except ValueError:  # a variable that is not set yet
                held[name] = None
        if callable(getattr(value, "__wrapped__", None)):
            held["__wrapped__"] = value.__wrapped__  # type: ignore[attr-defined]
        own = {name: item for name, item in vars(value).items() if name != "__wrapped__"}
        return f"{self.named(value)}{self.text(held) if held else ''}{self.text(own) if own else ''}"

    def named(self, value: Any) -> str:
        """Return a function or a class as its name, with that of the library that it is from, if it is from one."""
        module = str(getattr(value, "__module__", None) or "builtins")
        self.modules.add(module)
        top = module.partition(".")[0]
        is_ours = source_path(module) is not None and not is_installed(top)
        return value.__qualname__ if is_ours else f"{top}.{value.__qualname__}"

    def attributes(self, value: object) -> dict[str, object]:
        """Return the attributes of an object whose class is no library's; of a tensor or a network, none."""
        kind, module = type(value), sys.modules.get(type(value).__module__)
        is_ours = source_path(kind.__module__) is not None and not is_installed(kind.__module__)
        if isinstance(value, SimpleNamespace):
            return dict(sorted(vars(value).items()))
        if module is None or not is_ours or hasattr(value, "_parameters"):
            return {}
        slots = [name for one in kind.__mro__ for name in slots_of(one)]
        if dataclasses.is_dataclass(value):
            slots += [field.name for field in dataclasses.fields(value)]
        held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        return dict(sorted((held | getattr(value, "__dict__", {})).items()))


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of a class's slots."""
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def plain_text(value: object) -> str | None:
    """Return a number, a string, None or a path as text; None for any other value."""
    if value is None or isinstance(value, bool | type(...)):
        return str(value)
    if isinstance(value, PurePath):
        return f"path {value.name!a}"
    if isinstance(value, str):
        if DEVICE.fullmatch(value):
            return "a device"
        return f"path {os.path.basename(value)!a}" if os.path.isabs(value) else ascii(str(value))
    if isinstance(value, bytes):
        return ascii(value)
    if isinstance(value, enum.Enum):
        return None
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, complex):
        return f"{number_text(value.real)}+{number_text(value.imag)}j"
    return library_text(value)


def library_text(value: Any) -> str | None:
    """Return a number of numpy's, or a setting of torch's, as text; None for any other value. Neither is imported."""
    kind = type(value)
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        number = value.item()
        return plain_text(number) if type(number) is not kind else None
    if kind.__module__ == "torch" and kind.__name__ == "device":
        return "a device"
    return str(value) if kind.__module__ == "torch" and kind.__name__ in ("dtype", "layout", "memory_format") else None


def number_text(value: float) -> str:
    """Return a floating-point number as text, without its last digits, which other processors round otherwise."""
    return f"{value:.12g}"
