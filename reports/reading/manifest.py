"""Read manifest.json of a report folder, and check it field by field, since people edit and send such files.

A manifest names records by their ids, and the folder that holds them; only records are read there, nothing is written.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from archs.errors import UserError, nearest
from bench.spec.declared import of_manifest
from bench.spec.run import RunSpec
from bench.store.content import lone_surrogate
from bench.store.files import read_file
from bench.store.validation import type_problem
from reports.reading.race_entry import LeftOut, Race, wrong_race

LARGEST_COUNT = 10_000_000
"""Of runs, seeds or workers: a larger number is a mistake, or was put there to exhaust the reader."""

LARGEST_TRAINING = 10**12
"""Of steps."""

TUNABLE = tuple(field.name for field in dataclasses.fields(RunSpec) if {"int", "float"} & set(str(field.type).split()))
"""The settings of runs that are numbers."""

Text = Annotated[str, Meta(pattern=r"^[^\0]*$")]
Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
Cost = Annotated[float, Meta(gt=0, le=1e24)]
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


class Tuned(Struct):
    """A setting that was tuned, as `bench.spec.search_space.Dimension` documents it."""

    name: Text
    label: Text
    low: Annotated[float, Meta(gt=0, le=1e12)]
    high: Annotated[float, Meta(gt=0, le=1e12)]


class Tuning(Struct):
    """With how many recipes each run was tried; `run_ids` of each trial but the first, which is the run itself."""

    trials: Annotated[int, Meta(ge=2, le=LARGEST_COUNT)]
    space: list[Tuned]
    run_ids: list[list[Text]]


class Share(Struct):
    """What an architecture got on a task, as `bench.speed.matching.Share` documents it."""

    arch: Text
    task: Text
    cost: Cost
    ratio: Cost
    steps: Annotated[int, Meta(ge=1, le=LARGEST_TRAINING)]
    labels: Count | None = None
    disturbed: bool = False


class Match(Struct):
    """What was equal for all architectures, where that was not their epochs; `steps` are the baseline's."""

    by: Literal["flops", "time"]
    steps: Annotated[int, Meta(ge=1, le=LARGEST_TRAINING)]
    steps_per_epoch: Annotated[int, Meta(ge=1, le=LARGEST_TRAINING)]
    shares: list[Share]


class Stopping(Struct):
    """By what rule seeds were added in sight of the results, and what ended it."""

    kind: Literal["until sure"]
    first_seeds: Count
    max_seeds: Count
    ended: Literal["settled", "most seeds", "minutes", "stopped"]
    max_minutes: Annotated[float, Meta(gt=0, le=1e9)] | None = None


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
    seeds: Count | None = None  # the most that any architecture has, where each has as many as settled it
    stopping: Stopping | None = None  # None: a number of seeds fixed beforehand
    workers: Count | None = None
    processors: Text | None = None  # what the job might use of its machine's
    stopped_by: Text | None = None  # a signal, before all was done
    wall_seconds: Seconds | None = None
    factors: dict[Text, dict[Text, Text]] | None = None  # architecture → factor → level
    illegal: list[Illegal] | None = None
    left_out: list[LeftOut] | None = None
    skipped: list[Skipped] | None = None
    provenance: Provenance | None = None
    schedule: Schedule | None = None
    tuning: Tuning | None = None
    match: Match | None = None
    race: Race | None = None
    dataset: dict[str, Any] | None = None  # its name and the numbers of images


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a report folder.

    Raises:
        UserError: it is missing or malformed; the message names the field.
    """
    path = folder / "manifest.json"
    try:
        content = read_file(path)
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
    if wrong := _wrong_tuning(manifest.get("tuning")):
        raise UserError(f"{path}: tuning: {wrong}")
    if wrong := wrong_race(manifest.get("race"), manifest["tasks"]):
        raise UserError(f"{path}: race: {wrong}")
    if lone_surrogate(content, manifest):
        raise UserError(f"{path} holds a character that can't be written")
    return dict(manifest)


def holds_at_any_look(manifest: Mapping[str, Any]) -> bool:
    """Return whether a report's seeds were added in sight of its results, so that verdicts must hold at any look.

    Those of a race were, which a report shows that has no fresh ones.
    """
    race = manifest.get("race")
    return bool(manifest.get("stopping")) or (race is not None and not race["confirmed"])


def _wrong_tuning(tuning: dict[str, Any] | None) -> str:
    """Say what contradicts itself in an entry of the right types; empty if nothing does."""
    if tuning is None:
        return ""
    further = tuning["trials"] - 1
    if len(tuning["run_ids"]) != further:
        return f"run_ids has {len(tuning['run_ids'])} lists, expected one for each of {further} further trials"
    for row in tuning["space"]:
        if row["name"] not in TUNABLE:
            return f"{row['name'][:40]!r} is no setting that is a number{nearest(row['name'][:40], TUNABLE)}"
        if not row["low"] < row["high"]:
            return f"{row['name']} from {row['low']:g} to {row['high']:g}, expected a range"
    return "" if tuning["space"] else "space is empty, expected what was tuned"
