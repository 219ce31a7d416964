"""Worker processes of this machine: what each has in flight, what it is handed, and what becomes of it when it dies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.machine import child, environment
from bench.spec.run import Work
from bench.spec.status import Status
from bench.store.record import Record
from bench.store.store import Store, Unwritable
from bench.worker.process import Answer, AnswerKind, Order, run_worker
from bench.worker.site import Site


@dataclass
class InFlight:
    """A group of runs that a worker has, or is to have."""

    specs: list[Work]

    graph: bool
    """Whether training steps may be CUDA graphs."""

    alone: bool = False
    """Whether the worker must have no other group at the same time."""

    seconds: float = 0.0
    """Its share of the worker's time so far."""

    @property
    def seconds_per_run(self) -> float:
        """The share of each of its runs."""
        return self.seconds / len(self.specs)


@dataclass
class Worker:
    """A worker process, and the groups that it has."""

    process: Any

    pipe: Connection
    """Orders go into it, answers come out."""

    site: Site
    """On which device, above all."""

    in_flight: dict[int, InFlight] = field(default_factory=dict)
    """By the key of the order."""

    counted_until: float = field(default_factory=time.monotonic)
    """When its time was last shared out."""

    def has_room(self, most: int) -> bool:
        """Return whether it can be handed another group, if it is to have `most` of them."""
        return len(self.in_flight) < most and not any(group.alone for group in self.in_flight.values())

    def count_time(self) -> None:
        """Share out the time since this was last done among the groups in flight."""
        now = time.monotonic()
        for group in self.in_flight.values():
            group.seconds += (now - self.counted_until) / len(self.in_flight)
        self.counted_until = now


