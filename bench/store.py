"""The records on disk: one folder per run, named by its identity, complete or not there at all. No torch.

runs/<run_id>/record.json        spec, status, metrics, history, layers, environment
runs/<run_id>/arrays.npz         per-image results and pictures (absent if the run failed)
runs/<run_id>/model.safetensors  trained weights (absent if the run failed)
runs/<run_id>/evaluations/       a store of the same form, of what was evaluated later (bench.evaluation)
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archs.errors import UserError, nearest

SCHEMA = 1
LEFTOVER_SECONDS = 3_600
NOT_STORED = ("folder", "run_id", "evaluations")  # of a record's fields; the id is written first
RUN_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Record:
    """What is known of one run. `metrics` is empty and `error` says why if `status` is "failed"."""

    run_id: str
    spec: dict[str, Any]
    status: str  # "finished" | "failed"
    error: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    layers: list[dict[str, Any]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    evaluations: tuple[Record, ...] = ()  # later evaluations of the run, each with its own record (bench.gather)

    def arrays(self) -> dict[str, np.ndarray]:
        """The contents of arrays.npz, and of the evaluations'; empty for a failed run."""
        found: dict[str, np.ndarray] = {}
        path = self.folder / "arrays.npz" if self.folder else None
        if path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        for evaluation in self.evaluations:
            found |= evaluation.arrays()
        return found


class Store:
    """The folder of finished runs. Opening it creates nothing."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Makes the folder and checks that it can be written to; raises `UserError` if not."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
            self._clear_leftovers()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"runs folder {self.folder}: {reason}; name a writable folder with --runs-dir") from error

    def _clear_leftovers(self) -> None:
        """Removes what killed jobs left half-written. A write takes seconds: what is an hour old is nobody's."""
        for pattern in (".partial-*", ".replaced-*", ".probe-*"):
            for path in self.folder.glob(pattern):
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    def status(self, run_id: str) -> str | None:
        """ "finished", "failed", or None if the run has no readable record."""
        try:
            return self.load(run_id).status
        except UserError:
            return None

    def load(self, run_id: str) -> Record:
        """One record; raises `UserError` if there is none or it can't be read."""
        folder = self.folder / run_id
        if not RUN_ID.fullmatch(run_id):
            raise UserError(f"run {run_id!r}: not a run id; expected 16 hex digits")
        try:
            content = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            known = [path.name for path in self.folder.glob("*") if RUN_ID.fullmatch(path.name)]
            hint = nearest(run_id, known) if len(known) < 20 else ""
            raise UserError(f"run {run_id}: no such record in {self.folder}{hint}") from None
        except (OSError, ValueError) as error:
            raise UserError(f"run {run_id}: {folder / 'record.json'} can't be read ({error})") from error
        return from_json(run_id, content, folder)

    def records(self) -> list[Record]:
        """Every record, in the order of their ids."""
        found = sorted(path.name for path in self.folder.glob("*") if RUN_ID.fullmatch(path.name))
        return [self.load(name) for name in found]

    def write(
        self,
        record: Record,
        arrays: Mapping[str, np.ndarray] | None = None,
        save_weights: Callable[[Path], None] | None = None,
    ) -> Path:
        """Adds a record, whole or not at all. A finished run that is already there stays as it is."""
        final = self.folder / record.run_id
        partial = self.folder / f".partial-{record.run_id}-{uuid.uuid4().hex}"
        partial.mkdir(parents=True)
        try:
            if arrays is not None:
                np.savez_compressed(partial / "arrays.npz", allow_pickle=False, **dict(arrays))
            if save_weights is not None:
                save_weights(partial / "model.safetensors")
            (partial / "record.json").write_text(
                json.dumps(as_json(record), indent=1, sort_keys=True), encoding="utf-8"
            )
            for path in [*partial.iterdir(), partial]:
                flush(path)
            self._publish(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return final

    def _publish(self, partial: Path, final: Path) -> None:
        if final.exists():
            if self.status(final.name) == "finished":
                return
            aside = final.with_name(f".replaced-{final.name}-{uuid.uuid4().hex}")
            final.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        partial.rename(final)
        flush(self.folder)


def flush(path: Path) -> None:
    """Forces a file or folder to the disk, so that a rename never outruns what it names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_json(record: Record) -> dict[str, Any]:
    content = {name: value for name, value in vars(record).items() if name not in NOT_STORED}
    return {"schema": SCHEMA, "run_id": record.run_id, **content}


def from_json(run_id: str, content: Any, folder: Path) -> Record:
    """Checks what a reader relies on: the schema, the id, the status."""
    where = f"run {run_id}: {folder / 'record.json'}"
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UserError(
            f"{where} has schema {content.get('schema') if isinstance(content, dict) else None!r}, expected {SCHEMA}"
        )
    if content.get("run_id") != run_id or content.get("status") not in ("finished", "failed"):
        raise UserError(f"{where} does not describe run {run_id}; delete the folder to train it again")
    content.pop("schema")
    try:
        return Record(**content, folder=folder)
    except TypeError as error:
        raise UserError(f"{where} has unexpected fields ({error})") from error
