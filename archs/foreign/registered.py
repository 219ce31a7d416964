"""What there is to be asked for: architectures and families by name, whoever declares them, and why some can't be used.

A name taken twice is nobody's. A plug-in that can't be used is an error at once, since it was named on the command
line; a file of `archs/`, and an installed package, only where what it declares is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from archs.base import Arch, Family
from archs.errors import UserError
from archs.foreign.entries import check_entry, entries, mistaken
from archs.foreign.folder import File, declares
from archs.foreign.packages import load_entry, package_of
from archs.identity.declared import declare, declared_in
from archs.identity.source import source_of


class Taken(UserError):
    """Two declare something of one name."""


@dataclass
class Registered:
    """Architectures and families by name."""

    archs: dict[str, Arch] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)

    origin: dict[str, str] = field(default_factory=dict)
    """Name of an architecture or family → the file or the package that it is from, for messages."""

    installed: Mapping[str, list[EntryPoint]] = field(default_factory=dict)
    """Name → the entry points of installed packages that declare it; `load` loads one when its name is asked for."""

    plugins: dict[str, ModuleType] = field(default_factory=dict)
    """Path of a plug-in, as it was given → the loaded module."""

    broken: dict[str, str] = field(default_factory=dict)
    """Name by which something of a file of this folder may be asked for → why that can't be used, on one line."""

    files: dict[str, str] = field(default_factory=dict)
    """Name of a file without ".py" → what it is called in messages."""

    def add_module(self, module: ModuleType, where: str) -> int:
        """Register the architectures and families that a module holds, and return how many it declares.

        Args:
            where: the file of the module, for messages.

        Raises:
            UserError: a name is taken, or what is declared can't be an architecture or family.
        """
        self.files[Path(where).stem] = where
        if problem := mistaken(module):
            raise UserError(f"{where}: {problem}")
        return sum(self._add(entry, module, where) for entry in entries(module))

    def add_folder(self, files: Iterable[File]) -> None:
        """Register what the files of `archs/` hold; what of it can't be used is broken, and concerns no other."""
        taken: set[str] = set()
        for file in files:
            self.files[file.stem] = file.where
            wrong = mistaken(file.module) if file.module else None
            if problem := f"{file.where}: {wrong}" if wrong else file.problem:
                for name in declares(file):
                    self.broken.setdefault(name, problem)
            for entry in entries(file.module) if file.module else ():
                assert file.module is not None
                try:
                    self._add(entry, file.module, file.where)
                except UserError as error:
                    taken |= {entry.name} if isinstance(error, Taken) else set()
                    for name in (*file.names, str(entry.name)):
                        self.broken.setdefault(name, str(error))
        for name in taken:
            self.archs.pop(name, None)
            self.families.pop(name, None)
            del self.origin[name]

    def _add(self, entry: Arch | Family, module: ModuleType, where: str) -> bool:
        """Register what a module holds; return whether it is the module that declares it."""
        try:
            check_entry(entry)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        known = self.archs.get(entry.name) or self.families.get(entry.name)
        if known is entry:  # the same object, which this module imports from another, or that from this one
            return declared_in(entry) == (module.__name__,)
        if known is not None:
            raise Taken(f"{where}: the name {entry.name!r} is taken by {self.origin[entry.name]}; choose another name")
        self._register(entry, where, module.__name__)
        return True

    def _register(self, entry: Arch | Family, where: str, module: str) -> None:
        if isinstance(entry, Arch):
            self.archs[entry.name] = entry
        else:
            self.families[entry.name] = entry
        self.origin[entry.name] = where
        declare(entry, [module])

    def load(self, name: str) -> None:
        """Register `name` from the installed package that declares it, if one does; no other code of it is run.

        Raises:
            UserError: the name is taken, or the package can't be loaded.
        """
        points = self.installed.get(name, [])
        if not points or self.origin.get(name) == package_of(points[0]):
            return
        takers = [self.origin[name]] if name in self.origin else []
        takers += [package_of(point) for point in points]
        if len(takers) > 1:
            raise UserError(f"the name {name!r} is taken by {' and by '.join(takers)}; uninstall or rename one")
        (point,) = points
        self._register(load_entry(point), package_of(point), point.module)

    def load_installed(self) -> list[str]:
        """Register all that installed packages declare, and return a line for each entry or file that can't be used."""
        problems = list(dict.fromkeys(self.broken.values()))
        for name in sorted(self.installed):
            try:
                self.load(name)
            except UserError as error:
                problems.append(str(error))
        return problems

    def foreign_code(self) -> dict[str, str]:
        """Return what of others' code is loaded: a plug-in's file → hash of its source, a package → its version."""
        plugins = {Path(path).name: short_hash(source_of(module)) for path, module in self.plugins.items()}
        points = [point for name, (point, *_) in self.installed.items() if self.origin.get(name) == package_of(point)]
        return plugins | {point.dist.name: point.dist.version for point in points if point.dist}

    def names(self) -> list[str]:
        """Return all names, those that installed packages declare included."""
        return sorted({*self.archs, *self.families, *self.installed})


def short_hash(source: bytes) -> str:
    """Return twelve hex digits of the SHA-256 of a source."""
    return hashlib.sha256(source).hexdigest()[:12]
