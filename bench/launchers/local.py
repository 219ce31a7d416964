"""Runs a plan on this machine: worker processes that each take the next runs when they have room.

On a CPU the workers run side by side, each with its own threads and one run at a time; on a GPU a worker has several in
flight (bench.worker.process). A run's numbers depend on neither. A worker that dies takes its run with it, recorded as failed,
and is replaced; of several in flight each is tried once more by itself. Each run is claimed before it starts
(bench.store.claims): one that another job has is waited for, and taken as that job leaves it.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Generator, Mapping, Sequence
from multiprocessing.connection import wait

from bench.launchers.admission import same_but_seed, why_not_start
from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.launchers.workers import Flight, at, hand_over, receive, share, start_worker
from bench.machine.child import start_context
from bench.spec.device import Device
from bench.spec.run import Work
from bench.store.claims import Claims
from bench.store.record import Record
from bench.worker.site import Site

TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
"""Between two looks at the runs that other jobs have."""


class ThisMachine:
    """The launcher of a job whose runs are done here. threads: of each run. workers: as asked for, None if not."""

    def __init__(self, threads: int, workers: int | None):
        self.threads, self.workers = threads, workers

    def device(self, asked: str) -> None:
        """Whatever is there: that is for the plan to find out."""

    def slots(self, devices: Sequence[Device]) -> int:
        """How many workers: on a CPU as many as its cores hold, else one for each GPU."""
        if self.workers or devices[0].is_gpu:
            return self.workers or len(devices)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.threads)

    def launch(self, work: Sequence[Work], site: Site, again: Mapping[str, Record]) -> Generator[Event, None, None]:
        return launch(work, site, again)

    def close(self) -> None:
        """Nothing is left: the workers end with each launch."""


def launch(
    specs: Sequence[Work], site: Site, again: Mapping[str, Record] | None = None
) -> Generator[Event, None, None]:
    """Runs all `specs`, each when the runs that it needs have ended; yields what happens, at least a few times a
    second.

    again: failed records, by run id, of runs that are to be tried once more. Closing the iterator stops the workers.
    Raises `Unwritable` when a record can't be kept.
    """
    queue, elsewhere, returned = Queue(specs), list[Work](), list[Flight]()
    looked = time.monotonic()
    claims = Claims()
    context = start_context()
    workers = [start_worker(context, at(site, index)) for index in range(min(site.workers, len(specs)))]
    keys = itertools.count()
    try:
        while queue or elsewhere or returned or any(worker.flights for worker in workers):
            if elsewhere and time.monotonic() - looked > LOOK_SECONDS:
                queue.put_back(elsewhere)
                elsewhere, looked = [], time.monotonic()
            for index, worker in enumerate(workers):
                while worker.has_room(share(queue, returned, workers, site)):
                    if returned:
                        if returned[0].alone and worker.flights:
                            break  # it comes when they have ended
                        flight = returned.pop(0)
                        workers[index] = worker = hand_over(flight, next(keys), worker, context, returned)
                        continue
                    spec = queue.take()
                    if spec is None:
                        break
                    group: list[Work] = []
                    for one in [spec, *same_but_seed(spec, queue, site)]:
                        event = why_not_start(one, site, claims, again or {})
                        if event is None:
                            group.append(one)
                            continue
                        if event.kind is EventKind.ELSEWHERE:
                            elsewhere.append(one)
                        else:
                            queue.ended(one)
                        yield event
                    if group:
                        flight = Flight(group, site.graph)
                        workers[index] = worker = hand_over(flight, next(keys), worker, context, returned)
                        yield from (Event(EventKind.STARTED, one) for one in group)
            busy = [worker for worker in workers if worker.flights]
            ready = set(wait([worker.pipe for worker in busy], timeout=TICK_SECONDS))
            for worker in busy:
                if worker.pipe in ready:
                    for event in receive(worker, returned):
                        if event.spec is not None and event.kind is not EventKind.PROGRESS:
                            claims.give_back(event.spec.store_folder(site.runs_dir), event.spec.run_id)
                            queue.ended(event.spec)
                        yield event
            yield Event(EventKind.TICK)
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.kill()  # at whatever it is: a record is written whole or not at all
        for worker in workers:
            if worker.flights:  # until it is gone it may be writing what is claimed; an idle one is not waited for
                worker.process.join(5)
        claims.close()
