"""Loads what an installed package declares as an architecture or a family, in its entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from archs.base import Arch, Family
from archs.errors import ChangedForAll, UserError
from archs.foreign.entries import check_entry, entries
from archs.foreign.raised import OWN_PACKAGES, said

GROUP = "conv_ablation.archs"
"""The group of entry points in which an installed package declares each of its architectures and families by name."""


def declared() -> dict[str, list[EntryPoint]]:
    """Return what installed packages declare, by name; no code of theirs is run."""
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, []).append(point)
    return found


def package_of(point: EntryPoint) -> str:
    """Return the package that declares an entry point, in words."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist else f"entry point {point.value}"


def load_entry(point: EntryPoint) -> Arch | Family:
    """Load an architecture or a family.

    Raises:
        UserError: it can't be loaded, or is none of that name.
    """
    from archs.foreign.process_state import left_as_found  # here: it loads torch, as architectures do

    OWN_PACKAGES.add(point.module.partition(".")[0])
    try:
        with left_as_found(f"{package_of(point)}, when it is loaded,"):
            found = point.load()
    except ChangedForAll:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{package_of(point)}: {point.value} can't be loaded: {said(error)}") from error
    named = [entry for entry in entries(found) if entry.name == point.name] if hasattr(found, "__dict__") else []
    entry = found if isinstance(found, Arch | Family) else next(iter(named), None)
    if entry is None or entry.name != point.name:
        raise UserError(f"{package_of(point)}: {point.value} holds no Arch or Family of the name {point.name!r}")
    try:
        check_entry(entry)
    except UserError as error:
        raise UserError(f"{package_of(point)}: {error}") from error
    return entry
