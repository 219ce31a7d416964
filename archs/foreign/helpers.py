"""Lets a plug-in import the files beside it, each under a name of its own: two plug-ins never share one by its name.

Python has one module of a name. What a plug-in calls `helper` is therefore loaded as `plugin_helper_…`, and a package
as `beside_….package` (`archs.identity.modules.private_name`), with the hash of its path: the same in every process.
The statement `import` asks the function `__import__` among the built-ins of the file that it stands in. The files of a
plug-in are given one that translates such names; `importlib`, as they see it, translates them too. So it makes no
difference when a helper is imported, and nothing else in the process finds it by its plain name.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from archs.identity.modules import BESIDE, PLACES, folder_of, module_name, private_name, short_hash, source_path
from archs.identity.source import source_of


class PluginLoader(SourceFileLoader):
    """Runs the source itself, never a compiled copy, which Python takes for current if second and size are the same."""

    def get_code(self, fullname: str) -> CodeType:
        module = sys.modules.get(fullname)
        source = self.get_data(self.path) if module is None else source_of(module)  # which the fingerprint reads too
        return self.source_to_code(source, self.path)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module, folder = ModuleType(spec.name), folder_of(spec.name)
        assert folder is not None
        vars(module)["__builtins__"] = built_ins(folder)
        return module


class PluginFinder:
    """Finds modules by their private names."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        top, _, rest = name.partition(".")
        if top not in PLACES:
            look_for(top)
        if (place := PLACES.get(top)) is None:
            return None
        file = source_path(name)
        if file is not None:
            return importlib.util.spec_from_file_location(name, file, loader=PluginLoader(name, str(file)))
        base = place if top.startswith(BESIDE) else place.parent
        folder = base.joinpath(*rest.split(".")) if rest else base
        if not folder.is_dir() or not (top.startswith(BESIDE) or place.stem == "__init__"):
            return None
        spec = ModuleSpec(name, None, is_package=True)  # a folder without __init__.py
        spec.submodule_search_locations = [str(folder)]
        return spec


def look_for(top: str) -> None:
    """Note where a file lies whose private name was made in another process, as when its class is unpickled."""
    if top.startswith(("plugin_", BESIDE)):
        for folder in {folder for known in PLACES if (folder := folder_of(known))}:
            found = [folder] if top == BESIDE + short_hash(folder) else []
            for place in (*found, *(file for file in folder.glob("*.py") if module_name(file) == top)):
                PLACES[top] = place


@functools.cache
def built_ins(folder: Path) -> Mapping[str, Any]:
    """Return the built-in functions as the plug-ins of a folder see them."""
    return {**vars(builtins), "__import__": functools.partial(import_from, folder)}


beside = functools.cache(private_name)
"""The same, remembered until a plug-in is asked for again: a network may import each time that it is called."""


def import_from(
    folder: Path,
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Import for a file of a plug-in of `folder`, as `__import__` does."""
    private = beside(folder, name) if level == 0 else None
    if private is not None:
        importlib.import_module(private)
        if fromlist:
            return builtins.__import__(private, globals, locals, fromlist, 0)
        return sys.modules[private.removesuffix(name.removeprefix(name.partition(".")[0]))]
    found = builtins.__import__(name, globals, locals, fromlist or (), level)
    return Importlib(folder) if found is importlib else found


class Importlib(ModuleType):
    """`importlib` as the plug-ins of a folder see it: `import_module` finds what lies beside them."""

    def __init__(self, folder: Path) -> None:
        super().__init__("importlib", importlib.__doc__)
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Import a module by its name, as `importlib.import_module` does."""
        private = None if name.startswith(".") else beside(self._folder, name)
        return importlib.import_module(private or name, package)
