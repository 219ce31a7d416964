"""Loads the files named with `--plugin`, each as a module of its own, whatever it is called and wherever it lies.

Loading one must leave the process as it was (`archs.foreign.process_state`). A plug-in may import files of its own
folder (`archs.foreign.helpers`).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from archs.errors import ChangedForAll, UserError
from archs.foreign.helpers import PluginFinder, PluginLoader, beside
from archs.foreign.raised import not_loaded
from archs.foreign.time_limit import Endless
from archs.identity.modules import PLACES, is_local, look_again, module_name, reachable, source_path
from archs.identity.source import source_of

LOADED: dict[str, set[str]] = {}
"""Name of each plug-in that is loaded → it and the modules that belong to it, loaded or not; `archs` aside."""


def without_repeats(plugins: Iterable[str | Path]) -> list[Path]:
    """Return the files in the order given, each once, even if two paths name it."""
    found: dict[Path, Path] = {}
    for plugin in plugins:
        found.setdefault(Path(os.path.realpath(plugin)), Path(plugin))  # resolve() would raise for a link to itself
    return list(found.values())


def load_plugin(path: Path) -> ModuleType:
    """Import a plug-in; one that is loaded already gives the same module again.

    If a file of any plug-in was edited since it was loaded, all of them are loaded anew.

    Raises:
        UserError: something is wrong with it; the message, of one line, names the file and the line.
    """
    if not path.is_file():
        near = path.with_name(f"{path.name}.py") if path.name else path
        hint = f"did you mean {near}?" if near.is_file() else "give the path of a Python file, for example my_arch.py"
        raise UserError(f"plug-in {path}: {'a folder' if path.is_dir() else 'no such file'}; {hint}")
    file = path.resolve()
    if file.suffix != ".py":
        what = f"the name of {file}, to which it leads," if path.suffix == ".py" else "its name"
        raise UserError(f"plug-in {path}: not a Python file; {what} must end in .py")
    name = module_name(file)
    beside.cache_clear()
    forget_edited()
    if name in sys.modules:
        note(name)
        return sys.modules[name]
    from archs.foreign.process_state import left_as_found  # here: it loads torch, as plug-ins do

    if PluginFinder not in sys.meta_path:
        sys.meta_path.insert(0, PluginFinder)
    PLACES[name] = file
    spec = importlib.util.spec_from_file_location(name, file, loader=PluginLoader(name, str(file)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    search, before = list(sys.path), set(sys.modules)
    look_again()
    try:
        sys.modules[name] = module
        with left_as_found(f"plug-in {path}, when it is loaded,"):
            spec.loader.exec_module(module)
    except (ChangedForAll, Endless):
        undo(name, search, before)
        raise
    except (Exception, SystemExit) as error:
        undo(name, search, before)
        raise UserError(not_loaded(f"plug-in {path}", file, error)) from error
    look_again()  # it may have added a folder to the search path
    for other in (*LOADED, name):
        note(other)
    return module


def undo(name: str, search: list[str], before: set[str]) -> None:
    """Take back what a plug-in that can't be loaded added to the search path and, libraries aside, to the modules."""
    for other in sys.modules.keys() - before:
        if is_private(other) or (not other.startswith("archs") and is_local(other, name)):
            del sys.modules[other]
    sys.path[:] = search


def is_private(name: str) -> bool:
    """Return whether a module is one of a plug-in, which has a name that nothing else has."""
    return name.partition(".")[0] in PLACES


def note(name: str) -> None:
    """Remember which modules belong to a plug-in, and the sources of those that are loaded, as they are now."""
    LOADED[name] = {other for other in reachable(name) if not other.startswith("archs.")}
    for other in LOADED[name] & sys.modules.keys():
        source_of(sys.modules[other])


def forget_edited() -> None:
    """Let every file of a plug-in be loaded anew if one of them was edited, so that none keeps what it had of another.

    A module that Python found by itself is kept unless it, or one that it imports, is the one that was edited.
    """
    names = {other for name in LOADED if name in sys.modules for other in reachable(name) | LOADED[name]}
    names = {name for name in names & sys.modules.keys() if not name.startswith("archs.")}
    edited = {name for name in names if is_edited(sys.modules[name])}
    if edited:
        own = {name for name in sys.modules if is_private(name)}
        for name in own | {name for name in names if reachable(name) & edited}:
            del sys.modules[name]
        LOADED.clear()


def is_edited(module: ModuleType) -> bool:
    """Return whether the file of a loaded module holds something else by now."""
    try:
        path = source_path(module.__name__)
        return path is None or path.read_bytes() != source_of(module)
    except OSError:
        return True
