"""A fingerprint of an architecture's definition: the code that builds it, without comments, layout and prose.

It covers the file that defines the encoder, the one that defines the decoder, and every local file that those import
for building: of this project, of the file's own folder, or, for an installed package, of the same distribution. Editing any
of them makes a new fingerprint, and with it a new run; rewording a docstring doesn't. Other packages that they use, torch
among them, are not covered: their versions are recorded with the run.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

from archs.base import Arch, Builder
from archs.errors import UserError

# What finds, spells and describes architectures but builds none.
NOT_DEFINITION = {"archs", "archs.errors", "archs.grammar", "archs.registry", "archs.layers", "archs.fingerprint"}
SITE = {"site-packages", "dist-packages"}
PROSE = {"summary", "source"}


def fingerprint(arch: Arch) -> str:
    """Sixteen hex digits that change whenever the code behind `arch` does."""
    digest = hashlib.sha256(arch.name.encode())
    for role, builder in (("encoder", arch.encoder), ("decoder", arch.decoder)):
        if builder is not None:
            home = defining_module(builder)
            if source_path(home) is None:
                raise UserError(
                    f"{arch.name}: its {role} is defined in {home}, whose source is not there to be fingerprinted"
                )
            digest.update(f"\n{role}\n".encode())
            for name in sorted(reachable(home)):
                digest.update(f"{name}\n{read_module(name).code}\n".encode())
    return digest.hexdigest()[:16]


def defining_module(builder: Builder) -> str:
    while isinstance(builder, functools.partial):
        builder = builder.func
    function = getattr(builder, "__func__", builder)
    return str(getattr(function, "__module__", None) or type(builder).__module__)


def reachable(start: str) -> set[str]:
    """`start` and the modules that it imports, directly or not, from its own folder or this project."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen or name in NOT_DEFINITION or not is_local(name, start):
            continue
        seen.add(name)
        waiting += read_module(name).imports
    return seen


def is_local(name: str, start: str) -> bool:
    if name == start or name.startswith("archs."):
        return source_path(name) is not None
    path, home = source_path(name), source_path(start)
    if path is None or home is None:
        return False
    home_installed, installed = (not SITE.isdisjoint(file.parts) for file in (home, path))
    if home_installed != installed:
        return False
    if not installed and home.parent in path.parents:
        return True
    if name.partition(".")[0] in sys.stdlib_module_names:
        return False  # like the above, without reading what all the installed packages hold: a quarter of a second
    return bool(distributions(name) & distributions(start))


def distributions(name: str) -> set[str]:
    """The installed packages that a module belongs to."""
    return set(top_levels().get(name.partition(".")[0], ()))


@functools.cache
def top_levels() -> Mapping[str, list[str]]:
    return packages_distributions()


def source_path(name: str) -> Path | None:
    path = getattr(sys.modules.get(name), "__file__", None)
    return resolved(path) if path and path.endswith(".py") else None


@functools.cache
def resolved(path: str) -> Path:
    return Path(path).resolve()


class Module(NamedTuple):
    """imports: the modules that it names, and what it takes from them, which may be modules. code: in one normal form,
    docstrings and the prose of an entry left out."""

    imports: tuple[str, ...]
    code: str


@functools.cache
def read_module(name: str) -> Module:
    path = source_path(name)
    assert path is not None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Module(tuple(imports(tree, name)), ast.unparse(WithoutProse().visit(tree)))


def imports(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = getattr(sys.modules[name], "__package__", None) or ""
                module = importlib.util.resolve_name("." * node.level + module, package) if package else module
            if module:
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)


class WithoutProse(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("Arch", "Family"):
            node.keywords = [word for word in node.keywords if word.arg not in PROSE]
        return self.generic_visit(node)
