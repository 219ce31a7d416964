"""Runs a plan on this machine: worker processes that each take the next runs when they have room.

On a CPU the workers run side by side, each with its own threads and one run at a time; on a GPU a worker has several in
flight (bench.worker.process). A run's numbers depend on neither. A worker that dies takes its run with it, recorded as failed,
and is replaced; of several in flight each is tried once more by itself. Each run is claimed before it starts
(bench.store.claims): one that another job has is waited for, and taken as that job leaves it.
"""

from __future__ import annotations

import itertools
import operator
import os
import time
from collections.abc import Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from bench.launchers.events import Event
from bench.machine import environment
from bench.machine.child import how_it_ended, start_context
from bench.spec.device import Device
from bench.spec.run import RunSpec, Work
from bench.store.claims import Claims, holder
from bench.store.store import Damaged, Record, Store, Unwritable
from bench.worker.process import Answer, Order, work
from bench.worker.site import Site

TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
"""Between two looks at the runs that other jobs have."""


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
    waiting, elsewhere, returned = list(specs), list[Work](), list[Flight]()
    looked = time.monotonic()
    claims = Claims()
    context = start_context()
    workers = [start_worker(context, at(site, index)) for index in range(min(site.workers, len(specs)))]
    keys = itertools.count()
    try:
        while waiting or elsewhere or returned or any(worker.flights for worker in workers):
            if elsewhere and time.monotonic() - looked > LOOK_SECONDS:
                waiting, elsewhere, looked = waiting + elsewhere, [], time.monotonic()
            for index, worker in enumerate(workers):
                while worker.has_room(share(waiting, returned, workers, site)):
                    if returned:
                        if returned[0].alone and worker.flights:
                            break  # it comes when they have ended
                        flight = returned.pop(0)
                        workers[index] = worker = hand_over(flight, next(keys), worker, context, returned)
                        continue
                    flying = [spec for flight in in_flight(workers) + returned for spec in flight.specs]
                    spec = next_ready(waiting, [*elsewhere, *flying])
                    if spec is None:
                        break
                    group: list[Work] = []
                    for one in [spec, *company(spec, waiting, site)]:
                        event = obstacle(one, site, claims, again or {})
                        if event is None:
                            group.append(one)
                            continue
                        if event.kind == "elsewhere":
                            elsewhere.append(one)
                        yield event
                    if group:
                        flight = Flight(group, site.graph)
                        workers[index] = worker = hand_over(flight, next(keys), worker, context, returned)
                        yield from (Event("started", one) for one in group)
            busy = [worker for worker in workers if worker.flights]
            ready = set(wait([worker.pipe for worker in busy], timeout=TICK_SECONDS))
            for worker in busy:
                if worker.pipe in ready:
                    for event in receive(worker, returned):
                        if event.spec is not None and event.kind != "progress":
                            claims.give_back(event.spec.store_folder(site.runs_dir), event.spec.run_id)
                        yield event
            yield Event("tick")
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.kill()  # at whatever it is: a record is written whole or not at all
        for worker in workers:
            if worker.flights:  # until it is gone it may be writing what is claimed; an idle one is not waited for
                worker.process.join(5)
        claims.close()


def in_flight(workers: Sequence[Worker]) -> list[Flight]:
    return [flight for worker in workers for flight in worker.flights.values()]


