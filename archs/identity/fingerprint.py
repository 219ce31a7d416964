"""A fingerprint of an architecture's definition: the code that builds it, without comments, layout and prose.

It covers the file that defines the encoder, the one that defines the decoder, and every local file that those import
for building: of this project, of the file's own folder, or, for an installed package, of the same distribution. Editing any
of them makes a new fingerprint, and with it a new run; rewording a docstring or an error doesn't (`archs.identity.canonical`).
Nor does it matter where these files lie, and which version of Python reads them. Other packages that they use, torch
among them, are not covered: their versions are recorded with the run.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from archs.base import Arch, Builder
from archs.errors import UserError
from archs.identity.canonical import normal_form

# What finds, spells and describes architectures but builds none.
NOT_DEFINITION = {
    "archs", "archs.errors", "archs.grammar", "archs.registry", "archs.plugins", "archs.layers", "archs.identity.fingerprint", "archs.identity",
    "archs.identity.canonical", "archs.identity.old_fingerprint",
}  # fmt: skip
HARNESS = {"bench", "reports"}
"""Has a protocol number instead, and is never a plug-in's own, even where the plug-in lies beside it."""
SITE = {"site-packages", "dist-packages"}


def fingerprint(arch: Arch) -> str:
    """Sixteen hex digits that change whenever the code behind `arch` does."""
    digest = hashlib.sha256(arch.name.encode())
    for role, home in homes(arch):
        digest.update(f"\n{role}\n{read_module(home).code}\n".encode())
        others = {name_within(home, name): name for name in reachable(home) - {home}}
        for known_as in sorted(others):
            digest.update(f"{known_as}\n{read_module(others[known_as]).code}\n".encode())
    return digest.hexdigest()[:16]


def homes(arch: Arch) -> Iterator[tuple[str, str]]:
    """The roles of `arch` with the modules that define them. Raises `UserError` for one without a source."""
    for role, builder in (("encoder", arch.encoder), ("decoder", arch.decoder)):
        if builder is not None:
            home = defining_module(builder)
            if source_path(home) is None:
                raise UserError(
                    f"{arch.name}: its {role} is defined in {home}, whose source is not there to be fingerprinted"
                )
            yield role, home


def name_within(home: str, name: str) -> str:
    """How a module is known in its package. The top level is left out: a plug-in's depends on where the file lies."""
    own = home.partition(".")[0]
    return name.removeprefix(own) if name == own or name.startswith(f"{own}.") else name


def defining_module(builder: Builder) -> str:
    while isinstance(builder, functools.partial):
        builder = builder.func
    function = getattr(builder, "__func__", builder)
    return str(getattr(function, "__module__", None) or type(builder).__module__)


def imported(name: str) -> Iterable[str]:
    """What importing the module `name` may run: what it imports, and the package that it is in."""
    return (*read_module(name).imports, name.rpartition(".")[0])


def reachable(start: str, follow: Callable[[str], Iterable[str]] = imported) -> set[str]:
    """`start` and the modules that it imports, directly or not, from its own folder or this project."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if not name or name in seen or name in NOT_DEFINITION or not is_local(name, start):
            continue
        seen.add(name)
        waiting += follow(name)
    return seen


def is_local(name: str, start: str) -> bool:
    if name == start or name.startswith("archs."):
        return source_path(name) is not None
    if name.partition(".")[0] in HARNESS:
        return False
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
    """The Python file of a module, also of one that is imported only later, within a function. None if it has none."""
    if name in sys.modules:
        path = getattr(sys.modules[name], "__file__", None)
        return resolved(path) if path and path.endswith(".py") else None
    top, _, rest = name.partition(".")
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)  # of a top level: looks for it and runs nothing
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return resolved(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    found = (file_in(Path(folder), rest) for folder in spec.submodule_search_locations or ())
    return next((path for path in found if path), None)


def file_in(folder: Path, name: str) -> Path | None:
    """The file of the module `name` if it lies in `folder`."""
    base = folder.joinpath(*name.split("."))
    files = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((resolved(str(path)) for path in files if path.is_file()), None)


@functools.cache
def resolved(path: str) -> Path:
    return Path(path).resolve()


class Module(NamedTuple):
    """What a fingerprint reads in a file.

    imports: the modules that it names, and what it takes from them, which may be modules.
    code: in one normal form, without prose.
    """

    imports: tuple[str, ...]
    code: str


def read_module(name: str) -> Module:
    if name in sys.modules:
        return parsed(name, source_path(name), source_of(sys.modules[name]))
    return read_file(name, source_path(name))


def read_file(name: str, path: Path | None) -> Module:
    """A file as the module `name`, which need not be loaded."""
    assert path is not None
    return parsed(name, path, path.read_bytes())


@functools.cache
def source_of(module: ModuleType) -> bytes:
    """The source of a loaded module, as it was when this was first asked: the code that runs, though edited since."""
    path = source_path(module.__name__)
    assert path is not None
    return path.read_bytes()


@functools.cache
def parsed(name: str, path: Path | None, source: bytes) -> Module:
    """From bytes, so that Python finds the encoding, a byte order mark and the ends of lines by its own rules."""
    assert path is not None
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(source, str(path))
    return Module(tuple(imports(tree, package)), normal_form(tree))


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level and package:
                module = importlib.util.resolve_name("." * node.level + module, package)
            if module:
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
