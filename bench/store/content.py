"""What a record.json must hold for its readers to work with it, whoever wrote it. No torch."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Collection
from typing import Any

import msgspec

from bench.spec.run import RunSpec
from bench.spec.status import Status
from bench.store.validation import type_problem

LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

Numbers = dict[str, float]


class Layer(msgspec.Struct):
    """A row of a record's layer table, as `archs.layers.Layer` documents it."""

    part: str
    layer: str
    kind: str
    output_shape: str
    weights: int
    biases: int
    macs: int | None
    backward_macs: int | None = None
    note: str = ""


class Environment(msgspec.Struct):
    """The part of a record's environment that readers rely on; there is more in it, and old records have less."""

    torch: str | None = None
    """Its version."""

    commit: str | None = None
    """The git commit of this project's code; more on that code in the fields at the end."""

    device_name: str | None = None
    """The name that the processor or the GPU is sold under."""

    workers: int | None = None
    """How many runs could share the machine."""

    begun: float = 0
    """When training began, in seconds since 1970."""

    ended: float = 0
    """When it ended, in seconds since 1970, by a clock that may have been set meanwhile: see `Record.ended`."""

    evaluation_seconds: float = 0
    """How long the evaluation took."""

    dirty: bool | None = None
    changed_files: list[str] | None = None
    code: dict[str, str] | None = None
    """Which code made it, as `bench.machine.provenance.Provenance` documents them."""

    foreign_code: dict[str, str] | None = None
    """Plug-ins and packages that were loaded in the process: name → hash or version."""

    conduct: dict[str, str] | None = None
    """How the network behaves beside what it scores: one of `bench.spec.conduct.Conduct` → what it is about."""


class StoredRecord(msgspec.Struct, forbid_unknown_fields=True):
    """The fields of a record.json of schema 1; the fields of `Record` say what they mean."""

    run_id: str
    spec: dict[str, Any]
    status: str
    error: str | None
    metrics: dict[str, Any]  # numbers; `content_problem` checks each by itself, so that it can name the wrong one
    history: list[dict[str, float]]
    layers: list[Layer]
    environment: Environment


class StoredRecordWithFiles(StoredRecord):
    """The fields of a record.json of schema 2, but for its checksum."""

    files: dict[str, Any]


def lone_surrogate(text: bytes, content: dict[str, Any]) -> str | None:
    """Say if a text holds half of a surrogate pair, which JSON can hold and a text file can't; None if none does."""
    if LONE_SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "holds a character that can't be written"
    return None


def encodable(content: Any) -> Any:
    """Return what is to be written as JSON as a reader will find it, with a "?" for each half of a surrogate pair.

    A text of others' code may hold one, an error message say, and a file with it would be taken for a damaged one.
    """
    return json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", errors="replace"))


def content_problem(run_id: str, content: dict[str, Any], files: Collection[str] | None) -> str | None:
    """Say what in `content` its readers could not work with; None if all is well.

    Args:
        content: that of a record.json, without its schema and checksum.
        files: the names that it may list as those of the files beside it; None for schema 1, which lists none.
    """
    problem = type_problem(content, StoredRecord if files is None else StoredRecordWithFiles)
    if problem:
        return problem
    if content["run_id"] != run_id:
        return f"describes run {content['run_id'][:40]!r}; delete the folder to train it again"
    if content["status"] not in list(Status):
        return f"status is {content['status'][:40]!r}, expected 'finished' or 'failed'"
    if type_problem(content["metrics"], Numbers):
        for name, value in content["metrics"].items():  # which one it is
            problem = type_problem(value, float)
            if problem:
                return f"metric {name[:40]!r} is {reprlib.repr(value)}: {problem}"
    if "arch" in content["spec"]:  # a training run's; the spec of an evaluation is checked by those who read it
        problem = type_problem(content["spec"], RunSpec)
        if problem:
            return f"spec: {problem}"
        if "protocol" not in content["spec"]:  # the default is this code's protocol, not the run's
            return "spec: object missing required field `protocol`"
    if files is not None and not content["files"].keys() <= set(files):
        return f"files: expected at most {' and '.join(files)}"
    return None
