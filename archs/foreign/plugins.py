"""Loads the files named with `--plugin`, each as a module of its own, whatever it is called and wherever it lies.

Loading one must leave the process as it was (`archs.foreign.process_state`).

A plug-in may import files of its own folder (`import helper`), which is then put at the end of Python's search path.
Since Python has only one module of a name, two plug-ins that each have a `helper.py` of their own can't be in one job;
that is an error that says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from archs.errors import ChangedForAll, UserError
from archs.identity.fingerprint import HARNESS_PACKAGES, SITE_FOLDERS, file_in, read_file, source_of, source_path


class NameClash(UserError):
    """Two files that one job would import by the same name."""


class PluginLoader(SourceFileLoader):
    """Runs the source itself, never a compiled copy, which Python takes for current if second and size are the same."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def without_repeats(plugins: Iterable[str | Path]) -> list[Path]:
    """Return the files in the order given, each once, even if two paths name it."""
    found: dict[Path, Path] = {}
    for plugin in plugins:
        found.setdefault(Path(os.path.realpath(plugin)), Path(plugin))  # resolve() would raise for a link to itself
    return list(found.values())


def load_plugin(path: Path) -> ModuleType:
    """Import a plug-in; a file that is loaded already and has not been edited since gives the same module again.

    Raises:
        UserError: something is wrong with it; the message, of one line, names the file and the line.
    """
    if not path.is_file():
        raise UserError(f"plug-in {path}: no such file; give the path of a Python file, for example my_arch.py")
    file = path.resolve()
    if file.suffix != ".py":
        what = f"the name of {file}, to which it leads," if path.suffix == ".py" else "its name"
        raise UserError(f"plug-in {path}: not a Python file; {what} must end in .py")
    name = module_name(file)
    loaded = sys.modules.get(name)
    if loaded is not None and source_of(loaded) == file.read_bytes():
        return loaded
    from archs.foreign.process_state import left_as_found  # here: it loads torch, as plug-ins do

    spec = importlib.util.spec_from_file_location(name, file, loader=PluginLoader(name, str(file)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    search = list(sys.path)
    try:
        make_importable(local_imports(file), path)
        sys.modules[name] = module
        source_of(module)  # remembered for the fingerprint, even if the file is edited later
        with left_as_found(f"plug-in {path}, when it is loaded,"):
            spec.loader.exec_module(module)
    except (NameClash, ChangedForAll):
        sys.modules.pop(name, None)
        sys.path[:] = search
        raise
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        sys.path[:] = search
        lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == str(file)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else "?")
        reason = " ".join(str(error).split()) or "no message"
        raise UserError(f"plug-in {path}, line {line}: {type(error).__name__}: {reason}") from error
    return module


def module_name(file: Path) -> str:
    """Return the module name of a file: its own, and the same in every process, so that its classes can be pickled."""
    folder = hashlib.sha256(str(file).encode(errors="surrogateescape")).hexdigest()[:12]
    return f"plugin_{re.sub(r'[^a-zA-Z0-9]', '_', file.stem)}_{folder}"


def local_imports(file: Path) -> dict[str, Path]:
    """Return the modules of a file's own folder that it imports, directly or not; none if it can't be parsed."""
    found: dict[str, Path] = {}
    waiting = [(file.stem, file)]
    while waiting:
        try:
            names = read_file(*waiting.pop()).imports
        except (SyntaxError, ValueError, ImportError):  # running the file reports it better
            continue
        for name in names:
            path = None if name.partition(".")[0] in HARNESS_PACKAGES | {"archs"} else file_in(file.parent, name)
            if path and name not in found:
                found[name] = path
                waiting.append((name, path))
    return found


def make_importable(modules: dict[str, Path], plugin: Path) -> None:
    """Let Python import `modules`, names → files of a plug-in's folder, by their names.

    An installed package or a standard module of the same name comes first, as if the file were not there.

    Raises:
        NameClash: another file has one of the names already.
    """
    own = {name: path for name, path in modules.items() if name.partition(".")[0] not in sys.stdlib_module_names}
    folder = str(plugin.resolve().parent)
    if own and folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()
    for name, path in own.items():
        other = source_path(name)
        if other is not None and other != path and SITE_FOLDERS.isdisjoint(other.parts):
            raise NameClash(
                f"plug-in {plugin}: imports {name} from its own folder, but {name} is {other} here; "
                "rename one of the two"
            )
