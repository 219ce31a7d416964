"""Worker processes of this machine: what each has in flight, what it is handed, and what becomes of it when it dies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.machine import environment
from bench.machine.child import how_it_ended
from bench.spec.run import Work
from bench.spec.status import Status
from bench.store.record import Record
from bench.store.store import Store, Unwritable
from bench.worker.process import Answer, AnswerKind, Order, work
from bench.worker.site import Site


@dataclass
class Flight:
    """A group of runs that a worker has. alone: it must have no other beside it. seconds: its share of the time."""

    specs: list[Work]
    graph: bool
    alone: bool = False
    seconds: float = 0.0


@dataclass
class Worker:
    process: Any
    pipe: Connection
    site: Site
    flights: dict[int, Flight] = field(default_factory=dict)
    looked: float = field(default_factory=time.monotonic)

    def has_room(self, most: int) -> bool:
        return len(self.flights) < most and not any(flight.alone for flight in self.flights.values())

    def look(self) -> None:
        """Shares the time since the last look among those in flight."""
        now = time.monotonic()
        for flight in self.flights.values():
            flight.seconds += (now - self.looked) / len(self.flights)
        self.looked = now


def in_flight(workers: Sequence[Worker]) -> list[Flight]:
    return [flight for worker in workers for flight in worker.flights.values()]


def share(queue: Queue, returned: Sequence[Flight], workers: Sequence[Worker], site: Site) -> int:
    """How many groups a worker may have in flight: no more than its share of all, so that no other GPU is idle."""
    if site.beside == 1:
        return 1
    groups = queue.groups() + len(returned) + len(in_flight(workers))
    return max(1, min(site.beside, -(-groups // len(workers))))


def at(site: Site, index: int) -> Site:
    """The site of worker `index`: where there are several GPUs, they are taken in turn."""
    return replace(site, device=site.devices[index % len(site.devices)]) if site.devices else site


def hand_over(flight: Flight, key: int, worker: Worker, context: Any, returned: list[Flight]) -> Worker:
    """Gives a group to `worker`, or to a new one in its place if it is dead; returns the one that is there then.

    returned: takes the group where the worker is dead and has others, of which `receive` is about to hear.
    """
    order = Order(key, flight.specs, flight.graph)
    try:
        worker.pipe.send(order)
    except OSError:  # it died with its last run, or since
        if worker.flights:
            returned.append(replace(flight, alone=True))  # it comes when they have ended
            return worker
        worker.pipe.close()
        worker = start_worker(context, worker.site)
        worker.pipe.send(order)
    worker.look()
    worker.flights[key] = flight
    return worker


def receive(worker: Worker, returned: list[Flight]) -> list[Event]:
    """The next message of a worker, as events for the runs of its group; its end, if that is what comes.

    returned: takes the groups that have to be tried once more.
    """
    worker.look()
    try:
        answer: Answer = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5)
        return ended(worker, f"worker process {how_it_ended(worker.process.exitcode)}", returned)
    flight = worker.flights[answer.key]
    if answer.kind is AnswerKind.PROGRESS:
        return [Event(EventKind.PROGRESS, spec, answer.content, seconds=each(flight)) for spec in flight.specs]
    if answer.kind is AnswerKind.LEAVING:
        worker.process.join(5)
        worker.process.kill()  # a GPU that is lost may hold it
        if answer.without_graph:  # the others have done nothing
            again = [replace(one, graph=one.graph and one is not flight) for one in worker.flights.values()]
            worker.flights = {}
            return once_more(again, worker.site, returned)
        return ended(worker, answer.content, returned)
    del worker.flights[answer.key]
    if answer.kind is AnswerKind.CROWDED:
        return once_more([replace(flight, alone=True)], worker.site, returned)
    if answer.kind is AnswerKind.UNWRITABLE:
        raise Unwritable(answer.content)
    outcomes = zip(flight.specs, answer.content, strict=True)
    return [Event(EventKind.of(status), spec, error=error, seconds=each(flight)) for spec, (status, error) in outcomes]


def each(flight: Flight) -> float:
    """Seconds of each of its runs so far."""
    return flight.seconds / len(flight.specs)


def ended(worker: Worker, error: str, returned: list[Flight]) -> list[Event]:
    """What becomes of the groups that a worker had when it ended: a single one ended it. Of several any may have."""
    flights, worker.flights = list(worker.flights.values()), {}
    if len(flights) > 1:
        return once_more([replace(flight, alone=True) for flight in flights], worker.site, returned)
    return [died(spec, worker.site, error, each(flight)) for flight in flights for spec in flight.specs]


def once_more(flights: list[Flight], site: Site, returned: list[Flight]) -> list[Event]:
    """Puts the groups among the `returned`, but for the runs that were finished before their worker ended."""
    events = []
    for flight in flights:
        left = [
            spec
            for spec in flight.specs
            if Store(spec.store_folder(site.runs_dir)).status(spec.run_id) != Status.FINISHED
        ]
        events += [Event(EventKind.FINISHED, spec, seconds=each(flight)) for spec in flight.specs if spec not in left]
        if left:
            returned.append(replace(flight, specs=left, seconds=0.0))
    return events


def died(spec: Work, site: Site, error: str, seconds: float) -> Event:
    """What a worker that is no more did to a run that it had."""
    store = Store(spec.store_folder(site.runs_dir))
    if store.status(spec.run_id) == Status.FINISHED:  # it died between writing the record and saying so
        return Event(EventKind.FINISHED, spec, seconds=seconds)
    where = {**environment.versions(), "device": site.device, "commit": site.commit, "dirty": site.dirty,
             "ended": time.time()}  # fmt: skip
    store.write(Record(spec.run_id, spec.content(), Status.FAILED, error, environment=where))
    return Event(EventKind.FAILED, spec, error=error, seconds=seconds)


def start_worker(context: Any, site: Site) -> Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, site), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, site)
