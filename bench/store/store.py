"""The records on disk: one folder per run, named by its identity, complete or not there at all. No torch.

runs/<run_id>/record.json        spec, status, metrics, history, layers, environment, checksums
runs/<run_id>/arrays.npz         per-image results and pictures (absent if the run failed)
runs/<run_id>/model.safetensors  trained weights (absent if the run failed)
runs/<run_id>/evaluations/       a store of the same form, of what was evaluated later (bench.evaluation)
runs/.damaged/<run_id>.<n>       what was found to be damaged, set aside
runs/.claims/<run_id>            held by the job that trains the run now (bench.store.claims)

What is promised and what is not: docs/robustness.md.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from archs.errors import UserError, nearest
from bench.spec.status import Status
from bench.store.claims import alone
from bench.store.record import FILES, Damaged, Record, as_text, from_text, note

__all__ = ["Damaged", "Record", "Store", "Unwritable"]

LEFTOVER_SECONDS = 3_600
PROBE_BYTES = 1 << 20
RUN_ID = re.compile(r"[0-9a-f]{16}")


class Unwritable(UserError):
    """The disk is full or the store can't be written to: no run of this job can be kept, so the job stops."""


class Store:
    """The folder of finished runs. Opening it creates nothing."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Makes the folder and checks that a record fits into it; raises `UserError` if not."""
        with self._writing("name a writable folder with --runs-dir"):
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{uuid.uuid4().hex}"
            try:
                write_file(probe, bytes(PROBE_BYTES))
            finally:
                probe.unlink(missing_ok=True)
            self._clear_leftovers()

    @contextlib.contextmanager
    def _writing(self, way_out: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            hint = "free some space, and the same command goes on from the runs that are finished" if full else way_out
            raise Unwritable(f"runs folder {self.folder}: {error.strerror or error}; {hint}") from error

    def _clear_leftovers(self) -> None:
        """Removes what killed jobs left half-written. A write takes seconds: what is an hour old is nobody's."""
        for pattern in (".partial-*", ".replaced-*", ".replacing-*", ".probe-*"):
            for path in self.folder.glob(pattern):
                with contextlib.suppress(FileNotFoundError):  # another job clears as well
                    if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                        shutil.rmtree(path, ignore_errors=True)
                        path.unlink(missing_ok=True)

    def status(self, run_id: str) -> Status | None:
        """How the run ended; None if it has no sound record.

        Raises `UserError` where a newer version has written it: that is neither ours to read nor to replace.
        """
        try:
            found = self.find(run_id)
        except Damaged:
            return None
        return found.status if found else None

    def find(self, run_id: str) -> Record | None:
        """One record, or None if there is none; raises `Damaged` if it is not what was written."""
        if not RUN_ID.fullmatch(run_id):
            raise UserError(f"run {run_id[:40]!r}: not a run id; expected 16 hex digits")
        folder = self.folder / run_id
        try:
            text = (folder / "record.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.lexists(folder):
                return None
            raise Damaged(f"run {run_id}: {folder} holds no record.json") from None
        except OSError as error:
            reason = error.strerror or error
            raise Damaged(f"run {run_id}: {folder / 'record.json'} can't be read ({reason})") from error
        return from_text(run_id, text, folder)

    def load(self, run_id: str) -> Record:
        """One record; raises `UserError` if there is none, `Damaged` if it is not what was written."""
        found = self.find(run_id)
        if found is None:
            known = self.run_ids()
            raise UserError(f"run {run_id}: no such record in {self.folder}{nearest(run_id, known) if len(known) < 20 else ''}")  # fmt: skip
        return found

    def run_ids(self) -> list[str]:
        """Of every record, damaged ones included, in order."""
        try:
            return sorted(name for name in os.listdir(self.folder) if RUN_ID.fullmatch(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def records(
        self, wanted: Collection[str] | None = None, damaged: Callable[[Damaged], None] | None = None
    ) -> list[Record]:
        """Every sound record, or those of ids in `wanted`, in the order of their ids.

        A damaged one is left out, and handed to `damaged`, or named in a warning.
        """
        found = []
        for run_id in self.run_ids():
            if wanted is not None and run_id not in wanted:
                continue
            try:
                record = self.find(run_id)
            except Damaged as error:
                warnings.warn(f"{error}; left out", stacklevel=2) if damaged is None else damaged(error)
                continue
            if record is not None:
                found.append(record)
        return found

    def set_aside(self, run_id: str) -> Path | None:
        """Moves a damaged record into `.damaged/`, where nothing reads it and nothing deletes it; returns its place.

        None, and nothing is moved, if there is no damaged one any more: another job may have put a sound one there.
        """
        with self._writing("name a writable folder with --runs-dir"), self._replacing(run_id):
            try:
                found = self.find(run_id)
                if found is not None:
                    found.verify()
            except Damaged:
                return self._shelve(run_id)
            return None

    def _replacing(self, run_id: str) -> contextlib.AbstractContextManager[None]:
        """Within it nobody else takes away what is there. Whoever does so has looked at it within, too: else a finished
        record that arrives between the look and the removal would be lost."""
        return alone(self.folder / f".replacing-{run_id}")

    def _shelve(self, run_id: str) -> Path:
        shelf = self.folder / ".damaged"
        shelf.mkdir(exist_ok=True)
        place = next(path for n in range(1, 1_000_000) if not (path := shelf / f"{run_id}.{n}").exists())
        (self.folder / run_id).rename(place)
        flush(self.folder)
        return place

    def write(
        self, record: Record, arrays: Mapping[str, np.ndarray] | None = None, weights: bytes | None = None
    ) -> Path:
        """Adds a record, whole or not at all. A finished run that is already there stays as it is.

        weights: the content of model.safetensors. Raises `Unwritable`.
        """
        files = {} if weights is None else {"model.safetensors": weights}
        if arrays is not None:
            files["arrays.npz"] = packed(arrays)
        record = replace(record, files={name: note(content) for name, content in files.items()})
        final = self.folder / record.run_id
        partial = self.folder / f".partial-{record.run_id}-{uuid.uuid4().hex}"
        try:
            with self._writing("make it writable, and the same command goes on from the runs that are finished"):
                partial.mkdir(parents=True)
                for name, content in files.items():
                    write_file(partial / name, content)
                write_file(partial / "record.json", as_text(record).encode("utf-8"))
                flush(partial)
                self._publish(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return final

    def adopt(self, run_id: str, files: Mapping[str, bytes]) -> Record:
        """Adds a record that was made in another store, from the bytes of its files; returns what is kept.

        Raises `Damaged`, and adds nothing, if they are not what was written there; `Unwritable` as `write` does.
        """
        partial = self.folder / f".partial-{run_id}-{uuid.uuid4().hex}"
        try:
            with self._writing("make it writable, and the same command goes on from the runs that are finished"):
                partial.mkdir(parents=True)
                for name in {"record.json", *FILES} & files.keys():
                    write_file(partial / name, files[name])
                flush(partial)
            from_text(run_id, files.get("record.json", b""), partial).verify()
            with self._writing("make it writable, and the same command goes on from the runs that are finished"):
                self._publish(partial, self.folder / run_id)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return self.load(run_id)

    def _publish(self, partial: Path, final: Path) -> None:
        """One rename, which happens or doesn't: it adds only where nothing is. Where a record is already, a finished one
        stays."""
        while True:
            try:
                partial.rename(final)
                flush(self.folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            with self._replacing(final.name):
                try:
                    known = self.find(final.name)
                except Damaged:
                    self._shelve(final.name)
                    continue
                if known is None:  # another job was faster; look again
                    continue
                if known.status == Status.FINISHED:
                    return
                aside = final.with_name(f".replaced-{final.name}-{uuid.uuid4().hex}")
                final.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of an arrays.npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Writes a new file and waits until the disk has it."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(folder: Path) -> None:
    """Forces a folder to the disk, so that a rename never outruns what it names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
