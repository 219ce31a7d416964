"""Runs a plan on this machine: worker processes that each take the next run when they are free.

On a CPU the workers run side by side, each with its own threads; on a GPU one worker takes the runs in turn. A run's
numbers depend on neither. A worker that dies takes its run with it, recorded as failed, and is replaced. Each run is
claimed before it starts (bench.claims): one that another job has is waited for, and taken as that job leaves it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from bench import environment
from bench.claims import Claims, holder
from bench.forks import how_it_ended, start_context
from bench.site import Progress, Site
from bench.spec import RunSpec, Work
from bench.store import Damaged, Record, Store, Unwritable

TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
"""Between two looks at the runs that other jobs have."""


@dataclass(frozen=True)
class Event:
    """kind: "started", "progress", "finished", "failed", "skipped" (a run that it needs did not finish), "elsewhere"
    (another job has it; `error` says which), or "tick" (nothing new; time passes). by_another: ended in another job."""

    kind: str
    spec: Work | None = None
    progress: Progress | None = None
    error: str | None = None
    seconds: float = 0.0
    by_another: bool = False


@dataclass
class Worker:
    process: Any
    pipe: Connection
    site: Site
    specs: list[Work] = field(default_factory=list)  # what it has: several runs if they are trained together
    since: float = 0.0


def launch(
    specs: Sequence[Work], site: Site, again: Mapping[str, Record] | None = None
) -> Generator[Event, None, None]:
    """Runs all `specs`, each when the runs that it needs have ended; yields what happens, at least a few times a second.

    again: failed records, by run id, of runs that are to be tried once more. Closing the iterator stops the workers.
    Raises `Unwritable` when a record can't be kept.
    """
    waiting, elsewhere = list(specs), list[Work]()
    looked = time.monotonic()
    claims = Claims()
    context = start_context()
    workers = [start_worker(context, at(site, index)) for index in range(min(site.workers, len(specs)))]
    try:
        while waiting or elsewhere or any(worker.specs for worker in workers):
            if elsewhere and time.monotonic() - looked > LOOK_SECONDS:
                waiting, elsewhere, looked = waiting + elsewhere, [], time.monotonic()
            for index, worker in enumerate(workers):
                while not worker.specs:
                    flying = [spec for other in workers for spec in other.specs]
                    spec = next_ready(waiting, [*elsewhere, *flying])
                    if spec is None:
                        break
                    group: list[Work] = []
                    for one in [spec, *company(spec, waiting, site.stack - 1)]:
                        event = obstacle(one, site, claims, again or {})
                        if event is None:
                            group.append(one)
                            continue
                        if event.kind == "elsewhere":
                            elsewhere.append(one)
                        yield event
                    if group:
                        workers[index] = worker = hand_over(group, worker, context)
                        yield from (Event("started", one) for one in group)
            busy = [worker for worker in workers if worker.specs]
            ready = set(wait([worker.pipe for worker in busy], timeout=TICK_SECONDS))
            for worker in busy:
                if worker.pipe in ready:
                    for event in receive(worker):
                        if event.spec is not None and not worker.specs:
                            claims.give_back(event.spec.store_folder(site.runs_dir), event.spec.run_id)
                        yield event
            yield Event("tick")
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.kill()  # at whatever it is: a record is written whole or not at all
        for worker in workers:
            if worker.specs:  # until it is gone it may be writing what is claimed; an idle one is not waited for
                worker.process.join(5)
        claims.close()


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


def hand_over(specs: list[Work], worker: Worker, context: Any) -> Worker:
    """Gives `specs` to `worker`, or to a new one in its place if it is dead; returns the one that has them."""
    try:
        worker.pipe.send(specs)
    except OSError:  # it died with its last run, or since
        worker.pipe.close()
        worker = start_worker(context, worker.site)
        worker.pipe.send(specs)
    worker.specs, worker.since = specs, time.monotonic()
    return worker


def company(spec: Work, waiting: list[Work], most: int) -> list[Work]:
    """Takes up to `most` of `waiting` that are `spec` but for the seed."""
    if not isinstance(spec, RunSpec):
        return []
    alike = [other for other in waiting if isinstance(other, RunSpec) and replace(other, seed=spec.seed) == spec]
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


def receive(worker: Worker) -> list[Event]:
    """The next message of a worker, as an event for each run that it has; its end, if that is what comes."""
    specs, seconds = worker.specs, time.monotonic() - worker.since
    try:
        message = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5)
        worker.specs = []
        return [died(spec, worker, seconds) for spec in specs]
    if isinstance(message, Progress):
        return [Event("progress", spec, message, seconds=seconds) for spec in specs]
    worker.specs = []
    for status, error in message:
        if status == "unwritable":
            raise Unwritable(error)
    outcomes = zip(specs, message, strict=True)
    return [Event(status, spec, error=error, seconds=seconds / len(specs)) for spec, (status, error) in outcomes]


def died(spec: Work, worker: Worker, seconds: float) -> Event:
    """What a worker that is no more did to a run that it had."""
    site = worker.site
    store = Store(spec.store_folder(site.runs_dir))
    if store.status(spec.run_id) == "finished":  # it died between writing the record and saying so
        return Event("finished", spec, seconds=seconds)
    error = f"worker process {how_it_ended(worker.process.exitcode)}"
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


class ParentGone(BaseException):
    """Nobody is there to report to. Not an Exception: the run did not fail, and must not be recorded as if it had."""


def work(pipe: Connection, site: Site) -> None:
    """A worker's life: take what is given, do it, say how it went; end when the parent is gone."""
    from bench.execute import execute_all  # here: it loads torch, which the server has and the parent need not

    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all processes of a job, they are the parent's to handle
        signal.signal(number, signal.SIG_IGN)
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > TICK_SECONDS or progress.done >= 1:
            last = time.monotonic()
            try:
                pipe.send(progress)
            except OSError:
                raise ParentGone from None

    while True:
        try:
            specs = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            outcomes = [(record.status, record.error) for record in execute_all(specs, site, report)]
        except ParentGone:
            return
        except Unwritable as error:
            outcomes = [("unwritable", str(error))]
        try:
            pipe.send(outcomes)
        except OSError:
            return
