"""The ways in which a run ends."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a run, or a later evaluation of one, ended: the `status` of its record."""

    FINISHED = "finished"
    FAILED = "failed"


def has_diverged(error: str | None) -> bool:
    """Return whether the error of a failed run is that its loss or a metric was no longer finite."""
    return (error or "").startswith("Diverged")
