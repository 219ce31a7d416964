"""Runs a plan on this machine: worker processes that each take the next run when they are free.

On a CPU the workers run side by side, each with its own threads; on a GPU one worker takes the runs in turn. A run's
numbers depend on neither. A worker that dies takes its run with it, recorded as failed, and is replaced. Each run is
claimed before it starts (bench.claims): one that another job has is waited for, and taken as that job leaves it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from bench import environment
from bench.claims import Claims, holder
from bench.execute import Site, execute
from bench.forks import start_context
from bench.spec import Work
from bench.store import Damaged, Record, Store, Unwritable
from bench.train import Progress

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
    spec: Work | None = None
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
    workers = [start_worker(context, site) for _ in range(min(site.workers, len(specs)))]
    try:
        while waiting or elsewhere or any(worker.spec for worker in workers):
            if elsewhere and time.monotonic() - looked > LOOK_SECONDS:
                waiting, elsewhere, looked = waiting + elsewhere, [], time.monotonic()
            for index, worker in enumerate(workers):
                while worker.spec is None:
                    spec = next_ready(waiting, [*elsewhere, *(other.spec for other in workers if other.spec)])
                    if spec is None:
                        break
                    event = obstacle(spec, site, claims, again or {})
                    if event is None:
                        workers[index] = worker = hand_over(spec, worker, context, site)
                    elif event.kind == "elsewhere":
                        elsewhere.append(spec)
                    yield event or Event("started", spec)
            busy = [worker for worker in workers if worker.spec]
            ready = set(wait([worker.pipe for worker in busy], timeout=TICK_SECONDS))
            for worker in busy:
                if worker.pipe in ready:
                    event = receive(worker, site)
                    if event.spec is not None and worker.spec is None:
                        claims.give_back(event.spec.store_folder(site.runs_dir), event.spec.run_id)
                    yield event
            yield Event("tick")
    finally:
        for worker in workers:
            worker.pipe.close()
            worker.process.kill()  # at whatever it is: a record is written whole or not at all
        for worker in workers:
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


def hand_over(spec: Work, worker: Worker, context: Any, site: Site) -> Worker:
    """Gives `spec` to `worker`, or to a new one in its place if it is dead; returns the one that has it."""
    try:
        worker.pipe.send(spec)
    except OSError:  # it died with its last run, or since
        worker.pipe.close()
        worker = start_worker(context, site)
        worker.pipe.send(spec)
    worker.spec, worker.since = spec, time.monotonic()
    return worker


def next_ready(waiting: list[Work], flying: Sequence[Work]) -> Work | None:
    """Takes the first of `waiting` that needs no run which is still waiting or in flight; None if there is none."""
    unfinished = {spec.run_id for spec in (*waiting, *flying)}
    for index, spec in enumerate(waiting):
        if unfinished.isdisjoint(spec.needs):
            return waiting.pop(index)
    return None


def receive(worker: Worker, site: Site) -> Event:
    """The next message of a worker; its end, if that is what comes."""
    spec, seconds = worker.spec, time.monotonic() - worker.since
    assert spec is not None
    try:
        message = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5)
        worker.spec = None
        store = Store(spec.store_folder(site.runs_dir))
        status = store.status(spec.run_id)
        if status == "finished":  # it died between writing the record and saying so
            return Event("finished", spec, seconds=seconds)
        error = f"worker process {how_it_ended(worker.process.exitcode)}"
        where = {**environment.versions(), "device": site.device, "commit": site.commit, "dirty": site.dirty,
                 "ended": time.time()}  # fmt: skip
        store.write(Record(spec.run_id, spec.content(), "failed", error, environment=where))
        return Event("failed", spec, error=error, seconds=seconds)
    if isinstance(message, Progress):
        return Event("progress", spec, message, seconds=seconds)
    worker.spec = None
    status, error = message
    if status == "unwritable":
        raise Unwritable(error)
    return Event(status, spec, error=error, seconds=seconds)


def how_it_ended(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"ended with status {exitcode}"


def start_worker(context: Any, site: Site) -> Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, site), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours)


class ParentGone(BaseException):
    """Nobody is there to report to. Not an Exception: the run did not fail, and must not be recorded as if it had."""


def work(pipe: Connection, site: Site) -> None:
    """A worker's life: take a spec, run it, say how it went; end when the parent is gone."""
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
            spec = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            record = execute(spec, site, report)
            outcome = record.status, record.error
        except ParentGone:
            return
        except Unwritable as error:
            outcome = "unwritable", str(error)
        try:
            pipe.send(outcome)
        except OSError:
            return
