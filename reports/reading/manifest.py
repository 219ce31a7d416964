"""manifest.json of a report folder: read, and checked field by field, since people edit and send such files.

It names records by their ids and a folder to look for them in; nothing but records is read there, and nothing written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from archs.errors import UserError, nearest
from bench.spec.declared import of_manifest
from bench.store.record import lone_surrogate
from bench.store.validation import type_problem

MOST = 10_000_000  # runs, seeds, workers: more than that is no number that anybody asked for

Text = Annotated[str, Meta(pattern=r"^[^\0]*$")]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]  # not an infinity


class Skipped(Struct):
    reason: Text


class Illegal(Struct):
    arch: Text
    reason: Text


class Manifest(Struct, kw_only=True):
    """What readers rely on, each with its type; what was added since a report was written is None there."""

    runs_dir: Text  # a path, from the report folder
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
    planned: Count | None = None  # runs
    evaluations_planned: Count | None = None
    seeds: Count | None = None
    workers: Count | None = None
    wall_seconds: Seconds | None = None
    factors: dict[Text, dict[Text, Text]] | None = None  # levels by factor by architecture
    illegal: list[Illegal] | None = None
    skipped: list[Skipped] | None = None
    dataset: dict[str, Any] | None = None  # a description by name


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a report folder; UserError names what is missing or malformed."""
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