def groups_per_worker(queue: Queue, to_retry: Sequence[InFlight], workers: Sequence[Worker], site: Site) -> int:
    """Return how many groups a worker may have in flight: no more than its share of all, so that no GPU is idle."""
    if site.side_by_side == 1:
        return 1
    groups = queue.groups() + len(to_retry) + sum(len(worker.in_flight) for worker in workers)
    return max(1, min(site.side_by_side, -(-groups // len(workers))))


def site_of_worker(site: Site, index: int) -> Site:
    """Return the site of a worker: where there are several GPUs, they are taken in turn."""
    return replace(site, device=site.devices[index % len(site.devices)]) if site.devices else site


def dispatch(group: InFlight, key: int, worker: Worker, context: Any, to_retry: list[InFlight]) -> Worker:
    """Hand a group to a worker, or to a new one in its place if it is dead; return the one that is there then.

    Args:
        context: the multiprocessing context that starts workers.
        to_retry: gets the group where the worker is dead and has others, of which `receive` is about to hear.
    """
    order = Order(key, group.specs, group.graph)
    try:
        if worker.process.exitcode is not None:  # what it has forked may hold the pipe open
            raise BrokenPipeError
        worker.pipe.send(order)
    except OSError:  # it died with its last run, or since
        if worker.in_flight:
            to_retry.append(replace(group, alone=True))
            return worker
        worker.pipe.close()
        worker = start_worker(context, worker.site)
        worker.pipe.send(order)
    worker.count_time()
    worker.in_flight[key] = group
    return worker


def receive(worker: Worker, to_retry: list[InFlight]) -> list[Event]:
    """Return the next message of a worker as events for the runs of its group; its death, if that is what comes.

    Args:
        to_retry: gets the groups that have to be tried once more.

    Raises:
        Unwritable: a record can't be kept.
    """
    worker.count_time()
    try:
        answer: Answer = child.receive(worker.pipe)
    except (EOFError, OSError):
        worker.process.join(5)
        error = f"worker process {child.how_it_ended(worker.process.exitcode)}"
        worker.process.kill()  # one that has closed its pipe lives
        return handle_death(worker, error, to_retry)
    group = worker.in_flight[answer.key]
    if answer.kind is AnswerKind.PROGRESS:
        return [Event(EventKind.PROGRESS, spec, answer.content, seconds=group.seconds_per_run) for spec in group.specs]
    if answer.kind is AnswerKind.LEAVING:
        worker.process.join(5)
        worker.process.kill()  # a GPU that is lost may hold it
        if answer.without_graph:  # the others have done nothing
            again = [replace(one, graph=one.graph and one is not group) for one in worker.in_flight.values()]
            worker.in_flight = {}
            return retry(again, worker.site, to_retry)
        return handle_death(worker, answer.content, to_retry)
    del worker.in_flight[answer.key]
    if answer.is_last:
        worker.process.join(5)
        worker.process.kill()
    if answer.kind is AnswerKind.RETRY_ALONE:
        return retry([replace(group, alone=True)], worker.site, to_retry)
    if answer.kind is AnswerKind.UNWRITABLE:
        raise Unwritable(answer.content)
    return [
        Event(EventKind.of(status), spec, error=error, seconds=group.seconds_per_run)
        for spec, (status, error) in zip(group.specs, answer.content, strict=True)
    ]


def handle_death(worker: Worker, error: str, to_retry: list[InFlight]) -> list[Event]:
    """Record what a dead worker had in flight as failed, or try it once more.

    A single group has ended it. Of several any may have, so each is tried again by itself.
    """
    groups, worker.in_flight = list(worker.in_flight.values()), {}
    if len(groups) > 1:
        return retry([replace(group, alone=True) for group in groups], worker.site, to_retry)
    return [record_death(spec, worker.site, error, group.seconds_per_run) for group in groups for spec in group.specs]


def retry(groups: list[InFlight], site: Site, to_retry: list[InFlight]) -> list[Event]:
    """Put groups among those to be tried again, but for the runs that were finished before their worker ended."""
    events = []
    for group in groups:
        left = [
            spec
            for spec in group.specs
            if Store(spec.store_folder(site.runs_dir)).status(spec.run_id) != Status.FINISHED
        ]
        finished = [spec for spec in group.specs if spec not in left]
        events += [Event(EventKind.FINISHED, spec, seconds=group.seconds_per_run) for spec in finished]
        if left:
            to_retry.append(replace(group, specs=left, seconds=0.0))
    return events


def record_death(spec: Work, site: Site, error: str, seconds: float) -> Event:
    """Store the record of a run whose worker has died; return how the run ended."""
    store = Store(spec.store_folder(site.runs_dir))
    if store.status(spec.run_id) == Status.FINISHED:  # it died between writing the record and saying so
        return Event(EventKind.FINISHED, spec, seconds=seconds)
    store.write(failed_record(spec, site, error))
    return Event(EventKind.FAILED, spec, error=error, seconds=seconds)


def failed_record(spec: Work, site: Site, error: str) -> Record:
    """Return the record of a piece of work whose own process could not write one."""
    where = {
        **environment.versions(),
        "device": site.device,
        **site.provenance.entries(),
        "ended": time.time(),
    }
    return Record(spec.run_id, spec.content(), Status.FAILED, error, environment=where)


def end_workers(workers: Sequence[Worker]) -> None:
    """Kill workers, at whatever they are: a record is written whole or not at all."""
    for worker in workers:
        worker.pipe.close()
        worker.process.kill()
    for worker in workers:
        if worker.in_flight:  # until it is gone it may be writing what is claimed; an idle one is not waited for
            worker.process.join(5)


def start_worker(context: Any, site: Site) -> Worker:
    """Start a worker process on a device of this machine.

    Args:
        context: the multiprocessing context that starts it.

    Raises:
        UserError: the system lets no process be started.
    """
    ours, theirs = context.Pipe()
    process = context.Process(target=run_worker, args=(theirs, site), daemon=True)
    child.start(process)
    theirs.close()
    return Worker(process, ours, site)
