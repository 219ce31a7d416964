"""Several groups in flight in one worker: who is given what, and what becomes of the others when a worker ends."""

from __future__ import annotations

import dataclasses
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from bench.data.digits import digits
from bench.launchers import ray_node
from bench.launchers.admission import take_stack
from bench.launchers.events import Event
from bench.launchers.local import launch
from bench.launchers.queue import Queue
from bench.launchers.workers import InFlight, Worker, dispatch, groups_per_worker, receive
from bench.spec.device import Device
from bench.spec.run import RunSpec, Work
from bench.store.store import Record, Store
from bench.training import loop
from bench.training.loop import run_to_completion
from bench.worker.execute import execute_group
from bench.worker.process import Answer, AnswerKind
from bench.worker.site import Site
from bench.worker.train import Neighbours, OutOfMemoryWithOthers
from tests.job.test_job import BROKEN
from tests.training.test_train import spec_of

UNFIT = """
import torch
from torch import nn
from archs.base import Arch
from bench.training.cuda_graph import CaptureFailed

class Breaks(nn.Module):
    def forward(self, x):
        if self.training:
            raise CaptureFailed("a capture failed: as in a test")
        return x.flatten(1)[:, :8]

class Lost(nn.Module):
    def forward(self, x):
        if self.training:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return x.flatten(1)[:, :8]

A = Arch(name="breaks", summary="", source="test", encoder=lambda channels: Breaks())
B = Arch(name="lost", summary="", source="test", encoder=lambda channels: Lost())
"""


def launched(
    tmp_path: Path, names: list[str], source: str, seeds: int = 1
) -> tuple[list[Event], dict[str, str | None]]:
    """What happens when classifiers of `names` are in flight together, and each one's error in the end."""
    plugin = tmp_path / f"{names[0]}.py"  # a module of its own for each test
    plugin.write_text(source, encoding="utf-8")
    archs = discover([str(plugin)]).resolve(names).archs
    specs = [
        dataclasses.replace(
            spec_of("cnn3", "classifier", seed, epochs=1, train_images=128),
            arch=arch.name,
            arch_fingerprint=fingerprint(arch),
        )
        for arch in archs
        for seed in range(seeds)
    ]
    site = Site(str(tmp_path / "runs"), str(tmp_path), (str(plugin),), side_by_side=4, stack=seeds, dataset=digits())
    events = list(launch(specs, site))
    store = Store(site.runs_dir)
    return events, {spec.label.split()[0]: store.load(spec.run_id).error for spec in specs}


def test_a_worker_that_dies_costs_only_the_run_that_killed_it(tmp_path: Path) -> None:
    events, errors = launched(tmp_path, ["cnn2", "dies", "cnn3", "explodes"], BROKEN)
    assert errors["cnn2"] is errors["cnn3"] is None
    assert "killed by SIGKILL" in str(errors["dies"])
    assert "can't train" in str(errors["explodes"])
    ended = [
        event.spec.arch for event in events if event.kind in ("finished", "failed") and isinstance(event.spec, RunSpec)
    ]
    assert sorted(ended) == ["cnn2", "cnn3", "dies", "explodes"], "each ends once"


def test_a_gpu_that_is_lost_costs_only_the_run_that_lost_it(tmp_path: Path) -> None:
    """Its error stays in the process, which is why that ends; a capture that breaks is tried without one first."""
    _, errors = launched(tmp_path, ["breaks", "cnn3", "lost"], UNFIT)
    assert errors["cnn3"] is None
    assert "illegal memory access" in str(errors["lost"])
    assert "a capture failed" in str(errors["breaks"])


def in_flight(*names: str, runs_dir: str = "nowhere") -> tuple[Worker, Connection]:
    """A worker with a group for each, by a pipe that the test answers."""
    ours, theirs = Pipe()
    process = SimpleNamespace(join=lambda seconds: None, kill=lambda: None, exitcode=-9)
    groups = {key: InFlight([spec_of(name, "classifier")], graph=True) for key, name in enumerate(names)}
    return Worker(process, ours, Site(runs_dir, ""), groups), theirs


def test_a_capture_that_breaks_is_held_against_no_neighbour() -> None:
    worker, theirs = in_flight("cnn3", "cnn2")
    theirs.send(Answer(0, AnswerKind.LEAVING, "CaptureFailed: a capture failed", without_graph=True))
    to_retry: list[InFlight] = []
    assert receive(worker, to_retry) == []
    assert worker.in_flight == {}
    assert [(group.specs[0].label, group.graph, group.alone) for group in to_retry] == [
        ("cnn3 classifier lr 0.002 seed 0", False, False), ("cnn2 classifier lr 0.002 seed 0", True, False),
    ]  # fmt: skip


def test_a_group_that_found_no_room_beside_others_comes_again_by_itself() -> None:
    worker, theirs = in_flight("cnn3", "cnn2")
    theirs.send(Answer(1, AnswerKind.RETRY_ALONE))
    to_retry: list[InFlight] = []
    assert receive(worker, to_retry) == []
    assert list(worker.in_flight) == [0]
    assert [(group.specs[0].label, group.alone) for group in to_retry] == [("cnn2 classifier lr 0.002 seed 0", True)]


