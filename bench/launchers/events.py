"""What a launcher says of the work that it was given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bench.spec.progress import Progress
from bench.spec.run import Work
from bench.spec.status import Status


class EventKind(StrEnum):
    """What has happened to a piece of work."""

    STARTED = "started"
    PROGRESS = "progress"
    FINISHED = "finished"
    FAILED = "failed"
    SKIPPED = "skipped"
    """A run that it needs did not finish."""
    ELSEWHERE = "elsewhere"
    """Another job has it; the event's `error` says which."""
    TICK = "tick"
    """Nothing is new; time passes."""

    @property
    def is_end(self) -> bool:
        """Whether nothing more comes of this piece of work."""
        return self in (EventKind.FINISHED, EventKind.FAILED, EventKind.SKIPPED)

    @classmethod
    def of(cls, status: Status) -> EventKind:
        """Return the kind of event that tells of a record of this status."""
        return cls(status.value)


@dataclass(frozen=True)
class Event:
    """Something that happened to a piece of work."""

    kind: EventKind

    spec: Work | None = None
    """The piece of work; None for a tick."""

    progress: Progress | None = None
    """How far it is, of `PROGRESS`."""

    error: str | None = None
    """Why it failed, or who has it."""

    seconds: float = 0.0
    """That it has taken so far."""

    by_another: bool = False
    """Whether it ended in another job."""
