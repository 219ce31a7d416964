"""Finds architectures and turns what was asked for into `Arch` objects.

Every module in this folder, and every file named with `--plugin`, is searched for module-level `Arch` and `Family`
values. An installed package declares its own as entry points; its code runs only when one of these names is asked for,
or by `--list`. Wildcards leave installed packages out, so that installing one changes no command. What can't be used is
known too, and why (`archs.foreign.registered`).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archs.base import Arch, Family
from archs.errors import ChangedForAll, UserError, nearest
from archs.foreign.entries import check_builders, kind_of
from archs.foreign.folder import load_files
from archs.foreign.packages import declared
from archs.foreign.plugins import load_plugin, without_repeats
from archs.foreign.raised import said
from archs.foreign.registered import Registered
from archs.grammar import Part, Spec, parse
from archs.identity.declared import declare, declared_in
from archs.identity.modules import look_again


class UnknownName(UserError):
    """A name that nothing has, which is an error even as a part of a grid."""


class Registry(Registered):
    """Architectures and families by name, and what a command line makes of them; `discover` makes one."""

    def resolve(self, texts: Iterable[str]) -> Resolved:
        """Return the architectures that `texts` spell, each once, in their order there.

        A cell of a grid that can't be built is listed with its reason.

        Raises:
            UserError: a name is unknown, an architecture that is no cell of a grid can't be built, or none is left.
        """
        from archs.foreign.process_state import left_as_found  # here: it loads torch, as architectures do

        found: dict[str, Arch] = {}
        illegal: dict[str, str] = {}
        texts = list(texts)
        with left_as_found(f"the code of {' or '.join(sorted(self.families))}, given its options,"):
            for text in texts:
                self._resolve_one(text, found, illegal)
        if not found:
            first = next(iter(illegal.values()), "none was named")
            raise UserError(f"no legal architecture among those named: {first}")
        specs = [spec for text in texts for spec in parse(text)]
        named = [part.name for spec in specs for part in (spec.encoder, spec.decoder) if part]
        return Resolved(tuple(found.values()), illegal, self._broken_among(filter(is_pattern, named)))

    def _broken_among(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return why what wildcards may mean can't be used."""
        meant = [name for pattern in patterns for name in fnmatch.filter(sorted(self.broken), pattern)]
        return tuple(dict.fromkeys(self.broken[name] for name in meant))

    def _resolve_one(self, text: str, found: dict[str, Arch], illegal: dict[str, str]) -> None:
        """Add the architectures that `text` spells to `found`, and the cells that can't be built to `illegal`."""
        if text.strip().endswith(".py"):
            raise UnknownName(f"architecture {text!r} is a file: name it with --plugin, and here what it declares")
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
        if part.is_family or not is_pattern(part.name):
            return [part]
        names = fnmatch.filter(sorted(self.archs.keys() - self.installed.keys()), part.name)
        if names:
            return [Part(name) for name in names]
        if broken := self._broken_among([part.name]):
            raise UserError(broken[0])
        if installed := fnmatch.filter(sorted(self.installed), part.name):
            hint = f": wildcards reach no installed package; name it: {', '.join(installed)}"
        else:
            hint = nearest(part.name.replace("*", "").replace("?", ""), self.names())
        raise UserError(f"no architecture matches {part.name!r}{hint}")

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
            return self.member(self.families[part.name], part.options)
        if part.name in self.broken:
            raise UnknownName(self.broken[part.name])
        kind, known = ("family", list(self.families)) if part.is_family else ("architecture", self.names())
        hint = self._hint(part) or nearest(part.name, known)
        if hint.startswith("; choose from") and not self.plugins:
            hint += f"; {'a' if part.is_family else 'an'} {kind} of yours is in a file that --plugin names"
        raise UnknownName(f"unknown {kind} {part.name!r}{hint}")

    @staticmethod
    def member(family: Family, options: Mapping[str, str]) -> Arch:
        """Build the member of a family that has these options.

        Raises:
            UserError: an option is unknown or illegal, or the family's code fails.
        """
        try:
            arch = family.build(options)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{family.name}: can't be built with its options: {said(error)}") from error
        if not isinstance(arch, Arch):
            raise UserError(f"{family.name}: what builds a member returns {kind_of(arch)}, expected an Arch")
        check_builders(arch)
        declare(arch, declared_in(family))
        return arch

    def _hint(self, part: Part) -> str:
        """Return what may be meant by a name that nothing has, where that is more than a slip of the finger."""
        if not part.is_family and (where := self.files.get(part.name) or self.files.get(part.name.replace("-", "_"))):
            held = [name for name, origin in self.origin.items() if origin == where]
            if held:
                return f"; {where} declares {', '.join(held)}"
            return f": {where} holds no Arch or Family at module level; see archs/cnn3.py for one"
        for family in self.families.values() if not part.is_family else ():
            depth = part.name.removeprefix(family.name)
            if part.name.startswith(family.name) and depth.isdigit():
                near = nearest(part.name, self.names())
                more = f"; one of {depth} layers is {family.name}:depth={depth}" if self._has(family, depth) else ""
                return near + more
        if part.is_family and part.name in self.archs:
            return f": {part.name} is an architecture without options; families are {', '.join(sorted(self.families))}"
        return ""

    def _has(self, family: Family, depth: str) -> bool:
        """Return whether a family has a member of so many layers."""
        try:
            return bool(self.member(family, {"depth": depth}))
        except UserError:
            return False


@dataclass(frozen=True)
class Resolved:
    """What `Registry.resolve` made of the names that it was given."""

    archs: tuple[Arch, ...]

    illegal: dict[str, str]
    """Cell of a grid, as it was spelled → why it can't be built."""

    broken: tuple[str, ...] = ()
    """Why files of this folder can't be used that wildcards could mean, a line each."""


def spell(spec: Spec) -> str:
    """Return a spec as text, with its options as they were given."""

    def side(part: Part) -> str:
        options = ",".join(f"{key}={value}" for key, value in part.options.items())
        return f"{part.name}:{options}" if options else part.name

    return side(spec.encoder) if spec.decoder is None else f"{side(spec.encoder)}+{side(spec.decoder)}"


def joined_with_or(words: Sequence[str]) -> str:
    """Return a list in words: "a, b or c"."""
    return " or ".join([", ".join(words[:-1]), words[-1]])


def is_pattern(name: str) -> bool:
    """Return whether a name has wildcards."""
    return "*" in name or "?" in name


def discover(plugins: Sequence[str | Path] = (), also: Sequence[type] = ()) -> Registry:
    """Return a registry of all that is in this folder, in the plug-ins and, by name only, in installed packages.

    Args:
        plugins: paths of Python files.
        also: types of which a plug-in may hold a value instead of an architecture; the caller finds those values in
            `Registry.plugins`.

    Raises:
        UserError: a plug-in can't be loaded or holds nothing of use, or a name is taken.
    """
    registry = Registry(installed=declared())
    look_again()
    registry.add_folder(load_files())
    for path in without_repeats(plugins):
        module = registry.plugins[str(path)] = load_plugin(path)
        others = any(isinstance(value, tuple(also)) for value in vars(module).values())
        if registry.add_module(module, str(path)) == 0 and not others:
            kinds = joined_with_or([kind.__name__ for kind in (Arch, Family, *also)])
            raise UserError(f"plug-in {path}: holds no {kinds} at module level; see archs/cnn3.py for one")
    return registry
