"""Runs a plan on a Ray cluster: one task per run or evaluation, records home to this store. A drop-in beside bench.launchers.local.

The nodes need an environment with the requirements, and nothing else of ours: the code and the plug-in files travel as the
job's working directory, the data as one object, which Ray ships to a node once. A task keeps its record in a folder of its
own node; the folder's bytes come back, are held to their checksums and published here. So no file system is shared.
A run whose worker is lost, alone or with its node, is tried again on whatever is left, `ATTEMPTS` times in all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
import os
import signal
import socket
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archs.errors import UserError
from bench.launchers.admission import why_not_start
from bench.launchers.events import Event, EventKind
from bench.launchers.local import LOOK_SECONDS, TICK_SECONDS
from bench.launchers.queue import Queue
from bench.launchers.ray_code import stage
from bench.launchers.ray_node import Board, attempt
from bench.machine import environment
from bench.spec.device import CPU, FIRST_GPU, Device
from bench.spec.run import EvaluationSpec, Work
from bench.spec.status import Status
from bench.store.claims import Claims
from bench.store.record import FILES, Record
from bench.store.store import Store
from bench.worker.dataset import load_once
from bench.worker.site import Site

ATTEMPTS = 3
RAY_OFF = ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_ENABLE_UV_RUN_RUNTIME_ENV")
"""Switches that Ray reads when it is imported. The last: under `uv run` it would have each node build the environment
anew, from files that do not travel with the job."""
QUEUED = 2  # tasks handed to Ray per slot of the cluster, so that no slot waits for us


@dataclasses.dataclass
class Flight:
    """A piece of work that Ray has. tries: which attempt this is, from 1. since: when it was last seen to start."""

    spec: Work
    tries: int
    since: float | None = None

    @property
    def seconds(self) -> float:
        return 0.0 if self.since is None else time.monotonic() - self.since


class Cluster:
    """A connection to a Ray cluster, or one of Ray's own on this machine. `close()` ends it.

    address: "auto" (the cluster that this machine is a node of), "local" (start one here, for the job) or HOST:PORT.
    threads: CPUs of each task. Raises `UserError` if Ray is not installed, or no such cluster answers or has room.
    """

    def __init__(self, address: str, threads: int, plugins: Sequence[str] = (), workers: int | None = None):
        if importlib.util.find_spec("ray") is None:
            raise UserError(
                "--launcher ray needs the package ray, which is not installed; it comes with the extra [cluster]: "
                "python3 -m uv sync --extra cluster"
            )
        answers(address)
        for name in RAY_OFF:
            os.environ.setdefault(name, "0")
        import ray

        self.ray: Any = ray
        self.threads = threads
        self.folder = tempfile.TemporaryDirectory(prefix="conv-ablation-code-")
        self.plugins = stage(Path(self.folder.name), plugins)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        own: dict[str, Any] = (
            {"num_cpus": (workers or 1) * threads, "include_dashboard": False} if address == "local" else {}
        )
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR,
                     runtime_env={"working_dir": self.folder.name}, **own)  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            self.folder.cleanup()
            said = " ".join(str(error).split())[:200]
            raise UserError(f"--ray-address {address}: {said}; start Ray here with `ray start --head`, or use local") from error  # fmt: skip
        finally:
            for number, handler in handlers.items():  # Ray has its own; a job is stopped as bench.machine.signals says
                with contextlib.suppress(ValueError):  # not in the main thread
                    signal.signal(number, handler)

    def close(self) -> None:
        self.ray.shutdown()
        self.folder.cleanup()

    def device(self, asked: str) -> Device:
        """What each task computes on: the CPU, or the GPU that Ray lends it, which is always its number 0."""
        gpus = int(self.ray.cluster_resources().get("GPU", 0))
        if asked == "cpu" or (asked == "auto" and not gpus):
            return CPU
        if not gpus:
            raise UserError(f"device {asked!r} is not there: no node of the Ray cluster has a GPU; use --device cpu")
        return FIRST_GPU

    def slots(self, devices: Sequence[Device]) -> int:
        """How many tasks can run at once, on the nodes that are there now. Raises `UserError` if none ever can."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        by_cpu = [int(node.get("CPU", 0)) // self.threads for node in nodes]
        gpus = [
            int(node.get("GPU", 0)) if devices[0].is_gpu else count for node, count in zip(nodes, by_cpu, strict=True)
        ]
        found = sum(map(min, by_cpu, gpus))
        if not found:
            raise UserError(f"--threads {self.threads}: no node of the Ray cluster has that many CPUs for one run")
        return found

    def launch(
        self, specs: Sequence[Work], site: Site, again: Mapping[str, Record] | None = None
    ) -> Generator[Event, None, None]:
        """As `bench.launchers.local.launch`. Closing the iterator cancels what runs."""
        queue, elsewhere, flying = Queue(specs), list[Work](), dict[Any, Flight]()
        looked, room = time.monotonic(), 1
        claims, home = Claims(), self._home(site)
        try:
            while queue or elsewhere or flying:
                if elsewhere and time.monotonic() - looked > LOOK_SECONDS:
                    queue.put_back(elsewhere)
                    elsewhere, looked = [], time.monotonic()
                with contextlib.suppress(UserError):  # all nodes are lost for now: wait for new ones
                    room = QUEUED * self.slots([site.device])
                while len(flying) < room:
                    spec = queue.take()
                    if spec is None:
                        break
                    event = why_not_start(spec, site, claims, again or {})
                    if event is None:
                        flying[home.submit(spec, 1)] = Flight(spec, 1)
                        continue
                    if event.kind is EventKind.ELSEWHERE:
                        elsewhere.append(spec)
                    else:
                        queue.ended(spec)
                    yield event
                landed = self._wait(list(flying))
                yield from self._posts(home, flying)
                for reference in landed:
                    flight = flying.pop(reference)
                    event = home.land(reference, flight)
                    if event is None:
                        flying[home.submit(flight.spec, flight.tries + 1)] = Flight(flight.spec, flight.tries + 1)
                    else:
                        claims.give_back(flight.spec.store_folder(site.runs_dir), flight.spec.run_id)
                        queue.ended(flight.spec)
                        yield event
                yield Event(EventKind.TICK)
        finally:
            for reference in flying:
                with contextlib.suppress(Exception):
                    self.ray.cancel(reference, force=True)
            with contextlib.suppress(Exception):
                self.ray.kill(home.board)
            claims.close()

    def _home(self, site: Site) -> Home:
        return Home(self.ray, site, dataclasses.replace(site, plugins=self.plugins), self.threads)

    def _wait(self, references: list[Any]) -> list[Any]:
        if not references:
            time.sleep(TICK_SECONDS)
            return []
        return self.ray.wait(references, num_returns=len(references), timeout=TICK_SECONDS)[0]

    def _posts(self, home: Home, flying: Mapping[Any, Flight]) -> Generator[Event, None, None]:
        """What the tasks have said since: that they started, and how far they are."""
        by_id = {flight.spec.run_id: flight for flight in flying.values()}
        for run_id, tries, progress in self.ray.get(home.board.read.remote()):
            flight = by_id.get(run_id)
            if flight is None or flight.tries != tries:  # of an attempt that was lost
                continue
            if progress is None:
                flight.since = time.monotonic()
                yield Event(EventKind.STARTED, flight.spec)
            else:
                yield Event(EventKind.PROGRESS, flight.spec, progress, seconds=flight.seconds)


