"""What a launcher says of the work that it was given."""

from __future__ import annotations

from dataclasses import dataclass

from bench.spec.progress import Progress
from bench.spec.run import Work


@dataclass(frozen=True)
class Event:
    """kind: "started", "progress", "finished", "failed", "skipped" (a run that it needs did not finish), "elsewhere"
    (another job has it; `error` says which), or "tick" (nothing new; time passes). by_another: ended in another job."""

    kind: str
    spec: Work | None = None
    progress: Progress | None = None
    error: str | None = None
    seconds: float = 0.0
    by_another: bool = False
