"""The launcher of a job whose runs are done on a Ray cluster: one task per run or evaluation.

The nodes need an environment with the requirements, and nothing else of ours: the code and the plug-in files travel as
the job's working directory, the data as one object, which Ray ships to a node once. A task keeps its record in a folder
of its own node; the folder's bytes come back, are held to their checksums and published here. So no file system is
shared. A run whose worker is lost, alone or with its node, is tried again on whatever is left, three times in all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archs.errors import UserError, one_line
from bench.launchers.admission import why_not_start
from bench.launchers.events import Event, EventKind
from bench.launchers.local import POLL_SECONDS, TICK_SECONDS
from bench.launchers.queue import Queue
from bench.launchers.ray_code import stage
from bench.launchers.ray_tasks import RayExecutor, RayTask
from bench.machine.socket_folder import SOCKET_PATH_BYTES, temporary_folders
from bench.spec.device import CPU, FIRST_GPU, Device
from bench.spec.extras import require
from bench.spec.paths import set_unless_set
from bench.spec.run import Work
from bench.spec.signals import STOPPING
from bench.store.claims import Claims
from bench.store.record import Record
from bench.worker.site import Site

SWITCHED_OFF = ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "RAY_ENABLE_UV_RUN_RUNTIME_ENV")
"""Switches that Ray reads when it is imported. The last: under `uv run` it would have each node build the environment
anew, from files that do not travel with the job."""

ON_THIS_MACHINE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""A switch that Ray reads when it is imported, on every system: off, all that it starts listens to this machine alone.
Whoever reaches a port of Ray can have it run any code."""

SESSION_BYTES = len("/conv-ablation-ray-12345678/session_2026-01-01_00-00-00_123456_1234567/sockets/plasma_store")
"""What is added to the path of a temporary folder for Ray's longest path of a socket."""

TASKS_PER_SLOT = 2
"""Tasks handed to Ray for each slot of the cluster, so that no slot waits for us."""


