"""Reads the source of a module: its code in normal form, and what it imports."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from archs.identity.canonical import normal_form


class ParsedModule(NamedTuple):
    """What a fingerprint reads in a file."""

    imports: tuple[str, ...]
    """The modules that it imports, and the names that it imports from them, which may be modules too."""

    code: str
    """In normal form, without prose."""


@functools.cache
def source_of(module: ModuleType) -> bytes:
    """Return the source of a loaded module as it was at the first call: the code that runs, even if edited since."""
    path = module.__file__
    assert path is not None
    return Path(path).read_bytes()


@functools.cache
def parsed(name: str, path: Path, source: bytes) -> ParsedModule:
    """Return the imports and the code of a source in bytes, of which Python finds the encoding by its own rules."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    try:
        tree = ast.parse(source, str(path))
    except (SyntaxError, ValueError):  # of a helper that was not imported yet; running it says what is wrong
        return ParsedModule((), f"no Python {hashlib.sha256(source).hexdigest()}")
    return ParsedModule(tuple(imports(tree, package)), normal_form(tree))


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules that a file of `package` imports, and the names that it imports from them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute("." * node.level + (node.module or ""), package)
            if module:
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and is_import(node.func):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield absolute(name.value, package)


def is_import(function: ast.expr) -> bool:
    """Return whether a call of `function` imports a module: `importlib.import_module("name")`."""
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return called in ("import_module", "__import__")


def absolute(name: str, package: str) -> str:
    """Return the full name of a module that is named as seen from `package`; "" if there is none."""
    if not name.startswith("."):
        return name
    try:
        return importlib.util.resolve_name(name, package) if package else name.lstrip(".")
    except ImportError:  # beyond the top-level package, as running the file says
        return ""
