"""Read manifest.json of a report folder, and check it field by field, since people edit and send such files.

A manifest names records by their ids, and the folder that holds them; only records are read there, nothing is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from archs.errors import UserError, nearest
from bench.spec.declared import of_manifest
from bench.store.content import lone_surrogate
from bench.store.validation import type_problem

LARGEST_COUNT = 10_000_000
"""Of runs, seeds or workers: a larger number is a mistake, or was put there to exhaust the reader."""

Text = Annotated[str, Meta(pattern=r"^[^\0]*$")]
Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]  # the bound keeps infinity out


class Skipped(Struct):
    """Something that was asked for and not done."""

    reason: Text


class Illegal(Struct):
    """A cell of a grid that is not a legal architecture."""

    arch: Text
    reason: Text


class Provenance(Struct):
    """The code of the job, as `bench.machine.provenance.Provenance` documents it."""

    commit: Text | None = None
    dirty: bool | None = None
    changed_files: list[Text] | None = None
    code: dict[Text, Text] | None = None


class Schedule(Struct):
    """Over how many steps the rate of each run rose."""

    steps: Count
    warm_up_steps: Count


class Manifest(Struct, kw_only=True):
    """The fields that readers rely on; those that an older version did not write yet may be missing."""

    runs_dir: Text  # a path relative to the report folder
    run_ids: list[Text]
    archs: list[Text]
    tasks: list[Text]
    baseline: Text
    title: Text | None = None
    command: Text | None = None
    created: Text | None = None
    evaluate: Text | None = None
    throughput: Text | None = None
    warnings: list[Text] | None = None
    evaluations: list[Text] | None = None  # ids
    planned: Count | None = None  # number of runs
    evaluations_planned: Count | None = None
    seeds: Count | None = None
    workers: Count | None = None
    processors: Text | None = None  # what the job might use of its machine's
    stopped_by: Text | None = None  # a signal, before all was done
    wall_seconds: Seconds | None = None
    factors: dict[Text, dict[Text, Text]] | None = None  # architecture → factor → level
    illegal: list[Illegal] | None = None
    skipped: list[Skipped] | None = None
    provenance: Provenance | None = None
    schedule: Schedule | None = None
    dataset: dict[str, Any] | None = None  # its name and the numbers of images


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a report folder.

    Raises:
        UserError: it is missing or malformed; the message names the field.
    """
    path = folder / "manifest.json"
    try:
        content = path.read_bytes()
        manifest = json.loads(content.decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{folder} is not a report folder: expected {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())[:200]}") from None
    problem = type_problem(manifest, Manifest)
    if problem:
        raise UserError(f"{path} is no manifest of run_ablation.py: {problem}")
    try:
        known = of_manifest(manifest).tasks
    except UserError as error:
        raise UserError(f"{path}: declared: {error}") from None
    for task in manifest["tasks"]:
        if task not in known:
            raise UserError(f"{path}: unknown task {task[:40]!r}{nearest(task[:40], known)}")
    if lone_surrogate(content, manifest):
        raise UserError(f"{path} holds a character that can't be written")
    return dict(manifest)
