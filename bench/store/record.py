"""A run's record: what its record.json holds, and how that is checked. No torch."""

from __future__ import annotations

import hashlib
import io
import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from archs.errors import UserError
from bench.spec.run import RunSpec
from bench.spec.status import Status
from bench.store.validation import type_problem

SCHEMA = 2
"""The version of record.json that is written.

Schema 1, which is still read, has no checksum of the record and no sizes and hashes of the files beside it.
"""

FILES = ("arrays.npz", "model.safetensors")
"""The files that a record may have beside it."""

LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


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


class Damaged(UserError):
    """A record is on disk but is not what was written; a job sets it aside and trains the run again."""


@dataclass(frozen=True)
class Record:
    """What is known of one run, or of one later evaluation of a run."""

    run_id: str
    spec: dict[str, Any]
    """The settings: `content()` of a `RunSpec` or an `EvaluationSpec`."""

    status: Status
    error: str | None = None
    """Why the run failed; None for a finished one."""

    metrics: dict[str, float] = field(default_factory=dict)
    """Name → raw value; empty for a failed run."""

    history: list[dict[str, float]] = field(default_factory=list)
    """A row per epoch: its number, losses and validation metrics."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    """The rows of the layer table (archs.layers)."""

    environment: dict[str, Any] = field(default_factory=dict)
    """Where and when it ran: versions, device, commit, begin and end."""

    folder: Path | None = None
    """The folder of the record on disk; None for a record that has not been written."""

    files: Mapping[str, Mapping[str, Any]] | None = None
    """Name → size in bytes and SHA-256 of each file beside the record; None for schema 1, which has none."""

    evaluations: tuple[Record, ...] = ()
    """Later evaluations of the run, each with its own record; filled in by `bench.store.evaluations`."""

    @property
    def ended(self) -> float | None:
        """When the work ended, in seconds since 1970; None if that is not known.

        A clock that was set back meanwhile gives an end before the beginning. It is then the beginning and the seconds
        that training and evaluation took, which are counted by a clock that nobody sets.
        """
        begun, ended = self.environment.get("begun"), self.environment.get("ended")
        if begun is None or ended is None or ended >= begun:
            return ended
        taken = (self.metrics.get("train_seconds"), self.environment.get("evaluation_seconds"))
        return float(begun + sum(seconds or 0.0 for seconds in taken))

    def arrays(self, *wanted: str) -> dict[str, np.ndarray]:
        """Return the arrays of the run and of its evaluations by name; none for a failed run.

        Args:
            wanted: names of the arrays to read, those that there are; none given: all.

        Raises:
            Damaged: a file is not what was written.
        """
        found: dict[str, np.ndarray] = {}
        content = self.read("arrays.npz")
        try:
            if content is not None:
                with np.load(io.BytesIO(content), allow_pickle=False) as file:
                    found = {name: file[name] for name in file.files if not wanted or name in wanted}
        except Exception as error:  # zipfile, zlib, struct and numpy each raise their own for bad bytes
            raise Damaged(f"run {self.run_id}: arrays.npz holds no arrays ({one_line(error)})") from error
        for evaluation in self.evaluations:
            found |= evaluation.arrays(*wanted)
        return found

    def read(self, name: str) -> bytes | None:
        """Return the bytes of one of `FILES`, compared with the hash in the record; None if the run has no such file.

        Raises:
            Damaged: the file is not what was written.
        """
        if self.folder is None or (self.files is not None and name not in self.files):
            return None
        path = self.folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            if self.files is None:
                return None
            raise Damaged(f"run {self.run_id}: {path} is missing") from None
        except OSError as error:
            raise Damaged(f"run {self.run_id}: {path} can't be read ({error.strerror or error})") from error
        if self.files is not None and file_entry(content) != self.files[name]:
            raise Damaged(f"run {self.run_id}: {path} does not match its checksum: it was changed or damaged")
        return content

    def verify(self) -> None:
        """Read every file of the run and raise `Damaged` if one is not what was written."""
        for name in FILES:
            self.read(name)


def file_entry(content: bytes) -> dict[str, Any]:
    """Return the entry of a file in a record: its size and hash."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's content, in canonical JSON: layout and order of keys don't matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def to_json(record: Record) -> str:
    """Return the content of a record's record.json."""
    content: dict[str, Any] = {"schema": SCHEMA, "files": record.files or {}}
    content |= {name: getattr(record, name) for name in StoredRecord.__struct_fields__}
    content = json.loads(json.dumps(content))  # tuples become lists, as a reader will find them
    return json.dumps({**content, "checksum": checksum(content)}, indent=1, sort_keys=True)


def from_json(run_id: str, text: bytes, folder: Path) -> Record:
    """Return the record that the bytes of a record.json hold.

    Raises:
        Damaged: they are not what was written for this run.
        UserError: a newer version of this program wrote them.
    """
    where = f"run {run_id}: {folder / 'record.json'}"
    try:
        return from_content(run_id, json.loads(text.decode("utf-8")), text, folder, where)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{where} is not JSON ({one_line(error)})") from error


def from_content(run_id: str, content: Any, text: bytes, folder: Path, where: str) -> Record:
    """Return the record that the parsed `text` holds; `where` begins the messages of errors."""
    if not isinstance(content, dict):
        raise Damaged(f"{where} holds a {type(content).__name__}, expected an object")
    schema = content.pop("schema", None)
    if type(schema) is not int or schema < 1:
        raise Damaged(f"{where} has schema {schema!r}, expected 1 to {SCHEMA}")
    if schema > SCHEMA:
        raise UserError(
            f"{where} has schema {schema}, from a newer version than this (which reads 1 to {SCHEMA}); update, or name "
            f"another folder with --runs-dir"
        )
    if schema == SCHEMA:
        written = content.pop("checksum", None)
        if written != checksum({"schema": schema, **content}):
            raise Damaged(f"{where} does not match its checksum: it was changed or damaged")
    problem = lone_surrogate(text, content) or content_problem(run_id, content, with_files=schema > 1)
    if problem:
        raise Damaged(f"{where}: {problem}")
    return Record(**{**content, "status": Status(content["status"])}, folder=folder)


def lone_surrogate(text: bytes, content: dict[str, Any]) -> str | None:
    """Say if a text holds half of a surrogate pair, which JSON can hold and a text file can't; None if none does."""
    if LONE_SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "holds a character that can't be written"
    return None


def content_problem(run_id: str, content: dict[str, Any], with_files: bool) -> str | None:
    """Say what in `content` its readers could not work with; None if all is well."""
    problem = type_problem(content, StoredRecordWithFiles if with_files else StoredRecord)
    if problem:
        return problem
    if content["run_id"] != run_id:
        return f"describes run {content['run_id'][:40]!r}; delete the folder to train it again"
    if content["status"] not in list(Status):
        return f"status is {content['status'][:40]!r}, expected 'finished' or 'failed'"
    for name, value in content["metrics"].items():
        problem = type_problem(value, float)
        if problem:
            return f"metric {name[:40]!r} is {reprlib.repr(value)}: {problem}"
    if "arch" in content["spec"]:  # a training run's; the spec of an evaluation is checked by those who read it
        problem = type_problem(content["spec"], RunSpec)
        if problem:
            return f"spec: {problem}"
        if "protocol" not in content["spec"]:  # the default is this code's protocol, not the run's
            return "spec: object missing required field `protocol`"
    if with_files and not content["files"].keys() <= set(FILES):
        return f"files: expected at most {' and '.join(FILES)}"
    return None


def one_line(error: BaseException) -> str:
    """Return the type and message of an error on one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