class Cluster:
    """A connection to a Ray cluster, or to one that Ray starts on this machine; `close` ends it."""

    def __init__(self, address: str, threads: int, plugins: Sequence[str] = (), workers: int | None = None):
        """Connect.

        Args:
            address: "auto" (the cluster that this machine is a node of), "local" (start one here, for the job) or
                HOST:PORT.
            threads: CPUs of each task.
            workers: tasks that a cluster started here can do at once; None: one.

        Raises:
            UserError: Ray is not installed, or no such cluster answers.
        """
        require("ray", "--launcher ray", "cluster")
        check_address(address)
        is_own = address == "local"
        for name in (*SWITCHED_OFF, *([ON_THIS_MACHINE] if is_own else [])):
            set_unless_set(name, "0")
        import ray

        self.ray: Any = ray
        self.threads = threads
        self.session = session_folder() if is_own else None
        self.folder = tempfile.TemporaryDirectory(prefix="conv-ablation-code-")
        self.plugins = stage(Path(self.folder.name), plugins)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *STOPPING)}
        own: dict[str, Any] = {}
        if self.session is not None:
            own = {"num_cpus": (workers or 1) * threads, "include_dashboard": False, "_temp_dir": self.session.name}
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"working_dir": self.folder.name},
                **own,
            )
        except Exception as error:  # one that says that Ray's start took too long is nothing more
            self.close()
            message = one_line(error)[:200]
            raise UserError(
                f"--ray-address {address}: {message}; start Ray here with `ray start --head`, or use local"
            ) from error
        finally:
            for number, handler in handlers.items():  # Ray has its own; a job is stopped as bench.spec.signals says
                with contextlib.suppress(ValueError):  # not in the main thread
                    signal.signal(number, handler)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends, and nothing of it is left."""
        self.ray.shutdown()
        self.folder.cleanup()
        if self.session is not None:
            self.session.cleanup()

    def device(self, requested: str) -> Device:
        """Return what each task computes on: the CPU, or the GPU that Ray lends it, which is always its number 0.

        Raises:
            UserError: a GPU was asked for, and no node has one.
        """
        gpus = int(self.ray.cluster_resources().get("GPU", 0))
        if requested == "cpu" or (requested == "auto" and not gpus):
            return CPU
        if not gpus:
            raise UserError(
                f"device {requested!r} is not there: no node of the Ray cluster has a GPU; use --device cpu"
            )
        return FIRST_GPU

    def slots(self, devices: Sequence[Device]) -> int:
        """Return how many tasks can run at once, on the nodes that are there now.

        Raises:
            UserError: no node has enough CPUs for a task.
        """
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
        self, specs: Sequence[Work], site: Site, retried: Mapping[str, Record] | None = None
    ) -> Generator[Event, None, None]:
        """Do what `bench.launchers.launcher.Launcher.launch` says, as tasks of the cluster."""
        queue, elsewhere, in_flight = Queue(specs), list[Work](), dict[Any, RayTask]()
        polled, room = time.monotonic(), 1
        claims = Claims()
        executor = RayExecutor(self.ray, site, dataclasses.replace(site, plugins=self.plugins), self.threads)
        try:
            while queue or elsewhere or in_flight:
                if elsewhere and time.monotonic() - polled > POLL_SECONDS:
                    queue.put_back(elsewhere)
                    elsewhere, polled = [], time.monotonic()
                with contextlib.suppress(UserError):  # all nodes are lost for now: wait for new ones
                    room = TASKS_PER_SLOT * self.slots([site.device])
                while len(in_flight) < room:
                    spec = queue.take()
                    if spec is None:
                        break
                    event = why_not_start(spec, site, claims, retried or {})
                    if event is None:
                        in_flight[executor.submit(spec, 1)] = RayTask(spec, 1)
                        continue
                    if event.kind is EventKind.ELSEWHERE:
                        elsewhere.append(spec)
                    else:
                        queue.mark_ended(spec)
                    yield event
                ended = self._wait(list(in_flight))
                yield from self._progress_events(executor, in_flight)
                for reference in ended:
                    task = in_flight.pop(reference)
                    event = executor.collect(reference, task)
                    if event is None:
                        attempt = task.attempt + 1
                        in_flight[executor.submit(task.spec, attempt)] = RayTask(task.spec, attempt)
                    else:
                        claims.give_back(task.spec.store_folder(site.runs_dir), task.spec.run_id)
                        queue.mark_ended(task.spec)
                        yield event
                yield Event(EventKind.TICK)
        finally:
            for reference in in_flight:
                with contextlib.suppress(Exception):
                    self.ray.cancel(reference, force=True)
            with contextlib.suppress(Exception):
                self.ray.kill(executor.board)
            claims.close()

    def _wait(self, references: list[Any]) -> list[Any]:
        """Return the tasks that have ended, after a tick at most."""
        if not references:
            time.sleep(TICK_SECONDS)
            return []
        return self.ray.wait(references, num_returns=len(references), timeout=TICK_SECONDS)[0]

    def _progress_events(self, executor: RayExecutor, in_flight: Mapping[Any, RayTask]) -> Generator[Event, None, None]:
        """Yield what the tasks have posted since the last call: that they started, and how far they are."""
        by_id = {task.spec.run_id: task for task in in_flight.values()}
        for post in self.ray.get(executor.board.take_posts.remote()):
            task = by_id.get(post.run_id)
            if task is None or task.attempt != post.attempt:  # of an attempt that was lost
                continue
            if post.progress is None:
                task.started = time.monotonic()
                yield Event(EventKind.STARTED, task.spec)
            else:
                yield Event(EventKind.PROGRESS, task.spec, post.progress, seconds=task.seconds)


def session_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what a cluster that is started here writes: its sockets, logs and objects."""
    most = SOCKET_PATH_BYTES - SESSION_BYTES
    place = next((folder for folder in temporary_folders() if len(os.fsencode(folder)) <= most), None)
    return tempfile.TemporaryDirectory(prefix="conv-ablation-ray-", dir=place, ignore_cleanup_errors=True)


def check_address(address: str) -> None:
    """Raise `UserError` if HOST:PORT is not spelt like one, or nobody listens there: Ray itself would wait long."""
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(
            f"--ray-address {address}: {error}; expected auto, local, or the HOST:PORT that `ray start --head` printed"
        ) from error