class Home:
    """This end of a job: what it hands to Ray, and what it makes of what comes back."""

    def __init__(self, ray: Any, site: Site, away: Site, threads: int):
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.ray, self.site, self.away = ray, site, away
        self.data: dict[str, Any] = {}
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = ray.remote(num_cpus=0, scheduling_strategy=here)(Board).remote()  # it must not go with a lost node
        gpus = 1 if site.device.is_gpu else 0
        self.task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(attempt)

    def submit(self, spec: Work, tries: int) -> Any:
        run = spec.run if isinstance(spec, EvaluationSpec) else spec
        if run.dataset not in self.data:
            self.data[run.dataset] = self.ray.put(load_once(run.dataset, self.site.data_dir))
        needed = {run_id: contents(Store(self.site.runs_dir).load(run_id)) for run_id in spec.needs}
        return self.task.remote(spec, self.away, self.data[run.dataset], needed, self.board, tries)

    def land(self, reference: Any, flight: Flight) -> Event | None:
        """How a task ended, its record published; None if it was lost and is worth another try."""
        spec = flight.spec
        store = Store(spec.store_folder(self.site.runs_dir))
        try:
            files = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            if flight.tries < ATTEMPTS:
                return None
            said = f"lost {flight.tries} times on the cluster, at last with {' '.join(str(error).split())[:300]}"
            where = {**environment.versions(), "device": self.site.device, "commit": self.site.commit,
                     "dirty": self.site.dirty, "ended": time.time()}  # fmt: skip
            store.write(Record(spec.run_id, spec.content(), Status.FAILED, said, environment=where))
            return Event(EventKind.FAILED, spec, error=said, seconds=flight.seconds)
        record = store.adopt(spec.run_id, files)
        return Event(EventKind.of(record.status), spec, error=record.error, seconds=flight.seconds)


def contents(record: Record) -> dict[str, bytes]:
    """The bytes of a record's folder by file name."""
    assert record.folder is not None
    found = {name: content for name in FILES if (content := record.read(name)) is not None}
    return {"record.json": (record.folder / "record.json").read_bytes(), **found}


def answers(address: str) -> None:
    """Raises `UserError` if HOST:PORT is not spelt like one, or nobody listens there: Ray itself would wait long."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"--ray-address {address}: {error}; expected auto, local, or the HOST:PORT that `ray start --head` printed"
        ) from error
