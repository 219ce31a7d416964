"""Finds architectures and turns what was asked for into `Arch` objects.

Every module in this folder, and every file named with `--plugin`, is searched for module-level `Arch` and `Family`
values. An installed package declares its own as entry points; its code runs only when one of these names is asked for,
or by `--list`. Wildcards leave installed packages out, so that installing one changes no command. A name taken twice is
an error, never a warning.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import archs
from archs.base import Arch, Family
from archs.errors import ChangedForAll, UserError, nearest
from archs.foreign.plugins import load_plugin, without_repeats
from archs.grammar import NAME, Part, Spec, parse
from archs.identity.declared import declare, declared_in
from archs.identity.modules import look_again
from archs.identity.source import source_of

GROUP = "conv_ablation.archs"
"""The group of entry points in which an installed package declares each of its architectures and families by name."""


class UnknownName(UserError):
    """A name that nothing has, which is an error even as a part of a grid."""


@dataclass
class Registry:
    """Architectures and families by name; `discover` makes one."""

    archs: dict[str, Arch] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)

    origin: dict[str, str] = field(default_factory=dict)
    """Name of an architecture or family → the file or the package that it is from, for messages."""

    installed: Mapping[str, list[EntryPoint]] = field(default_factory=dict)
    """Name → the entry points of installed packages that declare it; `load` loads one when its name is asked for."""

    plugins: dict[str, ModuleType] = field(default_factory=dict)
    """Path of a plug-in, as it was given → the loaded module."""

    def add_module(self, module: ModuleType, where: str) -> int:
        """Register the architectures and families that a module holds, and return how many it declares.

        Args:
            where: the file of the module, for messages.

        Raises:
            UserError: a name is taken, or is not a name.
        """
        count = 0
        for entry in list(vars(module).values()):
            if not isinstance(entry, Arch | Family):
                continue
            known = self.archs.get(entry.name) or self.families.get(entry.name)
            if known is entry:  # the same object, which this module imports from another, or that from this one
                count += declared_in(entry) == (module.__name__,)
                continue
            if known is not None:
                other = self.origin[entry.name]
                raise UserError(f"{where}: the name {entry.name!r} is taken by {other}; choose another name")
            if not NAME.fullmatch(entry.name):
                raise UserError(f"{where}: {entry.name!r} is not a name; use a-z, 0-9, '-', '_' and '.'")
            if isinstance(entry, Arch):
                self.archs[entry.name] = entry
            else:
                self.families[entry.name] = entry
            self.origin[entry.name] = where
            declare(entry, [module.__name__])
            count += 1
        return count

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
        from archs.foreign.process_state import left_as_found  # here: it loads torch, as architectures do

        (point,) = points
        try:
            with left_as_found(f"{package_of(point)}, when it is loaded,"):
                found = point.load()
        except ChangedForAll:
            raise
        except (Exception, SystemExit) as error:
            reason = " ".join(str(error).split()) or "no message"
            raise UserError(
                f"{package_of(point)}: {point.value} can't be loaded: {type(error).__name__}: {reason}"
            ) from error
        entry = found if isinstance(found, Arch | Family) else self._entry_named(found, name)
        if entry is None or entry.name != name:
            raise UserError(f"{package_of(point)}: {point.value} holds no Arch or Family of the name {name!r}")
        holder: dict[str, Any] = self.archs if isinstance(entry, Arch) else self.families
        holder[name] = entry
        self.origin[name] = package_of(point)
        declare(entry, [point.module])

    def load_installed(self) -> list[str]:
        """Register all that installed packages declare, and return a line for each entry that can't be loaded."""
        problems = []
        for name in sorted(self.installed):
            try:
                self.load(name)
            except UserError as error:
                problems.append(str(error))
        return problems

    @staticmethod
    def _entry_named(module: object, name: str) -> Arch | Family | None:
        """Return the architecture or family of this name that a module holds."""
        entries = (value for value in getattr(module, "__dict__", {}).values() if isinstance(value, Arch | Family))
        return next((entry for entry in entries if entry.name == name), None)

    def foreign_code(self) -> dict[str, str]:
        """Return what of others' code is loaded: a plug-in's file → hash of its source, a package → its version."""
        plugins = {Path(path).name: short_hash(source_of(module)) for path, module in self.plugins.items()}
        points = [point for name, (point, *_) in self.installed.items() if self.origin.get(name) == package_of(point)]
        return plugins | {point.dist.name: point.dist.version for point in points if point.dist}

    def names(self) -> list[str]:
        """Return all names, those that installed packages declare included."""
        return sorted({*self.archs, *self.families, *self.installed})

    def resolve(self, texts: Iterable[str]) -> Resolved:
        """Return the architectures that `texts` spell, each once, in their order there.

        A cell of a grid that can't be built is listed with its reason.

        Raises:
            UserError: a name is unknown, an architecture that is no cell of a grid can't be built, or none is left.
        """
        from archs.foreign.process_state import left_as_found  # here: it loads torch, as architectures do

        found: dict[str, Arch] = {}
        illegal: dict[str, str] = {}
        with left_as_found(f"the code of {' or '.join(sorted(self.families))}, given its options,"):
            for text in texts:
                self._resolve_one(text, found, illegal)
        if not found:
            first = next(iter(illegal.values()), "none was named")
            raise UserError(f"no legal architecture among those named: {first}")
        return Resolved(tuple(found.values()), illegal)

    def _resolve_one(self, text: str, found: dict[str, Arch], illegal: dict[str, str]) -> None:
        """Add the architectures that `text` spells to `found`, and the cells that can't be built to `illegal`."""
        specs = [single for spec in parse(text) for single in self._expand(spec)]
        for spec in specs:
            try:
                arch = self._build(spec)
            except UserError as error:
                if len(specs) == 1 or isinstance(error, UnknownName | ChangedForAll):
                    raise
                illegal[spell(spec)] = str(error)
            else:
                found.setdefault(arch.name, arch)

    def _expand(self, spec: Spec) -> list[Spec]:
        """Return the specs that a spec with wildcards stands for."""
        encoders = self._matches(spec.encoder)
        if spec.decoder is None:
            return [Spec(part) for part in encoders]
        decoders = self._matches(spec.decoder)
        return [Spec(encoder, decoder) for encoder in encoders for decoder in decoders]

    def _matches(self, part: Part) -> list[Part]:
        if part.is_family or not any(wild in part.name for wild in "*?"):
            return [part]
        names = fnmatch.filter(sorted(self.archs.keys() - self.installed.keys()), part.name)
        if not names:
            raise UserError(f"no architecture matches {part.name!r}; choose from {', '.join(self.names())}")
        return [Part(name) for name in names]

    def _build(self, spec: Spec) -> Arch:
        encoder = self._build_part(spec.encoder)
        if spec.decoder is None:
            return encoder
        decoder = self._build_part(spec.decoder)
        if decoder.decoder is None:
            having = [name for name, arch in self.archs.items() if arch.decoder]
            raise UserError(
                f"{encoder.name}+{decoder.name}: {decoder.name} has no decoder{nearest(decoder.name, having)}"
            )
        if encoder.name == decoder.name:
            return encoder
        crossing = Arch(
            name=f"{encoder.name}+{decoder.name}",
            summary=f"encoder of {encoder.name}, decoder of {decoder.name}",
            source="crossing",
            encoder=encoder.encoder,
            decoder=decoder.decoder,
            factors={"encoder": encoder.name, "decoder": decoder.name},
        )
        declare(crossing, [*declared_in(encoder), *declared_in(decoder)])
        return crossing

    def _build_part(self, part: Part) -> Arch:
        self.load(part.name)
        if not part.is_family and part.name in self.archs:
            return self.archs[part.name]
        if part.name in self.families:
            family = self.families[part.name]
            arch = family.build(part.options)
            declare(arch, declared_in(family))
            return arch
        if part.is_family:
            raise UnknownName(f"unknown family {part.name!r}{nearest(part.name, self.families)}")
        raise UnknownName(f"unknown architecture {part.name!r}{nearest(part.name, self.names())}")


