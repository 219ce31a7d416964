"""What a policy is.

A policy is pure: the same records always give the same answer. So a job can be stopped and taken up again at any
point, and a test of a policy needs no training: made-up records in, specifications out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bench.spec.run import Work
from bench.store.record import Record

Records = Mapping[str, Record]
"""Run id → the record of what has ended, finished or failed."""


class Policy(Protocol):
    """Decides what a job runs. It must pickle."""

    def next(self, records: Records) -> Sequence[Work]:
        """The work to do now, in this order; empty when the question is answered."""

    def planned(self, records: Records) -> Sequence[Work]:
        """All that answers the question, done or not, as far as that is known by now."""

    def shown(self, records: Records) -> Sequence[Work]:
        """What of that the report shows; unless a policy says otherwise all of it."""
        return self.planned(records)

    def possible(self) -> Sequence[Work]:
        """All that may ever be planned, whatever the records say."""

    def standing(self, records: Records) -> str:
        """Where the question stands, for who watches: "2 of 6 verdicts open, …"; empty if nothing can be said."""

    def conclusion(self, records: Records) -> str:
        """What was found, and what is open, in a line; empty if there is nothing to say beyond the report."""

    def ended(self, records: Records) -> str | None:
        """Why nothing more is planned, in a word or two for the manifest; None while something is."""

    def shortened(self, records: Records) -> Policy | None:
        """What to go on with when no time is left to add seeds; None, unless a policy says otherwise: with nothing."""
        return None

    def resumed(self, entry: Mapping[str, Any]) -> Policy:
        """What to go on with where a report is that holds this `entry`."""
        return self

    def entry(self, records: Records) -> dict[str, Any]:
        """What a manifest keeps under the name of the rule, beside what the report shows; empty: nothing."""
        return {}
