"""The store of records: a folder per run, named by the run's identity, complete or not there at all. No torch.

runs/<run_id>/record.json        spec, status, metrics, history, layers, environment, checksums
runs/<run_id>/arrays.npz         per-image results and pictures (absent if the run failed)
runs/<run_id>/model.safetensors  trained weights (absent if the run failed)
runs/<run_id>/evaluations/       a store of the same form, for later evaluations of the run (bench.evaluation)
runs/.damaged/<run_id>.<n>       a record that was found to be damaged and set aside
runs/step_seconds/               seconds of training steps (bench.store.step_seconds)
runs/.claims/<run_id>            the lock of the job that trains the run now (bench.store.claims)

docs/robustness.md says what is promised and what is not.
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
from bench.store.claims import exclusive_lock
from bench.store.files import read_file
from bench.store.record import FILES, Damaged, Record, Unreadable, file_entry, from_json, not_read, to_json

__all__ = ["Damaged", "Record", "Store", "Unwritable"]

LEFTOVERS = (".partial-", ".replaced-", ".replacing-", ".probe-")
"""How the names of half-written and half-moved records begin."""

LEFTOVER_SECONDS = 3_600
"""The age from which a half-written record is taken to be a killed job's: a write takes seconds."""

PROBE_BYTES = 1 << 20
"""The size of the file that is written to see whether a record would fit."""

GOES_ON = "make it writable, and the same command goes on from the runs that are finished"
RUN_ID = re.compile(r"[0-9a-f]{16}")


class Unwritable(UserError):
    """The disk is full, or the store can't be written to: the job stops, since no run of it can be kept."""