@dataclass(frozen=True)
class Resolved:
    """What `Registry.resolve` made of the names that it was given."""

    archs: tuple[Arch, ...]

    illegal: dict[str, str]
    """Cell of a grid, as it was spelled → why it can't be built."""


def spell(spec: Spec) -> str:
    """Return a spec as text, with its options as they were given."""

    def side(part: Part) -> str:
        options = ",".join(f"{key}={value}" for key, value in part.options.items())
        return f"{part.name}:{options}" if options else part.name

    return side(spec.encoder) if spec.decoder is None else f"{side(spec.encoder)}+{side(spec.decoder)}"


def joined_with_or(words: Sequence[str]) -> str:
    """Return a list in words: "a, b or c"."""
    return " or ".join([", ".join(words[:-1]), words[-1]])


def short_hash(source: bytes) -> str:
    """Return twelve hex digits of the SHA-256 of a source."""
    return hashlib.sha256(source).hexdigest()[:12]


def package_of(point: EntryPoint) -> str:
    """Return the package that declares an entry point, in words."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist else f"entry point {point.value}"


def discover(plugins: Sequence[str | Path] = (), also: Sequence[type] = ()) -> Registry:
    """Return a registry of all that is in this folder, in the plug-ins and, by name only, in installed packages.

    Args:
        plugins: paths of Python files.
        also: types of which a plug-in may hold a value instead of an architecture; the caller finds those values in
            `Registry.plugins`.

    Raises:
        UserError: a plug-in can't be loaded or holds nothing of use, or a name is taken.
    """
    from archs.foreign.process_state import ProcessState, complaint  # here: it loads torch, as architectures do

    installed: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        installed.setdefault(point.name, []).append(point)
    registry = Registry(installed=installed)
    look_again()
    before = ProcessState.now()
    for info in sorted(pkgutil.iter_modules(archs.__path__), key=lambda info: info.name):
        where = f"archs/{info.name}.py"
        module = importlib.import_module(f"archs.{info.name}")
        if changed := before.restore_settings():
            raise ChangedForAll(complaint(f"{where}, when it is loaded,", changed))
        registry.add_module(module, where)
    if changed := before.restore():  # of all of them at once, since it takes milliseconds
        raise ChangedForAll(complaint("one of the files in archs/, when it is loaded,", changed))
    for path in without_repeats(plugins):
        module = registry.plugins[str(path)] = load_plugin(path)
        others = any(isinstance(value, tuple(also)) for value in vars(module).values())
        if registry.add_module(module, str(path)) == 0 and not others:
            kinds = joined_with_or([kind.__name__ for kind in (Arch, Family, *also)])
            raise UserError(f"plug-in {path}: holds no {kinds} at module level; see archs/cnn3.py for one")
    return registry
