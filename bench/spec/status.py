"""How a run ended."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Of a run, or of a later evaluation of one, that has a record."""

    FINISHED = "finished"
    FAILED = "failed"
