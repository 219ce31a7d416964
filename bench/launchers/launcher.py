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

    def device(self, requested: str) -> Device | None:
        """Return what each run computes on; None where the plan is to find out what this machine has.

        Args:
            requested: "auto", "cpu", "cuda" or "cuda:n".
        """

    def slots(self, devices: Sequence[Device]) -> int:
        """Return how many runs, or groups of seeds, can be at work at once."""

    def launch(self, work: Sequence[Work], site: Site, retried: Mapping[str, Record]) -> Generator[Event, None, None]:
        """Do all `work`, each piece when the runs that it needs have ended; yield what happens, a few times a second.

        Closing the iterator stops what runs.

        Args:
            retried: failed records, by run id, of runs that are to be tried once more.

        Raises:
            Unwritable: a record can't be kept.
        """

    def close(self) -> None:
        """Free whatever is held: nothing more will be launched."""
