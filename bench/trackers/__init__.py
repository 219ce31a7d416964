"""Where else a job's results go: a file per tracker in this folder, found by its name, each with its own option.

A tracker is handed events and records and returns nothing; no number of the benchmark depends on one. One that raises is
named once in a warning, and costs neither a run nor the report. To write one, see docs/trackers.md.

May import: spec, store, statistics.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from archs.errors import UserError

if TYPE_CHECKING:  # the options of the trackers are part of --help, which loads nothing heavy
    from bench.spec.progress import Progress
    from bench.spec.run import Work
    from bench.store.record import Record


class Tracker(Protocol):
    """What a tracker is told, in this order. `ended` is also called for what had ended before the job began: whoever
    has it already must not have it twice afterwards."""

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
    """One tracker as the command line knows it. name: of its option. needs: the packages that it imports.
    extra: the optional extra of this project that installs them. open: the option's value → tracker."""

    name: str
    metavar: str
    summary: str
    needs: tuple[str, ...]
    extra: str
    open: Callable[[str], Tracker]


def kinds() -> list[Kind]:
    """Every tracker of this folder; loads no package that one needs."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [importlib.import_module(f"bench.trackers.{stem}").KIND for stem in stems if not stem.startswith("_")]


@dataclass
class Crew:
    """The trackers of a job, told of everything together; what one of them raises stays here."""

    members: dict[str, Tracker] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set)

    def __enter__(self) -> Crew:
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
                    said = " ".join(str(error).split())[:300]
                    text = f"WARNING: --{name}: {type(error).__name__}: {said}; runs and report go on without it"
                    print(text, file=sys.stderr, flush=True)


def crew(asked: Mapping[str, str], known: Sequence[Kind] | None = None) -> Crew:
    """The trackers that were asked for. Raises `UserError` if one can't be had, before anything is trained."""
    found = {}
    for kind in kinds() if known is None else known:
        value = asked.get(kind.name)
        if value is not None:
            lacking = [package for package in kind.needs if importlib.util.find_spec(package) is None]
            if lacking:
                raise UserError(
                    f"--{kind.name} needs the package {lacking[0]}, which is not installed; it comes with the extra "
                    f"[{kind.extra}]: python3 -m uv sync --extra {kind.extra}"
                )
            try:
                found[kind.name] = kind.open(value)
            except UserError:
                raise
            except Exception as error:
                said = " ".join(str(error).split())[:300]
                raise UserError(f"--{kind.name} {value}: {type(error).__name__}: {said}") from error
    return Crew(found)