class Store:
    """A folder of records. Opening it creates nothing."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def prepare(self) -> None:
        """Make the folder and check that a record fits into it; raises `Unwritable` if not."""
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
        """Turn an OSError within the block into `Unwritable`, with `way_out` as its advice."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            hint = "free some space, and the same command goes on from the runs that are finished" if full else way_out
            raise Unwritable(f"runs folder {self.folder}: {error.strerror or error}; {hint}") from error

    def _clear_leftovers(self) -> None:
        """Remove what killed jobs left half-written."""
        for name in os.listdir(self.folder):
            if not name.startswith(LEFTOVERS):
                continue
            path = self.folder / name
            with contextlib.suppress(FileNotFoundError):  # another job was faster
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
                    path.unlink(missing_ok=True)

    def status(self, run_id: str) -> Status | None:
        """Return how the run ended; None if it has no record, or a damaged one.

        Raises:
            UserError: a newer version of this program wrote the record, or it can't be read now; it is not to be
                replaced then.
        """
        try:
            found = self.find(run_id)
        except Unreadable:
            raise
        except Damaged:
            return None
        return found.status if found else None

    def find(self, run_id: str) -> Record | None:
        """Return one record, or None if there is none; raises `Damaged` if it is not what was written."""
        if not RUN_ID.fullmatch(run_id):
            raise UserError(f"run {run_id[:40]!r}: not a run id; expected 16 hex digits")
        folder = self.folder / run_id
        try:
            text = read_file(f"{folder}/record.json")
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.lexists(folder):
                return None
            raise Damaged(f"run {run_id}: {folder} holds no record.json") from None
        except OSError as error:
            raise not_read(f"run {run_id}: {folder / 'record.json'}", error) from error
        return from_json(run_id, text, folder)

    def load(self, run_id: str) -> Record:
        """Return one record; raises `UserError` if there is none, `Damaged` if it is not what was written."""
        found = self.find(run_id)
        if found is None:
            known = self.run_ids()
            hint = nearest(run_id, known) if len(known) < 20 else ""
            raise UserError(f"run {run_id}: no such record in {self.folder}{hint}")
        return found

    def run_ids(self) -> list[str]:
        """Return the ids of all records, damaged ones included, in order."""
        try:
            return sorted(name for name in os.listdir(self.folder) if RUN_ID.fullmatch(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def records(
        self, wanted: Collection[str] | None = None, damaged: Callable[[Damaged], None] | None = None
    ) -> list[Record]:
        """Return the records in the order of their ids, without damaged ones.

        Args:
            wanted: ids of the records to return; None for all.
            damaged: called with the error of each damaged record; None: a warning names it.
        """
        return list(self.each(wanted, damaged))

    def each(
        self, wanted: Collection[str] | None = None, damaged: Callable[[Damaged], None] | None = None
    ) -> Iterator[Record]:
        """Yield what `records` returns, one by one, so that no more than one need be kept."""
        for run_id in self.run_ids():
            if wanted is not None and run_id not in wanted:
                continue
            try:
                record = self.find(run_id)
            except Damaged as error:
                warnings.warn(f"{error}; left out", stacklevel=2) if damaged is None else damaged(error)
                continue
            if record is not None:
                yield record

    def set_aside(self, run_id: str) -> Path | None:
        """Move a damaged record into `.damaged/`, where nothing reads or deletes it, and return its new place.

        If the record is not damaged any more, since another job has replaced it, nothing is moved and None is returned.
        """
        with self._writing("name a writable folder with --runs-dir"), self._replacing(run_id):
            try:
                found = self.find(run_id)
                if found is not None:
                    found.verify()
            except Unreadable:
                raise
            except Damaged:
                return self._shelve(run_id)
            return None

    def _replacing(self, run_id: str) -> contextlib.AbstractContextManager[None]:
        """Return a lock under which alone a run's record is moved away.

        The record is read under the lock too: else a finished one that arrives after the reading would be moved.
        """
        return exclusive_lock(self.folder / f".replacing-{run_id}")

    def _shelve(self, run_id: str) -> Path:
        """Move a record into `.damaged/`, whatever it is."""
        shelf = self.folder / ".damaged"
        shelf.mkdir(exist_ok=True)
        place = next(path for n in range(1, 1_000_000) if not (path := shelf / f"{run_id}.{n}").exists())
        (self.folder / run_id).rename(place)
        fsync_folder(self.folder)
        return place

    def write(
        self, record: Record, arrays: Mapping[str, np.ndarray] | None = None, weights: bytes | None = None
    ) -> Path:
        """Add a record, whole or not at all, and return its folder; a finished run that is already there stays.

        Args:
            arrays: the content of arrays.npz by name.
            weights: the content of model.safetensors.

        Raises:
            Unwritable: the store can't be written to.
        """
        files = {} if weights is None else {"model.safetensors": weights}
        if arrays is not None:
            files["arrays.npz"] = npz_bytes(arrays)
        record = replace(record, files={name: file_entry(content) for name, content in files.items()})
        final = self.folder / record.run_id
        partial = self.folder / f".partial-{record.run_id}-{uuid.uuid4().hex}"
        try:
            with self._writing(GOES_ON):
                partial.mkdir(parents=True)
                for name, content in files.items():
                    write_file(partial / name, content)
                write_file(partial / "record.json", to_json(record).encode("utf-8"))
                fsync_folder(partial)
                self._publish(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return final

    def adopt(self, run_id: str, files: Mapping[str, bytes]) -> Record:
        """Add a record from the bytes of its files in another store, and return the record that is now in this one.

        Raises:
            Damaged: the files are not what was written there; nothing is added.
            Unwritable: the store can't be written to.
        """
        partial = self.folder / f".partial-{run_id}-{uuid.uuid4().hex}"
        try:
            with self._writing(GOES_ON):
                partial.mkdir(parents=True)
                for name in {"record.json", *FILES} & files.keys():
                    write_file(partial / name, files[name])
                fsync_folder(partial)
            from_json(run_id, files.get("record.json", b""), partial).verify()
            with self._writing(GOES_ON):
                self._publish(partial, self.folder / run_id)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return self.load(run_id)

    def _publish(self, partial: Path, final: Path) -> None:
        """Rename `partial` to `final`, which the system does wholly or not at all, and only if `final` is not there.

        If `final` holds a finished record already, that one stays.
        """
        while True:
            try:
                partial.rename(final)
                fsync_folder(self.folder)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
            with self._replacing(final.name):
                try:
                    known = self.find(final.name)
                except Unreadable as error:
                    raise Unwritable(str(error)) from error
                except Damaged:
                    self._shelve(final.name)
                    continue
                if known is None:  # another job has taken it away; try again
                    continue
                if known.status == Status.FINISHED:
                    return
                aside = final.with_name(f".replaced-{final.name}-{uuid.uuid4().hex}")
                final.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the content of an arrays.npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Write a new file and wait until it is on the disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on the disk, so that a rename never gets there before the files it names."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
