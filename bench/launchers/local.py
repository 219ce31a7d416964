"""The launcher of a job whose runs are done on this machine, by worker processes.

On a CPU the workers run side by side, each with its own threads and one run at a time; on a GPU a worker has several in
flight (bench.worker.process). A run's numbers depend on neither. A worker that dies takes its run with it, recorded as
failed, and is replaced; of several in flight each is tried once more by itself. Each run is claimed before it starts
(bench.store.claims): one that another job has is waited for, and taken as that job leaves it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Mapping, Sequence

from bench.launchers.admission import claim_group
from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.launchers.workers import (
    InFlight,
    Worker,
    dispatch,
    end_workers,
    groups_per_worker,
    receive,
    site_of_worker,
    start_worker,
)
from bench.machine.child import heard_from, start_context
from bench.machine.processors import processors
from bench.spec.device import Device
from bench.spec.run import Work
from bench.store.claims import Claims
from bench.store.record import Record
from bench.worker.site import Site

TICK_SECONDS = 0.25
"""Between two events, at most."""

POLL_SECONDS = 1.0
"""Between two looks at the runs that other jobs have."""


class ThisMachine:
    """The launcher of a job whose runs are done here."""

    def __init__(self, threads: int, workers: int | None):
        """Launch on this machine.

        Args:
            threads: of each run.
            workers: as many as were asked for; None: as many as fit.
        """
        self.threads, self.workers = threads, workers
        self.idle: list[Worker] = []  # of the last launch, which wait for the next one

    def device(self, requested: str) -> None:
        """Leave it to the plan to find out what this machine has."""

    def slots(self, devices: Sequence[Device]) -> int:
        """Return how many workers there will be: on a CPU as many as it may keep busy, else one for each GPU."""
        if self.workers or devices[0].is_gpu:
            return self.workers or len(devices)
        return max(1, processors().usable // self.threads)

    def launch(self, work: Sequence[Work], site: Site, retried: Mapping[str, Record]) -> Generator[Event, None, None]:
        """See `bench.launchers.launcher.Launcher.launch`."""
        return launch(work, site, retried, self.idle)

    def close(self) -> None:
        """End the workers."""
        end_workers(self.idle)
        self.idle = []


def launch(
    specs: Sequence[Work],
    site: Site,
    retried: Mapping[str, Record] | None = None,
    idle: list[Worker] | None = None,
) -> Generator[Event, None, None]:
    """Do what `bench.launchers.launcher.Launcher.launch` says, with worker processes of this machine.

    Args:
        specs: all work.
        site: where it is done.
        retried: failed records of runs that are tried once more.
        idle: workers of an earlier launch at the same site, which have the data at hand and know the architectures;
            they are taken, and when all work is done this launch leaves its own there. None: they end with the launch.
    """
    queue, elsewhere, to_retry = Queue(specs), list[Work](), list[InFlight]()
    polled = time.monotonic()
    claims = Claims()
    context = start_context()
    workers = list(idle or ())
    if idle:
        idle.clear()
    for index in range(len(workers), min(site.workers, len(specs))):
        workers.append(start_worker(context, site_of_worker(site, index)))
    keys = itertools.count()
    try:
        while queue or elsewhere or to_retry or any(worker.in_flight for worker in workers):
            if elsewhere and time.monotonic() - polled > POLL_SECONDS:
                queue.put_back(elsewhere)
                elsewhere, polled = [], time.monotonic()
            for index, worker in enumerate(workers):
                while worker.has_room(groups_per_worker(queue, to_retry, workers, site)):
                    if to_retry:
                        if to_retry[0].alone and worker.in_flight:
                            break  # it comes when they have ended
                        group = to_retry.pop(0)
                        workers[index] = worker = dispatch(group, next(keys), worker, context, to_retry)
                        continue
                    spec = queue.take()
                    if spec is None:
                        break
                    claimed, refused = claim_group(spec, queue, site, claims, retried or {})
                    for one, event in refused:
                        if event.kind is EventKind.ELSEWHERE:
                            elsewhere.append(one)
                        else:
                            queue.mark_ended(one)
                        yield event
                    if claimed:
                        group = InFlight(claimed, site.graph)
                        workers[index] = worker = dispatch(group, next(keys), worker, context, to_retry)
                        yield from (Event(EventKind.STARTED, one) for one in claimed)
            busy = [worker for worker in workers if worker.in_flight]
            ready = heard_from([(worker.pipe, worker.process) for worker in busy], TICK_SECONDS)
            for worker in busy:
                if worker.pipe in ready:
                    for event in receive(worker, to_retry):
                        if event.spec is not None and event.kind is not EventKind.PROGRESS:
                            claims.give_back(event.spec.store_folder(site.runs_dir), event.spec.run_id)
                            queue.mark_ended(event.spec)
                        yield event
            yield Event(EventKind.TICK)
        if idle is not None:
            idle += workers
            workers = []
    finally:
        end_workers(workers)
        claims.close()
