"""The file design.json of a report folder: what a job planned before its first run. It is written once. No torch.

A job that comes later to the same folder leaves it as it is, so that a page can say what was not planned.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NoReturn

import msgspec
from msgspec import Meta, Struct

from archs.errors import UserError
from bench.spec.run import digest
from bench.store.content import encodable, lone_surrogate
from bench.store.files import read_file
from bench.store.validation import type_problem

FILE = "design.json"
VERSION = 1
"""The version of the file, raised when what a field means changes; a field with a default can be added without."""

Text = Annotated[str, Meta(pattern=r"^[^\0]*$", max_length=500)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]


class PlannedArchitecture(Struct):
    """An architecture that is compared."""

    name: Text
    fingerprint: Text
    """Of the code that defines it."""

    tasks: list[Text]
    """Those that it can do."""


class PlannedTask(Struct):
    """A task, and what decides between two architectures there."""

    name: Text
    fingerprint: Text | None
    """Of the code of a plug-in's task; None for a built-in one."""

    metric: Text
    """The name of the primary metric."""

    higher_is_better: bool | None
    margin: float | None
    """The difference that is still "equivalent", in the metric's raw unit; None if every difference matters."""

    labels: list[Count] | None
    """Each number of labelled images that it is trained with; None for a task that doesn't count them."""


class PlannedData(Struct):
    """The data set."""

    name: Text
    fingerprint: Text
    """Of the images, the labels and the split."""


class PlannedRecipe(Struct):
    """The settings that all runs share: fields of `bench.spec.run.RunSpec`, of which not all mean something to all."""

    likelihood: Text | None
    epochs: Count
    batch_size: Count
    lr: float
    latent_dim: Count | None
    train_images: Count | None
    """None: all."""

    classification_weight: float | None
    device: Text
    threads: Count
    deterministic: bool | None
    protocol: Count


class PlannedPart(Struct):
    """A part of the evaluation, with settings of which it may have several: fields of an `EvaluationSpec`."""

    part: Text
    settings: dict[str, Any]
    protocol: Count


class PlannedEvaluation(Struct):
    """What is asked of finished runs."""

    level: Text
    """One of `bench.evaluation.LEVELS`."""

    parts: list[PlannedPart]


class Stopping(Struct):
    """When there are enough seeds."""

    kind: Literal["fixed", "until sure", "race"]
    """ "fixed": after a number of seeds that is settled beforehand, whatever they say. "until sure": seeds are added to
    each comparison until its verdict, which holds at any number of them, is settled. "race": seeds are added to those
    that may still be the best, and the winner is confirmed at further ones."""

    seeds: Count
    """How many; of "until sure" and of the race the most."""

    first_seeds: Count | None = None
    """Of these two, how many everything gets before the first look."""

    max_minutes: float | None = None
    """Of these two, after how many minutes of a job no more are added; None: they don't matter."""

    level: float = 0.05
    """The share of comparisons of equals, at most, that are called different; of races in which the best is thrown
    out."""

    race_epochs: Count | None = None
    """Of a race, the epochs of its runs; those of the recipe are for the confirmation."""

    confirm: Count | None = None
    """Of a race, at how many seeds above the most its winner and the baseline are trained again."""


class PlannedLimits(Struct):
    """The sizes that an architecture may have on the tasks compared; None: any."""

    max_params: int | None
    max_macs: int | None


class LeftOut(Struct):
    """An architecture that was asked for and is over a limit."""

    arch: Text
    reason: Text


class TunedSetting(Struct):
    """A setting that trials differ in, as `bench.spec.search_space.Dimension` documents it."""

    name: Text
    label: Text
    low: float
    high: float


class PlannedTuning(Struct):
    """With how many recipes each run is tried, the common one among them, and what the others are drawn from."""

    trials: Annotated[int, Meta(ge=2, le=10_000_000)]
    space: list[TunedSetting]


class PlannedRuns(Struct):
    """How many trainings, and how many of them were there already."""

    planned: Count
    made_before: Count
    """Those with a record in the store when the design was written: their results could be known by then."""


class Design(Struct, kw_only=True):
    """What is compared, how, and what will decide."""

    version: int
    created: Annotated[datetime.datetime, Meta(tz=True)]
    architectures: list[PlannedArchitecture]
    baseline: Text
    dataset: PlannedData
    tasks: list[PlannedTask]
    recipe: PlannedRecipe
    tuning: PlannedTuning | None = None
    """None: one recipe for all."""

    match: Text | None = None
    """What is equal for all architectures, "flops" or "time"; None: their epochs."""

    seeds: list[Count]
    evaluation: PlannedEvaluation
    stopping: Stopping
    limits: PlannedLimits | None = None
    """None: there are none."""

    left_out: list[LeftOut] = []
    runs: PlannedRuns


class StoredDesign(NamedTuple):
    """A design as it lies in a folder."""

    design: Design

    identity: str
    """Sixteen hex digits that change with any value in the file, those of a later version included."""


def read(folder: Path) -> StoredDesign | None:
    """Return the design in a report folder; None if there is none.

    Raises:
        UserError: it can't be read, or a newer version of this program wrote it.
    """
    path = folder / FILE
    try:
        text = read_file(path)
        content = json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} can't be read: {reason}; put back what was written there, or remove it") from None
    version = content.get("version") if isinstance(content, dict) else None
    if type(version) is int and version > VERSION:
        raise UserError(
            f"{path} has version {version}, from a newer version than this (which reads 1 to {VERSION}); update, or "
            "take another folder for the report"
        )
    problem = type_problem(content, Design) or lone_surrogate(text, content)
    if problem:
        raise UserError(f"{path} is no design of a job: {problem}; put back what was written there, or remove it")
    return StoredDesign(msgspec.convert(content, Design), digest(content))


def write_once(folder: Path, design: Design) -> StoredDesign:
    """Write the design of a report folder unless it has one, whole or not at all; return the one that it has then.

    Raises:
        UserError: it can't be written, or the one that is there can't be read.
    """
    found = read(folder)
    if found is not None:
        return found
    partial = folder / f".design-{uuid.uuid4().hex}"
    try:
        partial.write_text(json.dumps(encodable(msgspec.to_builtins(design)), indent=1), encoding="utf-8")
        _place(partial, folder / FILE)
        found = read(folder)
    except OSError as error:
        raise UserError(
            f"report folder {folder}: {FILE}: {error.strerror or error}; name a writable one with --out"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    if found is None:
        raise UserError(f"report folder {folder}: {FILE} is gone again; let nothing else clear the folder")
    return found


def _place(partial: Path, final: Path) -> None:
    """Give a file its name unless another has it: of two jobs that come at once, the first one's design counts."""
    try:
        os.link(partial, final)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not final.exists():
            partial.replace(final)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