def test_what_was_finished_before_a_worker_ended_is_not_trained_again(tmp_path: Path) -> None:
    worker, theirs = in_flight("cnn3", "cnn2", runs_dir=str(tmp_path))
    worker.in_flight[0].specs.append(spec_of("cnn3", "classifier", seed=1))
    first = worker.in_flight[0].specs[0]
    Store(tmp_path).write(Record(first.run_id, first.content(), "finished", None, {"accuracy": 1.0}), {}, b"")
    theirs.close()
    to_retry: list[InFlight] = []
    assert [(event.kind, event.spec) for event in receive(worker, to_retry)] == [("finished", first)]
    assert [[spec.label for spec in group.specs] for group in to_retry] == [
        ["cnn3 classifier lr 0.002 seed 1"],
        ["cnn2 classifier lr 0.002 seed 0"],
    ]


def test_a_worker_that_died_with_runs_in_flight_is_given_no_more() -> None:
    worker, theirs = in_flight("cnn3")
    theirs.close()
    to_retry: list[InFlight] = []
    assert dispatch(InFlight([spec_of("cnn2")], graph=True), 7, worker, None, to_retry) is worker
    assert list(worker.in_flight) == [0]
    assert [group.alone for group in to_retry] == [True]


def done(specs: list[RunSpec], site: Site, others: int) -> list[Record]:
    neighbours = Neighbours(count=lambda: others)
    return run_to_completion(execute_group(list[Work](specs), site, False, lambda progress: None, neighbours))


def test_out_of_memory_beside_others_is_no_failure_yet(tmp_path: Path) -> None:
    plugin = tmp_path / "hungry.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    (arch,) = discover([str(plugin)]).resolve(["hungry"]).archs
    spec = dataclasses.replace(spec_of("cnn3", "classifier"), arch="hungry", arch_fingerprint=fingerprint(arch))
    site = Site(str(tmp_path / "runs"), "", (str(plugin),), dataset=digits())
    with pytest.raises(OutOfMemoryWithOthers):
        done([spec], site, others=1)
    assert Store(site.runs_dir).status(spec.run_id) is None
    (record,) = done([spec], site, others=0)
    assert record.status == "failed"
    assert "out of memory" in str(record.error)


def test_a_stack_that_memory_is_too_small_for_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def training(models, *others):  # type: ignore[no-untyped-def]
        if len(models) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return (yield from loop.train_in_turns(models, *others))

    monkeypatch.setattr("bench.worker.train.train_in_turns", training)
    specs = [spec_of("cnn3", "classifier", seed, epochs=1, train_images=128) for seed in range(5)]
    site = Site(str(tmp_path), "", dataset=digits(), stack=5)
    with pytest.raises(OutOfMemoryWithOthers):  # it may have room by itself
        done(specs, site, others=1)
    records = done(specs, site, others=0)
    assert [record.status for record in records] == ["finished"] * 5
    assert [record.environment["stack"] for record in records] == [2, 2, 1, 2, 2]
    assert all("out of memory" in record.environment["stack_refused"] for record in records)


def test_an_attempt_on_a_cluster_after_a_lost_one_takes_no_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def execute(spec: RunSpec, site: Site, report: object) -> None:
        seen.append(site.graph)
        Store(site.runs_dir).write(Record(spec.run_id, spec.content(), "failed", "as in a test"))

    monkeypatch.setattr(ray_node, "execute", execute)
    monkeypatch.setattr(ray_node, "take_everything", lambda: None)  # these streams are pytest's
    board = SimpleNamespace(post=SimpleNamespace(remote=lambda post: None))
    for attempt in (1, 2):
        ray_node.run_task(spec_of(), Site("", "", graph=True), digits(), {}, board, attempt)
    assert seen == [True, False]


def runs(archs: int, seeds: int) -> list[RunSpec]:
    return [spec_of(seed=seed, epochs=1, batch_size=8 * (1 + arch)) for seed in range(seeds) for arch in range(archs)]


def workers(*in_flight: int) -> list[Worker]:
    return [Worker(None, None, Site("", ""), {key: InFlight([], True) for key in range(count)}) for count in in_flight]


@pytest.mark.parametrize(
    "gpus, archs, in_flight, expected",
    [(1, 6, (0,), 6), (1, 9, (2,), 6), (2, 6, (0, 0), 3), (4, 2, (0, 0, 0, 0), 1), (2, 3, (1, 1), 3)],
)
def test_a_gpu_takes_no_more_groups_than_its_share(
    gpus: int, archs: int, in_flight: tuple[int, ...], expected: int
) -> None:
    site = Site("", "", side_by_side=6, devices=tuple(Device(f"cuda:{index}") for index in range(gpus)))
    assert groups_per_worker(Queue(runs(archs, 3)), [], workers(*in_flight), site) == expected


@pytest.mark.parametrize(
    "gpus, archs, seeds, expected",
    [(1, 1, 1, 1), (1, 1, 5, 5), (2, 1, 5, 3), (2, 2, 5, 5), (4, 2, 5, 3), (1, 1, 40, 32)],
)
def test_seeds_are_shared_between_gpus_that_would_be_idle(gpus: int, archs: int, seeds: int, expected: int) -> None:
    queue = Queue(runs(archs, seeds))
    site = Site("", "", stack=32, devices=tuple(Device(f"cuda:{index}") for index in range(gpus)))
    first = queue.take()
    assert first is not None
    assert 1 + len(take_stack(first, queue, site)) == expected
    assert len(queue) == archs * seeds - expected


def test_on_a_cpu_a_worker_has_one_run_at_a_time() -> None:
    assert groups_per_worker(Queue(runs(6, 3)), [], workers(0, 0), Site("", "", workers=2)) == 1
