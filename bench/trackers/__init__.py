"""Where else a job's results go: a file per tracker in this folder, found by its name, each with its own option.

A tracker is handed events and records and returns nothing; no number of the benchmark depends on one. It is told of
them in a thread of its own, so that nobody waits for it. One that raises, or does not come back, is named once in a
warning and told nothing more, and costs neither a run nor the report. To write one, see docs/trackers.md.

May import: spec, store, statistics.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archs.errors import UserError, one_line
from bench.spec.extras import require
from bench.spec.progress import stage
from bench.trackers._thread import TrackerThread

if TYPE_CHECKING:  # the options of the trackers are part of --help, which loads nothing heavy
    from bench.spec.progress import Progress
    from bench.spec.run import Work
    from bench.store.record import Record


class Tracker(Protocol):
    """What a tracker is told, in this order.

    `ended` is also called for what had ended before the job began: a tracker that has it already must not have it twice
    afterwards.
    """

    def started(self, spec: Work) -> None:
        """A run, or a later evaluation of one, starts (again, if it was tried before)."""

    def progress(self, spec: Work, progress: Progress) -> None:
        """A few times a second for each run in flight."""

    def ended(self, spec: Work, record: Record) -> None:
        """It finished or failed. `record.history` has a row per epoch; `record.arrays()` the pictures."""

    def reported(self, folder: Path) -> None:
        """The report is written: report.md, figures/*.png, *.csv."""

    def close(self) -> None:
        """Nothing more comes; what is buffered goes out."""


@dataclass(frozen=True)
class Kind:
    """One tracker as the command line knows it."""

    name: str
    """That of its option, without the dashes."""

    metavar: str
    """What --help calls the option's value."""

    summary: str
    """The option's help."""

    needs: tuple[str, ...]
    """The packages that it imports."""

    extra: str
    """The optional extra of this project that installs them."""

    open: Callable[[str], Tracker]
    """open(value of the option): the tracker."""


def kinds() -> list[Kind]:
    """Return every tracker of this folder; no package that one needs is loaded."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [importlib.import_module(f"bench.trackers.{stem}").KIND for stem in stems if not stem.startswith("_")]


INTERRUPTED_SECONDS = 2.0
"""How long trackers have for what they were not told yet where the job is interrupted."""


@dataclass
class Trackers:
    """The trackers of a job, told of everything together; what becomes of one of them stays here."""

    members: dict[str, TrackerThread] = field(default_factory=dict)
    """By the names of their options; those that something went wrong with are gone."""

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *unused: object) -> None:
        self._tell("close")
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        self.wait(INTERRUPTED_SECONDS if interrupted else math.inf)

    def started(self, spec: Work) -> None:
        self._tell("started", spec)

    def progress(self, spec: Work, progress: Progress) -> None:
        self._tell("progress", spec, progress)

    def ended(self, spec: Work, record: Record) -> None:
        self._tell("ended", spec, record)

    def reported(self, folder: Path) -> None:
        self._tell("reported", folder)

    def wait(self, seconds: float = math.inf) -> None:
        """Wait until all have done what they were told, for each so many seconds at most."""
        for name, member in list(self.members.items()):
            if member.is_busy:
                with stage(f"waiting for --{name}"):
                    member.wait(seconds)
        self._drop_broken()

    def _tell(self, what: str, *arguments: Any) -> None:
        self._drop_broken()
        for member in self.members.values():
            member.tell(what, *arguments)

    def _drop_broken(self) -> None:
        """Name those that something went wrong with, and forget them."""
        for name, member in list(self.members.items()):
            if member.problem:
                del self.members[name]
                text = f"WARNING: --{name}: {member.problem}; runs and report go on without it"
                print(text, file=sys.stderr, flush=True)


def open_trackers(requested: Mapping[str, str], known: Sequence[Kind] | None = None) -> Trackers:
    """Open the trackers that were asked for, before anything is trained.

    Args:
        requested: name → value of its option.
        known: those that can be asked for; default: all of this folder.

    Raises:
        UserError: a tracker can't be had.
    """
    found = {}
    for kind in kinds() if known is None else known:
        value = requested.get(kind.name)
        if value is not None:
            for package in kind.needs:
                require(package, f"--{kind.name}", kind.extra)
            try:
                found[kind.name] = TrackerThread(kind.open(value))
            except UserError:
                raise
            except Exception as error:
                raise UserError(f"--{kind.name} {value}: {type(error).__name__}: {one_line(error)[:300]}") from error
    return Trackers(found)
