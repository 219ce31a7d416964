"""What a job runs next, as far as it can be said from what the store holds: policies.

A policy is pure: the same records always give the same answer. So a job can be stopped and taken up again at any
point, and a test of a policy needs no training: made-up records in, specifications out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.spec.run import Work
from bench.store.record import Record

Records = Mapping[str, Record]
"""Run id → the record of what has ended, finished or failed."""


class Policy(Protocol):
    """Decides what a job runs. It must pickle."""

    def next(self, records: Records) -> Sequence[Work]:
        """The work to do now, in this order; empty when the question is answered."""

    def planned(self, records: Records) -> Sequence[Work]:
        """All that the report is made of, done or not, as far as that is known by now."""


@dataclass(frozen=True)
class EachOnce:
    """A list that is fixed beforehand: every piece of work once."""

    work: tuple[Work, ...]

    def next(self, records: Records) -> Sequence[Work]:
        return [each for each in self.work if each.run_id not in records]

    def planned(self, records: Records) -> Sequence[Work]:
        return self.work
