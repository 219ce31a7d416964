"""What only a GPU does, on a pretended one and, where there is one, on a real one: graphs, stacks, groups."""

from __future__ import annotations

import dataclasses
import random
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archs.base import Arch
from archs.blocks import Conv2d
from archs.registry import discover
from bench.machine import cuda
from bench.spec.device import CPU, FIRST_GPU, Device
from bench.spec.run import RunSpec
from bench.speed.setting import Setting
from bench.speed.workloads import prepare, reference
from bench.store.differences import differences
from bench.store.store import Record, Store
from bench.tasks import get
from bench.training.cuda_graph import Broken
from bench.training.loop import Trained, train_seeds
from bench.training.splits import on_device
from bench.worker.execute import Beside, group
from bench.worker.restore import layers_of
from bench.worker.site import Site
from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State
from tests.training.test_train import DIGITS, spec_of

BATCH = 4
STEPS = 11  # of an epoch: looks at the loss come after 11, 20 and 22 of them


@pytest.fixture(params=["pretended", pytest.param("cuda", marks=pytest.mark.cuda)])
def gpu(request: pytest.FixtureRequest) -> Iterator[State | None]:
    """A machine with two GPUs that are pretended; None for a real one."""
    torch.set_num_threads(1)
    if request.param == "cuda":
        cuda.use(FIRST_GPU)
        yield None
        return
    with pretended(gpus=2) as state:
        yield state


def trained(
    arch: str | Arch,
    task: str,
    seeds: Sequence[int] = (1,),
    graph: bool = False,
    dtype: torch.dtype = torch.float32,
    device: Device = FIRST_GPU,
    epochs: int = 1,
    steps: int = 2,
) -> tuple[list[nn.Module], list[Trained]]:
    """A few steps on digits: the models, and what came of them."""
    cuda.use(device)
    batch = 24 if task == "m2" else BATCH  # so that there are images of each class
    built = discover().resolve([arch]).archs[0] if isinstance(arch, str) else arch
    more = {"labels": 10} if task == "m2" else {}
    specs = [spec_of("cnn3", task, seed, batch_size=batch, epochs=epochs, **more) for seed in seeds]
    models = [get(task).build(built, specs[0].latent_dim, seed).to(device, dtype) for seed in seeds]
    models = [model.to(memory_format=torch.channels_last) for model in models]
    data, val = (on_device(DIGITS, part, torch.device(device), batch * steps) for part in ("train", "val"))
    outcomes = train_seeds(models, get(task), specs, data, val, graph=graph)
    assert all(isinstance(outcome, Trained) for outcome in outcomes)
    return models, outcomes  # type: ignore[return-value]


def assert_same(one: nn.Module, other: nn.Module, tolerance: float) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a.cpu(), b.cpu(), rtol=tolerance, atol=tolerance, msg=name)


TASKS = ("vae", "cvae", "classifier", "m2")
CASES = [
    (name, task)
    for name, arch in sorted(discover().archs.items())
    for task in TASKS
    if task == "classifier" or arch.decoder is not None
]
CASES += [("cnn:depth=5,kernel=3,padding=1", "vae"), ("cnn2+cnn3", "cvae")]  # the first comes down to single pixels
STACKED = [
    (name, task) for name, task in CASES if name != "pool4" and (task != "m2" or name == "cnn3")
]  # the rest is slow