def share(waiting: Sequence[Work], returned: Sequence[Flight], workers: Sequence[Worker], site: Site) -> int:
    """How many groups a worker may have in flight: no more than its share of all, so that no other GPU is idle."""
    if site.beside == 1:
        return 1
    groups = len({group_of(spec) for spec in waiting}) + len(returned) + len(in_flight(workers))
    return max(1, min(site.beside, -(-groups // len(workers))))


ALL_BUT_THE_SEED = operator.attrgetter(*(field.name for field in fields(RunSpec) if field.name != "seed"))


def group_of(spec: Work) -> Hashable:
    """The same for runs that differ in nothing but their seed."""
    return ALL_BUT_THE_SEED(spec) if isinstance(spec, RunSpec) else id(spec)


def obstacle(spec: Work, site: Site, claims: Claims, again: Mapping[str, Record]) -> Event | None:
    """Why `spec` is not to be started now; None if it is, and then it is claimed."""
    if not all(Store(site.runs_dir).status(run_id) == "finished" for run_id in spec.needs):
        return Event("skipped", spec)
    store = Store(spec.store_folder(site.runs_dir))
    if not claims.take(store.folder, spec.run_id):
        return Event("elsewhere", spec, error=holder(store.folder, spec.run_id))
    try:
        known = store.find(spec.run_id)
    except Damaged:  # since the job began; writing the new record sets it aside
        known = None
    if known is None or known == again.get(spec.run_id):
        return None
    claims.give_back(store.folder, spec.run_id)
    return Event(known.status, spec, error=known.error, by_another=True)


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


def company(spec: Work, waiting: list[Work], site: Site) -> list[Work]:
    """Takes the others of `waiting` that are `spec` but for the seed, as far as they can be trained with it.

    Where there are more GPUs than groups, the seeds of one are shared between them.
    """
    if site.stack == 1 or not isinstance(spec, RunSpec):
        return []
    group = group_of(spec)
    alike = [other for other in waiting if group_of(other) == group]
    groups = {group, *(group_of(other) for other in waiting if isinstance(other, RunSpec))}
    copies = max(1, len(site.devices) // len(groups))
    most = min(site.stack, -(-(1 + len(alike)) // copies)) - 1
    for other in alike[:most]:
        waiting.remove(other)
    return list[Work](alike[:most])


def next_ready(waiting: list[Work], flying: Sequence[Work]) -> Work | None:
    """Takes the first of `waiting` that needs no run which is still waiting or in flight; None if there is none."""
    unfinished = {spec.run_id for spec in (*waiting, *flying)}
    for index, spec in enumerate(waiting):
        if unfinished.isdisjoint(spec.needs):
            return waiting.pop(index)
    return None


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
    if answer.kind == "progress":
        return [Event("progress", spec, answer.content, seconds=each(flight)) for spec in flight.specs]
    if answer.kind == "leaving":
        worker.process.join(5)
        worker.process.kill()  # a GPU that is lost may hold it
        if answer.without_graph:  # the others have done nothing
            again = [replace(one, graph=one.graph and one is not flight) for one in worker.flights.values()]
            worker.flights = {}
            return once_more(again, worker.site, returned)
        return ended(worker, answer.content, returned)
    del worker.flights[answer.key]
    if answer.kind == "crowded":
        return once_more([replace(flight, alone=True)], worker.site, returned)
    if answer.kind == "unwritable":
        raise Unwritable(answer.content)
    outcomes = zip(flight.specs, answer.content, strict=True)
    return [Event(status, spec, error=error, seconds=each(flight)) for spec, (status, error) in outcomes]


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
            spec for spec in flight.specs if Store(spec.store_folder(site.runs_dir)).status(spec.run_id) != "finished"
        ]
        events += [Event("finished", spec, seconds=each(flight)) for spec in flight.specs if spec not in left]
        if left:
            returned.append(replace(flight, specs=left, seconds=0.0))
    return events


def died(spec: Work, site: Site, error: str, seconds: float) -> Event:
    """What a worker that is no more did to a run that it had."""
    store = Store(spec.store_folder(site.runs_dir))
    if store.status(spec.run_id) == "finished":  # it died between writing the record and saying so
        return Event("finished", spec, seconds=seconds)
    where = {**environment.versions(), "device": site.device, "commit": site.commit, "dirty": site.dirty,
             "ended": time.time()}  # fmt: skip
    store.write(Record(spec.run_id, spec.content(), "failed", error, environment=where))
    return Event("failed", spec, error=error, seconds=seconds)


def start_worker(context: Any, site: Site) -> Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, site), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, site)
