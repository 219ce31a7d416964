"""Where else a job's results go: a file per tracker in this folder, found by its name, each with its own option.

A tracker is handed events and records and returns nothing; no number of the benchmark depends on one. One that raises
is named once in a warning, and costs neither a run nor the report. To write one, see docs/trackers.md.

May import: spec, store, statistics.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archs.errors import UserError
from bench.spec.extras import require

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


@dataclass
class Trackers:
    """The trackers of a job, told of everything together; what one of them raises stays here."""

    members: dict[str, Tracker] = field(default_factory=dict)
    """By the names of their options."""

    warned: set[str] = field(default_factory=set)
    """Those that have raised, and have been named in a warning."""

    def __enter__(self) -> Trackers:
        return self

    def __exit__(self, *unused: object) -> None:
        self._tell("close")

    def started(self, spec: Work) -> None:
        self._tell("started", spec)

    def progress(self, spec: Work, progress: Progress) -> None:
        self._tell("progress", spec, progress)

    def ended(self, spec: Work, record: Record) -> None:
        self._tell("ended", spec, record)

    def reported(self, folder: Path) -> None:
        self._tell("reported", folder)

    def _tell(self, what: str, *arguments: Any) -> None:
        for name, member in self.members.items():
            try:
                getattr(member, what)(*arguments)
            except Exception as error:
                if name not in self.warned:
                    self.warned.add(name)
                    message = " ".join(str(error).split())[:300]
                    text = f"WARNING: --{name}: {type(error).__name__}: {message}; runs and report go on without it"
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
                found[kind.name] = kind.open(value)
            except UserError:
                raise
            except Exception as error:
                message = " ".join(str(error).split())[:300]
                raise UserError(f"--{kind.name} {value}: {type(error).__name__}: {message}") from error
    return Trackers(found)
