"""Finds what a person names: a store, the runs of a report, a run by the beginning of its id. No torch."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from archs.errors import UserError, nearest
from bench.store.files import read_file
from bench.store.record import Record
from bench.store.store import Store
from bench.store.validation import type_problem

MOST_SHOWN = 5
"""How many ids a message names."""

MOST_COMPARED = 20
"""In a store of more runs, some id is always like a mistyped one: none is suggested."""


EXPECTED = "expected the folder that a job wrote its runs into (--runs-dir)"


class ShownRuns(msgspec.Struct):
    """What a report's manifest says of its runs, as `bench.job.manifest` writes it."""

    runs_dir: str
    run_ids: list[str]


def open_store(folder: str | Path) -> Store:
    """Return the store of records in a folder, which may hold none yet.

    Raises:
        UserError: there is no such folder, or it holds other things and no record.
    """
    folder = Path(folder)
    store = Store(folder)
    if not os.path.isdir(folder):
        what = "is no folder" if os.path.lexists(folder) else "no such folder"
        raise UserError(f"runs folder {folder}: {what}{nearest_store(folder)}")
    if not store.run_ids() and any(is_foreign(name) for name in os.listdir(folder)):
        raise UserError(f"runs folder {folder}: holds no record of a run{nearest_store(folder)}")
    return store


def is_foreign(name: str) -> bool:
    """Return whether an entry of a folder is nothing that a store without records has."""
    return not name.startswith(".") and name != "step_seconds"


def nearest_store(folder: Path) -> str:
    """Return the end of a sentence that names folders of records in `folder`, or those beside it, the nearest alone."""
    inside, beside = (
        {path.name: str(path) for path in folders_in(place) if Store(path).run_ids()}
        for place in (folder, folder.parent)
    )
    found = inside or beside
    close = list(inside) or difflib.get_close_matches(folder.name, beside, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {found[close[0]]!r}?"
    return f"; choose from {', '.join(found.values())}" if found else f"; {EXPECTED}"


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, in order; none where they can't be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def find_run(store: Store, text: str) -> Record:
    """Return the record of the one run whose id is, or begins with, `text`.

    Raises:
        UserError: there is no such store, no id in it begins so, or several do, which are named.
        Damaged: the record is not what was written.
    """
    known = open_store(store.folder).run_ids()
    matching = [run_id for run_id in known if text and run_id.startswith(text)]
    if len(matching) > 1:
        some = ", ".join(matching[:MOST_SHOWN]) + (", …" if len(matching) > MOST_SHOWN else "")
        raise UserError(f"run {text!r}: {len(matching)} ids in {store.folder} begin so: {some}; give more of it")
    if not matching:
        hint = nearest(text, known) if len(known) < MOST_COMPARED else ""
        raise UserError(f"run {text[:40]!r}: no record of {store.folder} has an id that begins so{hint}")
    return store.load(matching[0])


def runs_of_report(folder: Path) -> tuple[Store, list[str]]:
    """Return the store of a report folder, and the ids of the runs that the report shows.

    Raises:
        UserError: its manifest can't be read, or the store is not there.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())[:200]}") from None
    if problem := type_problem(manifest, ShownRuns):
        raise UserError(f"{path} is no manifest of a report: {problem}")
    return Store(runs_directory(folder, manifest)), manifest["run_ids"]


def runs_directory(folder: Path, manifest: Mapping[str, Any], override: Path | None = None) -> Path:
    """Return where the runs of a report are.

    The manifest's path is tried relative to the report folder as the system reads it, where `..` leads out of the place
    that a link points to; then relative to the folder's name, as older versions wrote it; then as it stands. The first
    that holds one of the runs is it, else the first that is a folder.

    Args:
        override: the only path that is tried, if given.

    Raises:
        UserError: there is no such folder.
    """
    written = str(manifest["runs_dir"])
    by_name = Path(os.path.normpath(os.path.join(os.path.abspath(folder), written)))
    candidates = [Path(override)] if override else [folder / written, by_name, Path(written)]
    # os.path.isdir is False, where Path.is_dir raises, for a name that is too long
    there = [candidate for candidate in candidates if os.path.isdir(candidate)]
    for candidate in there:
        if any(os.path.lexists(candidate / run_id) for run_id in manifest["run_ids"]):
            return candidate
    if there:
        return there[0]
    raise UserError(f"no runs directory {candidates[0]}: expected the records of {folder}; point --runs-dir at them")
