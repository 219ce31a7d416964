"""The ways in which a run ends."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a run, or a later evaluation of one, ended: the `status` of its record."""

    FINISHED = "finished"
    FAILED = "failed"