@pytest.mark.parametrize("arch, task", CASES)
def test_a_replayed_step_is_the_step(gpu: State | None, arch: str, task: str) -> None:
    """Weights and histories, after two steps; of one network after two epochs."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        more = {"epochs": 2, "steps": STEPS} if (arch, task) == ("cnn3", "vae") else {}
        (eager,), (plain,) = trained(arch, task, **more)
        (graphed,), (replayed,) = trained(arch, task, graph=True, **more)
    assert (plain.recorded, replayed.recorded, replayed.refused) == (False, True, None)
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)
    for one, other in zip(plain.history, replayed.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)


@pytest.mark.parametrize("arch, task", STACKED)
def test_a_stack_of_replays_learns_what_each_learns_alone(gpu: State | None, arch: str, task: str) -> None:
    """In float64; the one in the middle. Its validation too, which a GPU does for all at once."""
    few: dict[str, Any] = {"dtype": torch.float64, "steps": 3}
    models, outcomes = trained(arch, task, (4, 1, 5), graph=True, **few)
    (alone,), (plain,) = trained(arch, task, (1,), **few)
    assert_same(
        models[1], alone, 1e-6 if gpu is None else 1e-9
    )  # the rate is a float32 on a GPU, and so is its product
    metric = f"val_{get(task).primary}"
    assert [epoch[metric] for epoch in outcomes[1].history] == pytest.approx(
        [epoch[metric] for epoch in plain.history], rel=1e-6
    )


def test_a_gpu_learns_what_a_cpu_learns_from_the_same_draws(gpu: State | None) -> None:
    """Products of matrices instead of a CPU's forms of a convolution: the loss and its gradients, in float64."""
    for arch in ("cnn2", "cnn3", "cnn:depth=3,kernel=3,padding=1", "cnn:kernel=1,stride=5,channels=4"):
        model = get("vae").build(discover().resolve([arch]).archs[0], 5, 0).double()
        x, noise = torch.rand(4, 1, 28, 28, dtype=torch.double).round(), torch.randn(4, 5, dtype=torch.double)
        labels = torch.zeros(4, dtype=torch.long)
        found = []
        for device in (CPU, FIRST_GPU):
            model.zero_grad()
            model.to(device)
            loss = get("vae").loss(model, *(tensor.to(device) for tensor in (x, labels, noise)))
            loss.backward()
            found.append([loss.detach().cpu(), *(parameter.grad.cpu() for parameter in model.parameters())])
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_gpu_takes_the_batches_of_a_cpu_in_the_same_order(gpu: State | None) -> None:
    """A classifier draws nothing but that order, so it ends where it ends on a CPU; but for a rate in float32."""
    few: dict[str, Any] = {"dtype": torch.float64, "epochs": 2, "steps": STEPS}
    (theirs,), _ = trained("cnn3", "classifier", device=CPU, **few)
    (ours,), _ = trained("cnn3", "classifier", graph=True, **few)
    assert_same(ours, theirs, 1e-5)


def test_within_an_epoch_nothing_waits_for_the_device_but_the_looks_at_the_loss() -> None:
    """Counted as what one more epoch adds."""
    with pretended() as gpu:
        data, val = (on_device(DIGITS, part, torch.device("cuda:0"), BATCH * STEPS) for part in ("train", "val"))
        val = dataclasses.replace(val, scored=val.levels("dynamic", "validation"))
        counts = []
        for epochs in (1, 1, 2):  # the first of a process also makes what it keeps
            models = [get("vae").build(discover().archs["cnn3"], 5, 1).to("cuda:0")]
            spec = spec_of("cnn3", "vae", 1, epochs=epochs, batch_size=BATCH)
            before = gpu.waits, gpu.replays
            train_seeds(models, get("vae"), [spec], data, val, graph=True)
            counts.append((gpu.waits - before[0], gpu.replays - before[1]))
        waits, replays = (more - fewer for fewer, more in zip(*counts[1:], strict=True))
    assert replays == STEPS
    looks = 2  # after steps 20 and 22
    to_the_device, scores = 2, 5  # rows and rates; elbo, reconstruction, kl, mean, log-variance
    assert waits == looks + to_the_device + scores


def test_a_stretch_that_draws_dropout_is_waited_for_before_others_have_their_turn() -> None:
    """torch 2.11 has one place for the random state of all graphs that draw from a GPU's default generator."""
    with pretended() as gpu:
        data, val = (on_device(DIGITS, part, torch.device("cuda:0"), BATCH * STEPS) for part in ("train", "val"))
        val = dataclasses.replace(val, scored=val.levels(None, "validation"))
        counts = {}
        for arch in ("cnn3", "pool4"):
            for epochs in (1, 1, 2):
                models = [get("classifier").build(discover().archs[arch], None, 1).to("cuda:0")]
                before = gpu.waits
                spec = spec_of(arch, "classifier", 1, epochs=epochs, batch_size=BATCH)
                train_seeds(models, get("classifier"), [spec], data, val, graph=True)
                counts[arch, epochs] = gpu.waits - before
    stretches = 2  # of the second epoch
    added = {arch: counts[arch, 2] - counts[arch, 1] for arch in ("cnn3", "pool4")}
    assert added["pool4"] == added["cnn3"] + stretches


def test_a_run_on_the_second_gpu_learns() -> None:
    with pretended(gpus=2) as gpu:
        (second,), (outcome,) = trained("cnn3", "vae", graph=True, device=Device("cuda:1"))
        assert gpu.current == 1
        assert outcome.recorded
        assert {parameter.device for parameter in second.parameters()} == {torch.device("cuda:1")}
        (first,), _ = trained("cnn3", "vae", graph=True, device=FIRST_GPU)
        assert_same(first, second, 0.0)
        fresh = get("vae").build(discover().archs["cnn3"], 5, 1)
        moved = [not torch.equal(a.cpu(), b) for a, b in zip(second.parameters(), fresh.parameters(), strict=True)]
        assert all(moved)


