"""Finds architectures and turns what was asked for into `Arch` objects.

Every module in this folder, and every file named with `--plugin`, is searched for module-level `Arch` and `Family`
values. An installed package declares its own as entry points; its code runs when one of these names is asked for, or by
`--list`, and otherwise not. Wildcards do not reach into packages, so that installing one changes no command. A name taken
twice is an error, never a warning.
"""

from __future__ import annotations

import fnmatch
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
from archs.errors import UserError, nearest
from archs.grammar import NAME, Part, Spec, parse
from archs.plugins import each_once, load_plugin

GROUP = "conv_ablation.archs"
"""Of entry points: an installed package declares each of its architectures and families there under its name."""


class UnknownName(UserError):
    """A misspelling, not an illegal combination: never set aside."""


@dataclass
class Registry:
    """Architectures and families by name. `discover()` makes one; two never share state."""

    archs: dict[str, Arch] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    installed: Mapping[str, list[EntryPoint]] = field(default_factory=dict)  # by name; loaded when that is asked for
    plugins: dict[str, ModuleType] = field(default_factory=dict)  # by the path that was given

    def add_module(self, module: ModuleType, where: str) -> int:
        """Registers the entries that `module` holds; returns how many were new."""
        count = 0
        for entry in list(vars(module).values()):
            if not isinstance(entry, Arch | Family):
                continue
            known = self.archs.get(entry.name) or self.families.get(entry.name)
            if known is entry:  # the same object, imported by name from another file
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
            count += 1
        return count

    def load(self, name: str) -> None:
        """Registers `name` from the installed package that declares it, if one does; the only code of it that is run.

        Raises `UserError` if the name is somebody else's too, or if the package can't be loaded.
        """
        points = self.installed.get(name, [])
        if not points or self.origin.get(name) == where(points[0]):
            return
        takers = [self.origin[name]] if name in self.origin else []
        takers += [where(point) for point in points]
        if len(takers) > 1:
            raise UserError(f"the name {name!r} is taken by {' and by '.join(takers)}; uninstall or rename one")
        (point,) = points
        try:
            found = point.load()
        except (Exception, SystemExit) as error:
            said = " ".join(str(error).split()) or "no message"
            raise UserError(f"{where(point)}: {point.value} can't be loaded: {type(error).__name__}: {said}") from error
        entry = found if isinstance(found, Arch | Family) else self._named(found, name)
        if entry is None or entry.name != name:
            raise UserError(f"{where(point)}: {point.value} holds no Arch or Family of the name {name!r}")
        holder: dict[str, Any] = self.archs if isinstance(entry, Arch) else self.families
        holder[name] = entry
        self.origin[name] = where(point)

    def load_installed(self) -> list[str]:
        """Registers whatever installed packages declare; returns a line for each that can't be had."""
        problems = []
        for name in sorted(self.installed):
            try:
                self.load(name)
            except UserError as error:
                problems.append(str(error))
        return problems

    @staticmethod
    def _named(module: object, name: str) -> Arch | Family | None:
        entries = (value for value in getattr(module, "__dict__", {}).values() if isinstance(value, Arch | Family))
        return next((entry for entry in entries if entry.name == name), None)

    def names(self) -> list[str]:
        """Those declared by installed packages included."""
        return sorted({*self.archs, *self.families, *self.installed})

    def resolve(self, texts: Iterable[str]) -> Resolved:
        """All architectures that `texts` spell, each once, in the order asked for.

        A part of a grid that is illegal is set aside with its reason; a single spec that is illegal is an error, and
        so are a name that nothing has and a request that leaves nothing.
        """
        found: dict[str, Arch] = {}
        illegal: dict[str, str] = {}
        for text in texts:
            specs = [single for spec in parse(text) for single in self._expand(spec)]
            for spec in specs:
                try:
                    arch = self._build(spec)
                except UserError as error:
                    if len(specs) == 1 or isinstance(error, UnknownName):
                        raise
                    illegal[spelled(spec)] = str(error)
                else:
                    found.setdefault(arch.name, arch)
        if not found:
            first = next(iter(illegal.values()), "none was named")
            raise UserError(f"no legal architecture among those named: {first}")
        return Resolved(tuple(found.values()), illegal)

    def _expand(self, spec: Spec) -> list[Spec]:
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
        encoder = self._part(spec.encoder)
        if spec.decoder is None:
            return encoder
        decoder = self._part(spec.decoder)
        if decoder.decoder is None:
            having = [name for name, arch in self.archs.items() if arch.decoder]
            raise UserError(
                f"{encoder.name}+{decoder.name}: {decoder.name} has no decoder{nearest(decoder.name, having)}"
            )
        if encoder.name == decoder.name:
            return encoder
        return Arch(
            name=f"{encoder.name}+{decoder.name}",
            summary=f"encoder of {encoder.name}, decoder of {decoder.name}",
            source="crossing",
            encoder=encoder.encoder,
            decoder=decoder.decoder,
            factors={"encoder": encoder.name, "decoder": decoder.name},
        )

    def _part(self, part: Part) -> Arch:
        self.load(part.name)
        if not part.is_family and part.name in self.archs:
            return self.archs[part.name]
        if part.name in self.families:
            return self.families[part.name].build(part.options)
        if part.is_family:
            raise UnknownName(f"unknown family {part.name!r}{nearest(part.name, self.families)}")
        raise UnknownName(f"unknown architecture {part.name!r}{nearest(part.name, self.names())}")


@dataclass(frozen=True)
class Resolved:
    archs: tuple[Arch, ...]
    illegal: dict[str, str]  # spec as asked for → why it can't be built


def spelled(spec: Spec) -> str:
    """A spec as text, options as they were given."""

    def side(part: Part) -> str:
        options = ",".join(f"{key}={value}" for key, value in part.options.items())
        return f"{part.name}:{options}" if options else part.name

    return side(spec.encoder) if spec.decoder is None else f"{side(spec.encoder)}+{side(spec.decoder)}"


def listed(words: Sequence[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]])


def where(point: EntryPoint) -> str:
    """The package that declares an entry point, in words."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist else f"entry point {point.value}"


def discover(plugins: Sequence[str | Path] = (), also: Sequence[type] = ()) -> Registry:
    """A registry of everything in this folder and in the `plugins` files.

    also: what a plug-in may hold instead of an architecture, which is then the caller's to find in `Registry.plugins`.
    What installed packages declare in the entry point group `GROUP` is known by name, and loaded when that is asked for.
    """
    installed: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        installed.setdefault(point.name, []).append(point)
    registry = Registry(installed=installed)
    for info in sorted(pkgutil.iter_modules(archs.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"archs.{info.name}")
        registry.add_module(module, f"archs/{info.name}.py")
    for path in each_once(plugins):
        module = registry.plugins[str(path)] = load_plugin(path)
        others = any(isinstance(value, tuple(also)) for value in vars(module).values())
        if registry.add_module(module, str(path)) == 0 and not others:
            kinds = listed([kind.__name__ for kind in (Arch, Family, *also)])
            raise UserError(f"plug-in {path}: holds no {kinds} at module level; see archs/cnn3.py for one")
    return registry
