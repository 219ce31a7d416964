"""Finds the file of a module, loaded or not, and the modules that belong to a definition: its own, not a library's.

A plug-in and the files beside it have names of their own (`private_name`), so that two helpers of one name are two
modules. Whatever is asked here is answered alike before and after modules were loaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from archs.identity.source import ParsedModule, parsed, source_of

NOT_IN_FINGERPRINT = {"archs", "archs.errors", "archs.grammar", "archs.layers", "archs.registry"}
"""The modules that find, spell or describe architectures but build none."""

ROOMS_NOT_IN_FINGERPRINT = ("archs.counting", "archs.foreign", "archs.identity")

HARNESS_PACKAGES = {"bench", "reports"}
"""The packages that have a protocol number instead; a plug-in that lies beside them doesn't make them its own."""

LIBRARIES = {"torch", "numpy"}
"""What every architecture may use; the versions are recorded with the run, wherever they are installed."""

SITE_FOLDERS = {"site-packages", "dist-packages"}
"""The names of the folders of installed packages."""

BESIDE = "beside_"
"""What the private name of a folder begins with."""

PLACES: dict[str, Path] = {}
"""Private top-level name → the file that has it, or the folder whose packages are below it."""


def module_name(file: Path) -> str:
    """Return the module name of a file: its own, and the same in every process, so that its classes can be pickled."""
    return f"plugin_{re.sub(r'[^a-zA-Z0-9]', '_', file.stem)}_{short_hash(file)}"


def short_hash(path: Path) -> str:
    """Return twelve hex digits of the hash of a path."""
    return hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()[:12]


def private_name(folder: Path, name: str) -> str | None:
    """Return the name that `name` has for a plug-in of `folder` if it lies there; None if it is Python's to find.

    An installed package or a standard module of that name comes first, as if the file were not there. A file is named
    as a plug-in is, so that it is the same module for one that imports it and if it is a plug-in itself.
    """
    top, dot, rest = name.partition(".")
    if not top or top in sys.stdlib_module_names or top in HARNESS_PACKAGES | LIBRARIES | {"archs"}:
        return None
    file, package = folder / f"{top}.py", folder / top
    is_package = (package / "__init__.py").is_file()
    is_file = not is_package and file.is_file()
    if not (is_package or is_file or (package.is_dir() and any(package.glob("*.py")))):
        return None
    origin, _ = locations(top)
    if is_installed(top) or not (is_package or is_file or origin is None):
        return None
    if is_file:
        own = module_name(file)
        PLACES.setdefault(own, file)
        return own + dot + rest
    own = BESIDE + short_hash(folder)
    PLACES.setdefault(own, folder)
    return f"{own}.{name}"


def folder_of(module: str) -> Path | None:
    """Return the folder in which a module of a plug-in looks for others; None if it is no plug-in's."""
    top = module.partition(".")[0]
    place = PLACES.get(top)
    return place if place is None or top.startswith(BESIDE) else place.parent


def known_as(name: str) -> str:
    """Return the name by which the code of a plug-in knows a module, which does not depend on where it lies."""
    top, dot, rest = name.partition(".")
    place = PLACES.get(top)
    if place is None:
        return name
    if top.startswith(BESIDE):
        return rest
    return dot + rest if rest else place.stem


def imported(name: str) -> Iterable[str]:
    """Return the modules whose code runs when `name` is imported: what it imports, and the package that it is in."""
    folder = folder_of(name)
    for other in read_module(name).imports:
        private = None if folder is None or other.partition(".")[0] in PLACES else private_name(folder, other)
        yield private or other
    yield name.rpartition(".")[0]


def reachable(start: str, follow: Callable[[str], Iterable[str]] = imported) -> set[str]:
    """Return `start` and the modules that it imports, directly or not, and that no library holds.

    Args:
        follow: the modules that a module imports.
    """
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name and name not in seen and is_local(name, start):
            seen.add(name)
            waiting += follow(name)
    return seen


def is_local(name: str, start: str) -> bool:
    """Return whether a module belongs to the definition that `start` begins: to no library, or to the same package."""
    if name in NOT_IN_FINGERPRINT or name.startswith(ROOMS_NOT_IN_FINGERPRINT):
        return False
    if name == start or name.startswith("archs."):
        return source_path(name) is not None
    top = name.partition(".")[0]
    if top in HARNESS_PACKAGES | LIBRARIES | {"__main__"} or top in sys.stdlib_module_names:
        return False
    if is_installed(top):
        return is_installed(start) and bool(distributions(name) & distributions(start)) and bool(source_path(name))
    return source_path(name) is not None


@functools.cache
def is_installed(name: str) -> bool:
    """Return whether a module is of an installed package, which has a version, and can't be edited."""
    top = name.partition(".")[0]
    if top in PLACES or top == "archs":
        return False
    origin, places = locations(top)
    if origin is None:
        folders = [Path(place) for place in places]
        return bool(folders) and all(not SITE_FOLDERS.isdisjoint(folder.parts) for folder in folders)
    file = resolved(origin)
    if not SITE_FOLDERS.isdisjoint(file.parts):
        return True
    folder = file.parent.parent if file.stem == "__init__" else file.parent
    return any(folder.glob("*.dist-info"))  # of `pip install --target`


def distributions(name: str) -> set[str]:
    """Return the installed packages that a module belongs to."""
    return set(distributions_by_module().get(name.partition(".")[0], ()))


@functools.cache
def distributions_by_module() -> Mapping[str, list[str]]:
    """Return top-level module → the installed packages that hold it."""
    return packages_distributions()


@functools.cache
def locations(top: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the file of a top-level module, None if it has none, and the folders that its modules are looked for in.

    Remembered, so that a folder that a builder adds to the search path changes no fingerprint (`look_again`).
    """
    try:
        spec = importlib.util.find_spec(top)  # for a top-level name this runs no code
    except (ImportError, ValueError):
        file = getattr(sys.modules.get(top), "__file__", None)
        return file, ()
    if spec is None:
        return None, ()
    return spec.origin if spec.has_location else None, tuple(spec.submodule_search_locations or ())


def look_again() -> None:
    """Forget where modules were found, since the search path or the folders on it may have changed."""
    for remembered in (locations, is_installed, distributions_by_module):
        remembered.cache_clear()


def source_path(name: str) -> Path | None:
    """Return the Python file of a module, whether it is loaded yet or not; None if it has none."""
    top, _, rest = name.partition(".")
    if place := PLACES.get(top):
        if not rest:
            return None if top.startswith(BESIDE) else place
        is_folder = top.startswith(BESIDE) or place.stem == "__init__"
        return file_in(place if top.startswith(BESIDE) else place.parent, rest) if is_folder else None
    if top in sys.stdlib_module_names:
        return None
    origin, folders = locations(top)
    if origin is None and not folders:
        return None
    if name in sys.modules:
        path = getattr(sys.modules[name], "__file__", None)
        return resolved(path) if path and path.endswith(".py") and os.path.isfile(path) else None  # not in an archive
    if not rest:
        return resolved(origin) if origin and origin.endswith(".py") else None
    found = (file_in(Path(folder), rest) for folder in folders)
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


def read_module(name: str) -> ParsedModule:
    """Return the imports and the code of a module; of a loaded one, of the code that runs."""
    path = source_path(name)
    assert path is not None
    return parsed(name, path, source_of(sys.modules[name]) if name in sys.modules else path.read_bytes())
