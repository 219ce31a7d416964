"""The policy of a fixed list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.job.policies.policy import Policy, Records
from bench.spec.run import Work


@dataclass(frozen=True)
class EachOnce(Policy):
    """A list that is fixed beforehand: every piece of work once."""

    work: tuple[Work, ...]

    def next(self, records: Records) -> Sequence[Work]:
        return [each for each in self.work if each.run_id not in records]

    def planned(self, records: Records) -> Sequence[Work]:
        return self.work

    def possible(self) -> Sequence[Work]:
        return self.work

    def standing(self, records: Records) -> str:
        return ""

    def conclusion(self, records: Records) -> str:
        return ""

    def ended(self, records: Records) -> str | None:
        return None if self.next(records) else "all done"
