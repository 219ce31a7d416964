"""Computes the fingerprint of an architecture: a hash of the code that builds it, without comments, layout and prose.

It covers the file that defines the encoder, the one that defines the decoder, and every local file that those import
for building: of this project, of the file's own folder or, for an installed package, of the same distribution. Editing
one of them makes a new fingerprint, and with it a new run; rewording a docstring or an error doesn't
(`archs.identity.canonical`). Where the files lie does not matter, nor which version of Python reads them. Other
packages that they use, torch among them, are not covered: their versions are recorded with the run.
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

NOT_IN_FINGERPRINT = {
    "archs",
    "archs.counting",
    "archs.counting.follow",
    "archs.counting.products",
    "archs.errors",
    "archs.foreign",
    "archs.foreign.plugins",
    "archs.foreign.process_state",
    "archs.foreign.random_states",
    "archs.grammar",
    "archs.identity",
    "archs.identity.canonical",
    "archs.identity.fingerprint",
    "archs.identity.old_fingerprint",
    "archs.layers",
    "archs.registry",
}
"""The modules that find, spell or describe architectures but build none."""

HARNESS_PACKAGES = {"bench", "reports"}
"""The packages that have a protocol number instead; a plug-in that lies beside them doesn't make them its own."""

SITE_FOLDERS = {"site-packages", "dist-packages"}
"""The names of the folders of installed packages."""


def fingerprint(arch: Arch) -> str:
    """Return sixteen hex digits that change whenever the code that builds `arch` does.

    Raises:
        UserError: there is no source of its encoder or decoder.
    """
    digest = hashlib.sha256(arch.name.encode())
    for role, home in defining_modules(arch):
        digest.update(f"\n{role}\n{read_module(home).code}\n".encode())
        others = {name_in_package(home, name): name for name in reachable(home) - {home}}
        for known_as in sorted(others):
            digest.update(f"{known_as}\n{read_module(others[known_as]).code}\n".encode())
    return digest.hexdigest()[:16]


def defining_modules(arch: Arch) -> Iterator[tuple[str, str]]:
    """Yield "encoder" and "decoder", each with the name of the module that defines it.

    Raises:
        UserError: such a module has no source.
    """
    for role, builder in (("encoder", arch.encoder), ("decoder", arch.decoder)):
        if builder is not None:
            home = defining_module(builder)
            if source_path(home) is None:
                raise UserError(
                    f"{arch.name}: its {role} is defined in {home}, whose source is not there to be fingerprinted"
                )
            yield role, home


def name_in_package(home: str, name: str) -> str:
    """Return a module's name without the top level that it shares with `home`, which depends on a plug-in's place."""
    own = home.partition(".")[0]
    return name.removeprefix(own) if name == own or name.startswith(f"{own}.") else name


def defining_module(builder: Builder) -> str:
    """Return the name of the module that defines a function, a method or the function of a partial."""
    while isinstance(builder, functools.partial):
        builder = builder.func
    function = getattr(builder, "__func__", builder)
    return str(getattr(function, "__module__", None) or type(builder).__module__)


def imported(name: str) -> Iterable[str]:
    """Return the modules whose code runs when `name` is imported: what it imports, and the package that it is in."""
    return (*read_module(name).imports, name.rpartition(".")[0])


def reachable(start: str, follow: Callable[[str], Iterable[str]] = imported) -> set[str]:
    """Return `start` and the modules that it imports, directly or not, from its own folder or this project.

    Args:
        follow: the modules that a module imports.
    """
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if not name or name in seen or name in NOT_IN_FINGERPRINT or not is_local(name, start):
            continue
        seen.add(name)
        waiting += follow(name)
    return seen


def is_local(name: str, start: str) -> bool:
    """Return whether a module belongs to the definition that `start` begins: to its project, folder or distribution."""
    if name == start or name.startswith("archs."):
        return source_path(name) is not None
    if name.partition(".")[0] in HARNESS_PACKAGES:
        return False
    path, home = source_path(name), source_path(start)
    if path is None or home is None:
        return False
    home_installed, installed = (not SITE_FOLDERS.isdisjoint(file.parts) for file in (home, path))
    if home_installed != installed:
        return False
    if not installed and home.parent in path.parents:
        return True
    if name.partition(".")[0] in sys.stdlib_module_names:
        return False  # as the next line would find, but that one reads what all installed packages hold
    return bool(distributions(name) & distributions(start))


def distributions(name: str) -> set[str]:
    """Return the installed packages that a module belongs to."""
    return set(distributions_by_module().get(name.partition(".")[0], ()))


@functools.cache
def distributions_by_module() -> Mapping[str, list[str]]:
    """Return top-level module → the installed packages that hold it."""
    return packages_distributions()


def source_path(name: str) -> Path | None:
    """Return the Python file of a module, whether it is loaded yet or not; None if it has none."""
    if name in sys.modules:
        path = getattr(sys.modules[name], "__file__", None)
        return resolved(path) if path and path.endswith(".py") else None
    top, _, rest = name.partition(".")
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)  # for a top-level name this runs no code
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return resolved(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    found = (file_in(Path(folder), rest) for folder in spec.submodule_search_locations or ())
    return next((path for path in found if path), None)


def file_in(folder: Path, name: str) -> Path | None:
    """Return the file of the module `name` if it lies in `folder`, else None."""
    base = folder.joinpath(*name.split("."))
    files = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((resolved(str(path)) for path in files if path.is_file()), None)


@functools.cache
def resolved(path: str) -> Path:
    """Return the absolute path without links."""
    return Path(path).resolve()


class ParsedModule(NamedTuple):
    """What a fingerprint reads in a file."""

    imports: tuple[str, ...]
    """The modules that it imports, and the names that it imports from them, which may be modules too."""

    code: str
    """In normal form, without prose."""


def read_module(name: str) -> ParsedModule:
    """Return the imports and the code of a module; of a loaded one, of the code that runs."""
    if name in sys.modules:
        return parsed(name, source_path(name), source_of(sys.modules[name]))
    return read_file(name, source_path(name))


def read_file(name: str, path: Path | None) -> ParsedModule:
    """Return the imports and the code of a file as the module `name`, which need not be loaded."""
    assert path is not None
    return parsed(name, path, path.read_bytes())


@functools.cache
def source_of(module: ModuleType) -> bytes:
    """Return the source of a loaded module as it was at the first call: the code that runs, even if edited since."""
    path = source_path(module.__name__)
    assert path is not None
    return path.read_bytes()


@functools.cache
def parsed(name: str, path: Path | None, source: bytes) -> ParsedModule:
    """Return the imports and the code of a source in bytes, of which Python finds the encoding by its own rules."""
    assert path is not None
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(source, str(path))
    return ParsedModule(tuple(imports(tree, package)), normal_form(tree))


def imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules that a file of `package` imports, and the names that it imports from them."""
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
