"""What a record.json holds, and how it is checked: schema, checksum, and the types that its readers rely on. No torch."""

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
from bench.store.shape import misfit

SCHEMA = 2
"""2: a checksum of the record, and the size and hash of each file beside it. 1 had neither, and is still read."""

FILES = ("arrays.npz", "model.safetensors")
LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Layer(msgspec.Struct):
    """A row of a record's layer table."""

    part: str
    layer: str
    kind: str
    output_shape: str
    weights: int
    biases: int
    macs: int | None


class Environment(msgspec.Struct):
    """What readers rely on of a record's environment, in which there is more."""

    begun: float = 0  # time stamp, seconds
    ended: float = 0


class Stored(msgspec.Struct, forbid_unknown_fields=True):
    """What a record.json holds beside its schema and checksum: of schema 1 all, of 2 also `StoredWithFiles`'s."""

    run_id: str
    spec: dict[str, Any]
    status: str
    error: str | None
    metrics: dict[str, Any]  # numbers, which `unfit` looks at one by one, to name the one that is none
    history: list[dict[str, float]]
    layers: list[Layer]
    environment: Environment


class StoredWithFiles(Stored):
    files: dict[str, Any]


class Damaged(UserError):
    """A record is there, but it is not what was written. The job sets it aside and trains the run again."""


@dataclass(frozen=True)
class Record:
    """What is known of one run. `metrics` is empty and `error` says why if `status` is "failed"."""

    run_id: str
    spec: dict[str, Any]
    status: Status
    error: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    files: Mapping[str, Mapping[str, Any]] | None = None  # name → bytes, sha256; None where schema 1 noted none
    evaluations: tuple[
        Record, ...
    ] = ()  # later evaluations of the run, each with its own record (bench.store.evaluations)

    def arrays(self, *wanted: str) -> dict[str, np.ndarray]:
        """The contents of arrays.npz, and of the evaluations', or only those of the `wanted` that there are.

        Empty for a failed run. Raises `Damaged`.
        """
        found: dict[str, np.ndarray] = {}
        content = self.read("arrays.npz")
        try:
            if content is not None:
                with np.load(io.BytesIO(content), allow_pickle=False) as file:
                    found = {name: file[name] for name in file.files if not wanted or name in wanted}
        except Exception as error:  # zip, zlib, struct and numpy each have errors of their own for bad bytes
            raise Damaged(f"run {self.run_id}: arrays.npz holds no arrays ({one_line(error)})") from error
        for evaluation in self.evaluations:
            found |= evaluation.arrays(*wanted)
        return found

    def read(self, name: str) -> bytes | None:
        """The bytes of one of `FILES`, held to the hash in the record; None if the run has none. Raises `Damaged`."""
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
        if self.files is not None and note(content) != self.files[name]:
            raise Damaged(f"run {self.run_id}: {path} does not match its checksum: it was changed or damaged")
        return content

    def verify(self) -> None:
        """Reads every file of the run; raises `Damaged` if one is not what was written."""
        for name in FILES:
            self.read(name)


def note(content: bytes) -> dict[str, Any]:
    """What a record says of a file."""
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def checksum(content: Mapping[str, Any]) -> str:
    """Of a record's content without its checksum, in canonical JSON: layout and order of keys don't matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def as_text(record: Record) -> str:
    """record.json of `record`."""
    content: dict[str, Any] = {"schema": SCHEMA, "files": record.files or {}}
    content |= {name: getattr(record, name) for name in Stored.__struct_fields__}
    content = json.loads(json.dumps(content))  # tuples become lists, as a reader will find them
    return json.dumps({**content, "checksum": checksum(content)}, indent=1, sort_keys=True)


def from_text(run_id: str, text: bytes, folder: Path) -> Record:
    """The record in the bytes of a record.json. Raises `Damaged`, or `UserError` for a schema that is newer than this."""
    where = f"run {run_id}: {folder / 'record.json'}"
    try:
        return from_content(run_id, json.loads(text.decode("utf-8")), text, folder, where)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{where} is not JSON ({one_line(error)})") from error


def from_content(run_id: str, content: Any, text: bytes, folder: Path, where: str) -> Record:
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
        noted = content.pop("checksum", None)
        if noted != checksum({"schema": schema, **content}):
            raise Damaged(f"{where} does not match its checksum: it was changed or damaged")
    problem = lone_surrogate(text, content) or unfit(run_id, content, with_files=schema > 1)
    if problem:
        raise Damaged(f"{where}: {problem}")
    return Record(**{**content, "status": Status(content["status"])}, folder=folder)


def lone_surrogate(text: bytes, content: dict[str, Any]) -> str | None:
    """Half of a character, which JSON can hold and no text file can."""
    if LONE_SURROGATE.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "holds a character that can't be written"
    return None


def unfit(run_id: str, content: dict[str, Any], with_files: bool) -> str | None:
    """What in `content` a reader could not live with; None if all is well."""
    problem = misfit(content, StoredWithFiles if with_files else Stored)
    if problem:
        return problem
    if content["run_id"] != run_id:
        return f"describes run {content['run_id'][:40]!r}; delete the folder to train it again"
    if content["status"] not in list(Status):
        return f"status is {content['status'][:40]!r}, expected 'finished' or 'failed'"
    for name, value in content["metrics"].items():
        problem = misfit(value, float)
        if problem:
            return f"metric {name[:40]!r} is {reprlib.repr(value)}: {problem}"
    if "arch" in content["spec"]:  # of a training run; an evaluation's spec is its own affair
        problem = misfit(content["spec"], RunSpec)
        if problem:
            return f"spec: {problem}"
        if "protocol" not in content["spec"]:  # its default is this code's, which need not be the run's
            return "spec: object missing required field `protocol`"
    if with_files and not content["files"].keys() <= set(FILES):
        return f"files: expected at most {' and '.join(FILES)}"
    return None


def one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
