"""Measured seconds of training steps, kept in the store: a job that is taken up again trains as many steps as before.

runs/step_seconds/<key>.json holds one pair, an architecture and the baseline, timed in turns; written whole or not at
all. docs/decisions.md#equal-compute says why it lies there.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct, convert

from bench.spec.output.lines import say_warning
from bench.spec.run import digest
from bench.store.claims import exclusive_lock
from bench.store.files import read_file
from bench.store.store import Unwritable, fsync_folder, write_file
from bench.store.validation import type_problem

FOLDER = "step_seconds"
"""Within the store."""

FORMAT = 1
Seconds = Annotated[float, Meta(gt=0, lt=1e9)]


@dataclass(frozen=True)
class Measured:
    """A training step of an architecture and one of the baseline, timed in turns."""

    seconds: Seconds
    """Of a step, the median over rounds."""

    baseline_seconds: Seconds

    ratio: Seconds
    """The median over rounds of the first over the second."""

    conditions: Mapping[str, Any] = field(default_factory=dict)
    """When, by which versions and beside what it was measured."""


class Content(Struct):
    """A file."""

    format: int
    of: dict[str, Any]
    measured: Measured
    checksum: str


class StepSeconds:
    """What a store keeps of them."""

    def __init__(self, runs_dir: Path):
        self.folder = runs_dir / FOLDER

    @contextlib.contextmanager
    def alone(self) -> Iterator[StepSeconds]:
        """Keep other jobs on this store from measuring within the block; wait for one that does.

        Raises:
            Unwritable: the folder can't be made or locked.
        """
        with contextlib.ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive_lock(self.folder / ".measuring", self._waiting))
            except OSError as error:
                raise self._unwritable(error) from error
            yield self

    def find(self, key: Mapping[str, Any]) -> Measured | None:
        """Return what was measured; None if nothing was. Of a file that isn't what was written a warning says so."""
        path = self._path(key)
        try:
            content = json.loads(read_file(path).decode("utf-8"))
            problem = type_problem(content, Content)
            if problem is None and content["format"] == FORMAT:
                if content["checksum"] == digest(content["measured"]) and content["of"] == json.loads(json.dumps(key)):
                    return convert(content["measured"], Measured)
                problem = "its content is not what was written"
            problem = problem or f"its format is {content['format']}, expected {FORMAT}"
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            problem = " ".join(str(error).split())[:200]
        say_warning(f"{path} can't be used ({problem}); measured anew")
        return None

    def write(self, key: Mapping[str, Any], measured: Measured) -> None:
        """Keep what was measured, in place of what was there.

        Raises:
            Unwritable: it can't be written.
        """
        own, path = asdict(measured), self._path(key)
        content = {"format": FORMAT, "of": dict(key), "measured": own, "checksum": digest(own)}
        partial = self.folder / f".partial-{uuid.uuid4().hex}"
        try:
            write_file(partial, json.dumps(content, indent=1).encode())
            os.replace(partial, path)
            fsync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise self._unwritable(error) from error

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{digest(dict(key))}.json"

    def _unwritable(self, error: OSError) -> Unwritable:
        return Unwritable(f"runs folder {self.folder}: {error.strerror or error}; make it writable, and start again")

    def _waiting(self) -> None:
        print(f"waiting for another job, which times training steps ({self.folder}) …", file=sys.stderr, flush=True)
