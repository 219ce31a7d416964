"""What a file declares: its architectures and families, checked before any of their code runs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from archs.base import Arch, Family
from archs.errors import UserError
from archs.grammar import NAME

TEXTS = ("name", "summary", "source")
"""The fields that hold text."""

USUAL = {"ARCH": Arch, "FAMILY": Family}
"""What the files of this project call what they declare."""


def entries(module: ModuleType) -> Iterator[Arch | Family]:
    """Yield the architectures and families that a module holds, those that it imports included."""
    yield from (value for value in list(vars(module).values()) if isinstance(value, Arch | Family))


def mistaken(module: ModuleType) -> str | None:
    """Say what a module holds where an architecture was meant; None if nothing looks so."""
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and issubclass(value, Arch | Family) and value not in (Arch, Family):
            return f"{name} is a class; expected a value: ARCH = Arch(name=…, …)"
        held = list(value.values()) if isinstance(value, dict) else value
        if name != "__builtins__" and isinstance(held, list | tuple) and any(isinstance(one, Arch) for one in held):
            return f"{name} is {kind_of(value)}; expected each Arch under a name of its own at module level"
        if name in USUAL and not isinstance(value, Arch | Family):
            return f"{name} is {kind_of(value)}; expected {name} = {USUAL[name].__name__}(name=…, …)"
    return None


def check_entry(entry: Arch | Family) -> None:
    """Raise `UserError` for an architecture or family that can't be one: a field of the wrong kind."""
    for field in TEXTS:
        value = getattr(entry, field)
        if not isinstance(value, str):
            raise UserError(f"{entry.name!r}: its {field} is {kind_of(value)}, expected text")
    if not NAME.fullmatch(entry.name):
        raise UserError(f"{entry.name!r} is not a name; use a-z, 0-9, '-', '_' and '.'")
    if isinstance(entry, Family):
        check_builder(entry.name, "build", "a function of options that returns an Arch", entry.build, {})
    else:
        check_builders(entry)


def check_builders(entry: Arch) -> None:
    """Raise `UserError` unless each builder of an architecture can be called as it will be."""
    if not isinstance(entry.factors, Mapping):
        raise UserError(f"{entry.name}: its factors are {kind_of(entry.factors)}, expected {{name: value, …}}")
    for role, size in (("encoder", "in_channels"), ("decoder", "in_features")):
        builder = getattr(entry, role)
        if builder is not None or role == "encoder":
            check_builder(entry.name, role, f"a function of {size} that returns a torch.nn.Module", builder, 1)


def check_builder(name: str, role: str, expected: str, builder: Any, argument: object) -> None:
    """Raise `UserError` unless a builder can be called with one argument."""
    if is_network(builder):
        own = type(builder).__name__
        how = f"the class itself, {role}={own}" if has_own_class(builder) else f"def {role}(…): return nn.{own}(…)"
        raise UserError(
            f"{name}: its {role} is a network that is built already ({own}); expected {expected}, since each run "
            f"builds one of its own: {how}"
        )
    if problem := why_not_called(builder, argument):
        raise UserError(f"{name}: its {role} {problem}; expected {expected}")


def why_not_called(function: Any, *arguments: object) -> str | None:
    """Say why a function can't be called with these arguments, without calling it; None if nothing is seen."""
    if not callable(function):
        return f"is {kind_of(function)}"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C
        return None
    try:
        signature.bind(*arguments)
    except TypeError as error:
        called = getattr(function, "__name__", type(function).__name__)
        count = "one argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        return f"is {called}{signature}, which can't be called with {count} ({error})"
    return None


def is_network(value: object) -> bool:
    """Return whether a value is a module of torch's."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def has_own_class(network: object) -> bool:
    """Return whether a network is of a class that is not torch's."""
    return type(network).__module__.partition(".")[0] != "torch"


def kind_of(value: object) -> str:
    """Say what a value is, in a few words: "a tuple of 2", "the class Mine"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isfunction(value):
        return f"the function {value.__name__}"
    size = f" of {len(value)}" if isinstance(value, tuple | list | dict) else ""
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}{size}"
