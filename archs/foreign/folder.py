"""Loads the files of `archs/`; one that can't be loaded concerns nobody but who asks for what it declares."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import archs
from archs.foreign.raised import not_loaded
from archs.foreign.time_limit import time_limit

DECLARES = re.compile(r"\b(?:Arch|Family)\(\s*(?:name\s*=\s*)?[\"']([^\"'\n]+)[\"']")
"""How a file that can't be loaded says the name of what it would declare."""


class File(NamedTuple):
    """A file or a package of `archs/`."""

    stem: str
    """Its name without ".py"."""

    where: str
    """What it is called in messages."""

    module: ModuleType | None = None
    """None if it can't be loaded."""

    problem: str = ""
    """Why it can't be."""

    @property
    def names(self) -> set[str]:
        """The names by which what it declares may be asked for, as far as that is seen from outside."""
        return {self.stem, self.stem.replace("_", "-")}


def load_files() -> Iterator[File]:
    """Yield the files and packages of the folder, in the order of their names, each loaded if that can be done.

    What one of them changes for all code of the process is put back, and it counts as one that can't be loaded.
    """
    from archs.foreign.process_state import ProcessState, complaint  # here: it loads torch, as architectures do

    before, search = ProcessState.now(), list(sys.path)
    for info in sorted(pkgutil.iter_modules(archs.__path__), key=lambda info: info.name):
        where, name = f"archs/{info.name}" if info.ispkg else f"archs/{info.name}.py", f"archs.{info.name}"
        if name in sys.modules:
            yield File(info.name, where, sys.modules[name])
            continue
        problem = ""
        try:
            with time_limit(f"{where}, when it is loaded,"):
                importlib.import_module(name)
        except (Exception, SystemExit) as error:
            sys.path[:] = search
            problem = not_loaded(where, file_of(info.name), error)
        if changed := before.restore():
            sys.modules.pop(name, None)
            problem = problem or complaint(f"{where}, when it is loaded,", changed)
        yield File(info.name, where, sys.modules.get(name), problem)
    for path in sorted(path for folder in archs.__path__ for path in Path(folder).glob("*.py")):
        if "." in path.stem and not path.stem.startswith("."):
            problem = f"archs/{path.name}: Python imports no file that has a full stop in its name; rename it"
            yield File(path.stem.partition(".")[0], f"archs/{path.name}", None, problem)


def declares(file: File) -> set[str]:
    """Return the names of what a file that can't be loaded would declare, as it is written."""
    try:
        text = file_of(file.stem).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return file.names
    return file.names | set(DECLARES.findall(text))


def file_of(stem: str) -> Path:
    """Return where a file of the folder is."""
    files = [Path(folder, f"{stem}.py") for folder in archs.__path__]
    return next((file for file in files if file.exists()), files[0])
