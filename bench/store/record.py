"""A run's record, and how it is written as a record.json and read from one. No torch."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from archs.errors import UserError
from bench.spec.command import SYSTEM_ERRORS
from bench.spec.status import Status
from bench.store.content import StoredRecord, array_problem, content_problem, encodable, lone_surrogate
from bench.store.files import read_file

SCHEMA = 2
"""The version of record.json that is written.

Schema 1, which is still read, has no checksum of the record and no sizes and hashes of the files beside it.
"""

FILES = ("arrays.npz", "model.safetensors")
"""The files that a record may have beside it."""

MOST_BYTES = 1 << 30
"""Of one of them, arrays unpacked: ten times what the largest codes that can be asked for take, of all test images."""

CHECKSUM_BEGINS = b'{"checksum":"'
CHECKSUM_ENDS = b'",'
"""Of a record.json as it is written, without its spaces and line breaks: what the 64 digits stand between."""


class Damaged(UserError):
    """A record is on disk but is not what was written; a job sets it aside and trains the run again."""


class Unreadable(Damaged):
    """A record is there, and the system does not let it be read now: it may be sound, so a job leaves it alone."""


def not_read(what: str, error: OSError) -> Damaged:
    """Return the error for a file of a record that can't be read: `what` begins its message."""
    said = f"{what} can't be read ({error.strerror or error})"
    if error.errno in SYSTEM_ERRORS:
        return Unreadable(f"{said}; make it readable, or move it away")
    return Damaged(said)


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

    def validation_score(self, metric: str) -> float:
        """Return a primary metric on the validation images after the last epoch; NaN if the run did not finish."""
        if self.status != Status.FINISHED or not self.history:
            return math.nan
        return float(self.history[-1].get(f"val_{metric}", math.nan))

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
                    unpacked = sum(one.file_size for one in file.zip.infolist())
                    if unpacked > MOST_BYTES:
                        raise ValueError(
                            f"{unpacked:,} bytes unpacked, more than the {MOST_BYTES:,} that they can have"
                        )
                    found = {name: file[name] for name in file.files if not wanted or name in wanted}
        except Exception as error:  # zipfile, zlib, struct and numpy each raise their own for bad bytes
            raise Damaged(f"run {self.run_id}: arrays.npz holds no arrays ({one_line(error)})") from error
        for name, array in found.items():
            if problem := array_problem(name, array.dtype.kind, array.shape):
                raise Damaged(f"run {self.run_id}: arrays.npz: {name[:40]!r} {problem}")
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
            content = read_file(path, MOST_BYTES if self.files is None else min(self.files[name]["bytes"], MOST_BYTES))
        except FileNotFoundError:
            if self.files is None:
                return None
            raise Damaged(f"run {self.run_id}: {path} is missing") from None
        except OSError as error:
            raise not_read(f"run {self.run_id}: {path}", error) from error
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
    content = encodable(content)
    return json.dumps({**content, "checksum": checksum(content)}, indent=1, sort_keys=True)


def from_json(run_id: str, text: bytes, folder: Path) -> Record:
    """Return the record that the bytes of a record.json hold.

    Raises:
        Damaged: they are not what was written for this run.
        UserError: a newer version of this program wrote them.
    """
    where = f"run {run_id}: {folder}/record.json"
    try:
        verified = verified_content(text)
        content = json.loads(text.decode("utf-8")) if verified is None else verified
        return from_content(run_id, content, text, folder, where, is_verified=verified is not None)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{where} is not JSON ({one_line(error)})") from error


def verified_content(text: bytes) -> dict[str, Any] | None:
    """Return the content of a record.json if it is laid out as `to_json` does it and matches its checksum, else None.

    It takes a third of the time that parsing and canonical JSON take. The file was made of the very text that was
    hashed: without spaces and line breaks, and without the checksum, which is its first entry, it is that text again.
    If its hash is right, that text is parsed, so that what is returned is what was written, whatever the layout.

    None says nothing of damage: such a file is read in the general way, by which alone damage is found. That is how
    NaN is read too, which is no JSON.
    """
    try:
        compact = msgspec.json.format(text, indent=-1)
        begin = len(CHECKSUM_BEGINS)
        end = begin + 64
        if not (compact.startswith(CHECKSUM_BEGINS) and compact.startswith(CHECKSUM_ENDS, end)):
            return None
        hashed = b"{" + compact[end + len(CHECKSUM_ENDS) :]
        if hashlib.sha256(hashed).hexdigest().encode() != compact[begin:end]:
            return None
        content: dict[str, Any] = msgspec.json.decode(hashed)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return content if content.get("schema") == SCHEMA else None


def from_content(run_id: str, content: Any, text: bytes, folder: Path, where: str, is_verified: bool) -> Record:
    """Return the record that the parsed `text` holds.

    Args:
        where: begins the messages of errors.
        is_verified: whether the content is known to match its checksum, which is then left out of it.
    """
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
    if schema == SCHEMA and not is_verified:
        written = content.pop("checksum", None)
        if written != checksum({"schema": schema, **content}):
            raise Damaged(f"{where} does not match its checksum: it was changed or damaged")
    problem = lone_surrogate(text, content) or content_problem(run_id, content, FILES if schema > 1 else None)
    if problem:
        raise Damaged(f"{where}: {problem}")
    return Record(**{**content, "status": Status(content["status"])}, folder=folder)


def one_line(error: BaseException) -> str:
    """Return the type and message of an error on one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
