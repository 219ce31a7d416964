"""What a job asks of whoever runs its work."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

from bench.launchers.events import Event
from bench.spec.device import Device
from bench.spec.run import Work
from bench.store.record import Record
from bench.worker.site import Site


class Launcher(Protocol):
    """This machine (`bench.launchers.local`) or a cluster (`bench.launchers.ray_cluster`)."""

    def device(self, asked: str) -> Device | None:
        """What each run computes on, of "auto", "cpu", "cuda" or "cuda:n"; None where this machine decides."""

    def slots(self, devices: Sequence[Device]) -> int:
        """How many runs, or groups of seeds, can be at work at once."""

    def launch(self, work: Sequence[Work], site: Site, again: Mapping[str, Record]) -> Generator[Event, None, None]:
        """Do all `work`, each piece when the runs that it needs have ended; yield what happens, a few times a second.

        Closing the iterator stops what runs.

        Args:
            again: failed records, by run id, of runs that are to be tried once more.

        Raises:
            Unwritable: a record can't be kept.
        """

    def close(self) -> None:
        """Nothing more will be asked."""