def odd(extra: nn.Module) -> Arch:
    def encoder(channels: int) -> nn.Module:
        return nn.Sequential(Conv2d(channels, 4, 7, stride=7), extra, nn.Flatten())

    return Arch(name="odd", summary="", source="", encoder=encoder)


class Looks(nn.Module):
    """Reads a number out of its input, for which the host waits."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.detach().abs().sum() > 0)


class Decides(nn.Module):
    """Draws in Python, which a graph would have done once for all."""

    def forward(self, x: Tensor) -> Tensor:
        return x * random.uniform(0.2, 2.0) if self.training else x


@pytest.mark.parametrize("extra, reason", [(Looks, "waits for the device"), (Decides, "something else")])
def test_what_a_graph_would_get_wrong_is_trained_step_by_step(
    gpu: State | None, extra: type[nn.Module], reason: str
) -> None:
    random.seed(0)
    (model,), (outcome,) = trained(odd(extra()), "classifier", graph=True)
    assert not outcome.recorded
    assert outcome.refused is not None
    assert reason in outcome.refused
    if reason.startswith("waits"):
        (eager,), _ = trained(odd(Looks()), "classifier")
        assert_same(model, eager, 0.0 if gpu else 1e-5)


@pytest.mark.parametrize("norm, chance", [(True, 0.0), (False, 0.5), (True, 0.2)])
def test_random_numbers_and_running_statistics_are_those_of_the_step(
    gpu: State | None, norm: bool, chance: float
) -> None:
    def network() -> Arch:
        return odd(nn.Sequential(nn.BatchNorm2d(4) if norm else nn.Identity(), nn.Dropout(chance)))

    (eager,), _ = trained(network(), "classifier", epochs=2)
    (graphed,), (outcome,) = trained(network(), "classifier", graph=True, epochs=2)
    assert outcome.recorded
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)


def test_a_capture_that_breaks_is_no_silent_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits only within a capture, so that nothing but the capture itself can notice."""

    class Hides(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float(x.detach().sum()) if torch.cuda.is_current_stream_capturing() else x

    with pretended(), pytest.raises(Broken, match="a capture failed"):
        trained(odd(Hides()), "classifier", graph=True)


@pytest.mark.parametrize("task", ["vae", "cvae", "classifier", "m2"])
def test_what_is_timed_on_a_gpu_are_replays(gpu: State | None, task: str) -> None:
    setting = Setting(batch_size=4, latent_dim=3, likelihood="dynamic", device=FIRST_GPU, threads=1, labels=10)
    bench = prepare(discover().archs["cnn3"], get(task), setting)
    before = [parameter.clone() for parameter in bench.model.parameters()]
    for work in bench.works:
        if gpu:
            replays, launches = gpu.replays, gpu.launches
        work.call()
        if gpu:
            assert gpu.replays > replays
            assert work.name == "train" or gpu.launches == launches
        work.once()
    assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(before, bench.model.parameters(), strict=True))
    assert layers_of(get(task).build(discover().archs["cnn3"], 3, 0), get(task))


def test_the_reference_workload_is_a_replay_too() -> None:
    with pretended() as gpu:
        call = reference(FIRST_GPU)
        replays, launches = gpu.replays, gpu.launches
        call()
        assert (gpu.replays, gpu.launches) == (replays + 1, launches)


def done(asked: list[list[RunSpec]], site: Site, at_once: int) -> list[Record]:
    """What a worker makes of groups, so many of them in flight at once, each on a stream of its own."""
    waiting, going, records = list(asked), [], []
    beside = Beside(others=lambda: at_once - 1)
    while waiting or going:
        while waiting and len(going) < at_once:
            context = torch.cuda.stream(torch.cuda.Stream("cuda:0"))
            going.append((context, group(waiting.pop(0), site, True, lambda progress: None, beside)))
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
    found = []
    with pretended():
        for at_once in (1, 3):
            site = Site(str(tmp_path / f"{at_once}"), "", device=FIRST_GPU, beside=3, stack=2, dataset=DIGITS)
            found.append({record.run_id: record for record in done(asked, site, at_once)})
    assert len(found[0]) == 4
    for run_id, alone in found[0].items():
        assert alone.error is None
        assert alone.environment["graph"] is True
        assert alone.environment["stack"] == (2 if alone.spec["arch"] == "cnn3" else 1)
        assert alone.environment["ended"] - alone.environment["begun"] >= alone.metrics["train_seconds"]
        assert differences(alone, found[1][run_id]) == []
