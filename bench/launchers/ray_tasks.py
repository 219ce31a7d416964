"""The tasks of a Ray cluster as the job sees them: work goes out with all that it needs, records come back."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from bench.launchers.events import Event, EventKind
from bench.launchers.ray_node import ProgressBoard, run_task
from bench.launchers.workers import failed_record
from bench.spec.run import EvaluationSpec, Work
from bench.store.record import FILES, Record
from bench.store.store import Store
from bench.worker.dataset import load_once
from bench.worker.site import Site

ATTEMPTS = 3
"""Of each task, before it is recorded as failed."""


@dataclasses.dataclass
class RayTask:
    """A piece of work that Ray has."""

    spec: Work

    attempt: int
    """Which one this is, from 1."""

    started: float | None = None
    """When it was last seen to start, by `time.monotonic`."""

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        return 0.0 if self.started is None else time.monotonic() - self.started


class RayExecutor:
    """Hands work with all that it needs to Ray, and brings the records back to the store."""

    def __init__(self, ray: Any, site: Site, site_on_node: Site, threads: int):
        """Make the board that tasks post their progress on.

        Args:
            ray: the module.
            site: the job's.
            site_on_node: the same as the nodes see it.
            threads: CPUs of each task.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.ray, self.site, self.site_on_node = ray, site, site_on_node
        self.data: dict[str, Any] = {}  # data set → Ray's reference to it
        # the board must not go with a lost node
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = ray.remote(num_cpus=0, scheduling_strategy=here)(ProgressBoard).remote()
        gpus = 1 if site.device.is_gpu else 0
        self.task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(run_task)

    def submit(self, spec: Work, attempt: int) -> Any:
        """Hand a piece of work to Ray; return Ray's reference to its result."""
        run = spec.run if isinstance(spec, EvaluationSpec) else spec
        if run.dataset not in self.data:
            self.data[run.dataset] = self.ray.put(load_once(run.dataset, self.site.data_dir))
        needed = {run_id: files_of(Store(self.site.runs_dir).load(run_id)) for run_id in spec.needs}
        return self.task.remote(spec, self.site_on_node, self.data[run.dataset], needed, self.board, attempt)

    def collect(self, reference: Any, task: RayTask) -> Event | None:
        """Publish the record of a task that has ended; return how, or None if it was lost and is worth another try."""
        spec = task.spec
        store = Store(spec.store_folder(self.site.runs_dir))
        try:
            files = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            if task.attempt < ATTEMPTS:
                return None
            text = f"lost {task.attempt} times on the cluster, at last with {' '.join(str(error).split())[:300]}"
            store.write(failed_record(spec, self.site, text))
            return Event(EventKind.FAILED, spec, error=text, seconds=task.seconds)
        record = store.adopt(spec.run_id, files)
        return Event(EventKind.of(record.status), spec, error=record.error, seconds=task.seconds)


def files_of(record: Record) -> dict[str, bytes]:
    """Return the bytes of a record's files by name."""
    assert record.folder is not None
    found = {name: content for name in FILES if (content := record.read(name)) is not None}
    return {"record.json": (record.folder / "record.json").read_bytes(), **found}
