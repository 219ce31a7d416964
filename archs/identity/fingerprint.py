"""Computes the fingerprint of an architecture: a hash of the code that builds it, without comments, layout and prose.

It covers the file that declares the architecture, those that define its builders and what is bound to them, and every
local file that these import, at any depth: of this project, of a plug-in's folder or, for an installed package, of the
same distribution; any other that is neither installed nor Python's. Editing one of them makes a new fingerprint, and
with it a new run; rewording a docstring or an error doesn't (`archs.identity.canonical`). Where the files lie does not
matter, nor which version of Python reads them. Installed packages, torch among them, are not covered.

The files of this project say all there is to say of its own architectures. Of any other, two things are hashed besides:
what is bound to its builders (`archs.identity.values`), and what they build (`archs.identity.structure`).
"""

from __future__ import annotations

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archs.base import Arch, Builder
from archs.errors import UserError
from archs.identity.declared import declared_in
from archs.identity.modules import (
    HARNESS_PACKAGES,
    LIBRARIES,
    imported,
    is_installed,
    known_as,
    reachable,
    read_module,
    source_path,
)
from archs.identity.source import source_of
from archs.identity.values import Bound, bound

__all__ = ["code_of", "defining_modules", "fingerprint", "reachable", "read_module", "source_of", "source_path"]

STANDARD = sys.stdlib_module_names

WIDTHS = {"encoder": 1, "decoder": 20}
"""What each builder is called with, to see what it builds: a grey image's channels, the default latent dimension."""


def fingerprint(arch: Arch) -> str:
    """Return sixteen hex digits that change whenever the code that builds `arch` does.

    Raises:
        UserError: there is no source of its encoder or decoder.
    """
    declared = [name for name in declared_in(arch) if source_path(name) is not None]
    builders = {role: getattr(arch, role) for role in WIDTHS if getattr(arch, role) is not None}
    digest = hashlib.sha256(arch.name.encode())
    if all(is_told_by_source(name) for name in {*declared, *map(defining_module, builders.values())}):
        for text in texts_of_ours(arch, declared):
            digest.update(text.encode())
        return digest.hexdigest()[:16]
    if not declared:
        list(defining_modules(arch))  # raises, if there is no source at all
    from archs.identity.structure import structure  # here, since it loads torch

    for role, builder in builders.items():
        digest.update(f"\n{role}\n{code_of(declared, [builder])}".encode())
    for role, builder in builders.items():  # after all code was read
        digest.update(f"\nbuilt {role}\n{structure(builder, WIDTHS[role])}".encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def texts_of_ours(arch: Arch, declared: Iterable[str]) -> Iterator[str]:
    """Yield the code of an architecture of this project: of its builders' files, and of those that they import."""
    covered: set[str] = set()
    for role, home in defining_modules(arch):
        yield f"\n{role}\n{read_module(home).code}\n"
        covered |= reachable(home)
        others = {name_in_package(home, name): name for name in reachable(home) - {home}}
        for name in sorted(others):
            yield f"{name}\n{read_module(others[name]).code}\n"
    for name in sorted({name for start in declared for name in reachable(start)} - covered):
        yield f"\ndeclared\n{name}\n{read_module(name).code}\n"


def code_of(declared: Iterable[str], functions: Iterable[Callable[..., Any]]) -> str:
    """Return all code that functions are made of, and what is bound to them, as one text.

    Args:
        declared: the modules that hold what the functions belong to; they may be renamed.
    """
    declared, read = list(declared), [bound(function) for function in functions]
    starts = {*declared, *own_modules(declared, read)}
    names = {name for start in starts for name in reachable(start)}
    texts = [f"{'' if name in declared else known_as(name)}\n{read_module(name).code}\n" for name in names]
    return "".join([*sorted(texts), *(f"bound {one.text}\n" for one in read)])


def own_modules(declared: Iterable[str], read: Iterable[Bound]) -> set[str]:
    """Return the modules that functions and what is bound to them are from, and that no library holds.

    If nothing is declared, a library's module is all there is.
    """
    declared = list(declared)
    named = {name for one in read for name in one.modules if source_path(name) is not None}
    named -= {name for name in named if name.partition(".")[0] in {*LIBRARIES, *HARNESS_PACKAGES, *STANDARD}}
    packaged = {name for start in declared for name in reachable(start)}
    own = {name for name in named if name in packaged or not is_installed(name)}
    return own if own or declared else named


def is_told_by_source(home: str) -> bool:
    """Return whether a module is this project's, and it and all that it imports use nothing but torch and numpy."""
    if not home.startswith("archs."):
        return False
    tops = {other.partition(".")[0] for name in reachable(home) for other in imported(name)}
    return tops <= {"", "archs", *LIBRARIES, *STANDARD}


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
