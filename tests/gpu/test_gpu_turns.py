"""What is replayed, what the host waits for, and groups that take turns on one GPU."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from bench.spec.device import FIRST_GPU
from bench.spec.run import RunSpec
from bench.speed.setting import Setting
from bench.speed.workloads import prepare, reference
from bench.store.differences import differences
from bench.store.store import Record, Store
from bench.tasks import get
from bench.training.loop import train_seeds
from bench.worker.execute import execute_group
from bench.worker.restore import layers_of
from bench.worker.site import Site
from bench.worker.train import Neighbours
from tests.conftest import arch_of
from tests.gpu.few_steps import BATCH, STEPS, few_images
from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State
from tests.training.test_train import DIGITS, spec_of


def test_within_an_epoch_nothing_waits_for_the_device_but_the_looks_at_the_loss() -> None:
    """Counted as what one more epoch adds."""
    with pretended() as gpu:
        data, val = few_images("cuda:0", BATCH * STEPS)
        val = dataclasses.replace(val, known_levels=val.target_levels("dynamic", "validation"))
        counts = []
        for epochs in (1, 1, 2):  # the first of a process also makes what it keeps
            models = [get("vae").build(arch_of("cnn3"), 5, 1).to("cuda:0")]
            spec = spec_of("cnn3", "vae", 1, epochs=epochs, batch_size=BATCH)
            before = gpu.waits, gpu.replays
            train_seeds(models, get("vae"), [spec], [data], [val], graph=True)
            counts.append((gpu.waits - before[0], gpu.replays - before[1]))
        waits, replays = (more - fewer for fewer, more in zip(*counts[1:], strict=True))
    assert replays == STEPS
    looks = 2  # after steps 20 and 22
    to_the_device, scores = 2, 5  # rows and rates; elbo, reconstruction, kl, mean, log-variance
    assert waits == looks + to_the_device + scores


def test_a_stretch_that_draws_dropout_is_waited_for_before_others_have_their_turn() -> None:
    """torch 2.11 has one place for the random state of all graphs that draw from a GPU's default generator."""
    with pretended() as gpu:
        data, val = few_images("cuda:0", BATCH * STEPS)
        val = dataclasses.replace(val, known_levels=val.target_levels(None, "validation"))
        counts = {}
        for arch in ("cnn3", "pool4"):
            for epochs in (1, 1, 2):
                models = [get("classifier").build(arch_of(arch), None, 1).to("cuda:0")]
                before = gpu.waits
                spec = spec_of(arch, "classifier", 1, epochs=epochs, batch_size=BATCH)
                train_seeds(models, get("classifier"), [spec], [data], [val], graph=True)
                counts[arch, epochs] = gpu.waits - before
    stretches = 2  # of the second epoch
    added = {arch: counts[arch, 2] - counts[arch, 1] for arch in ("cnn3", "pool4")}
    assert added["pool4"] == added["cnn3"] + stretches


@pytest.mark.parametrize("task", ["vae", "cvae", "classifier", "m2"])
def test_what_is_timed_on_a_gpu_are_replays(gpu: State | None, task: str) -> None:
    setting = Setting(batch_size=4, latent_dim=3, likelihood="dynamic", device=FIRST_GPU, threads=1, labels=10)
    bench = prepare(arch_of("cnn3"), get(task), setting)
    before = [parameter.clone() for parameter in bench.model.parameters()]
    for work in bench.workloads:
        if gpu:
            replays, launches = gpu.replays, gpu.launches
        work.call()
        if gpu:
            assert gpu.replays > replays
            assert work.name == "train" or gpu.launches == launches
        work.eager_call()
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(before, bench.model.parameters(), strict=True))
    assert layers_of(get(task).build(arch_of("cnn3"), 3, 0), get(task))


def test_the_reference_workload_is_a_replay_too() -> None:
    with pretended() as gpu:
        call = reference(FIRST_GPU)
        replays, launches = gpu.replays, gpu.launches
        call()
        assert (gpu.replays, gpu.launches) == (replays + 1, launches)


def done(asked: list[list[RunSpec]], site: Site, at_once: int) -> list[Record]:
    """What a worker makes of groups, so many of them in flight at once, each on a stream of its own."""
    waiting, going, records = list(asked), [], []
    neighbours = Neighbours(count=lambda: at_once - 1)
    while waiting or going:
        while waiting and len(going) < at_once:
            context = torch.cuda.stream(torch.cuda.Stream("cuda:0"))
            going.append((context, execute_group(waiting.pop(0), site, True, lambda progress: None, neighbours)))
        for context, turns in list(going):
            try:
                with context:
                    next(turns)
            except StopIteration as end:
                going.remove((context, turns))
                records += end.value
    return [Store(site.runs_dir).load(record.run_id) for record in records]


def test_groups_side_by_side_learn_what_each_learns_alone(tmp_path: Path) -> None:
    """Two with dropout, one a stack, each drawing amid the others: every number of their records but the clocks'."""

    def specs(arch: str, task: str, *seeds: int) -> list[RunSpec]:
        more = {"batch_size": BATCH, "train_images": BATCH * 25, "epochs": 2, "device": "cuda"}
        return [spec_of(arch, task, seed, **more) for seed in seeds]

    asked = [specs("pool4", "classifier", 0), specs("cnn3", "vae", 0, 1), specs("pool4", "classifier", 1)]
    test = {"test_images": DIGITS.test_images[:80], "test_labels": DIGITS.test_labels[:80]}
    few = dataclasses.replace(DIGITS, val_count=40, **test)  # it is the training that is shared
    found = []
    with pretended():
        for at_once in (1, 3):
            site = Site(str(tmp_path / f"{at_once}"), "", device=FIRST_GPU, side_by_side=3, stack=2, dataset=few)
            found.append({record.run_id: record for record in done(asked, site, at_once)})
    assert len(found[0]) == 4
    for run_id, alone in found[0].items():
        assert alone.error is None
        assert alone.environment["graph"] is True
        assert alone.environment["stack"] == (2 if alone.spec["arch"] == "cnn3" else 1)
        assert alone.environment["ended"] - alone.environment["begun"] >= alone.metrics["train_seconds"]
        assert differences(alone, found[1][run_id]) == []
