"""What only a GPU does, on a pretended one and, where there is one, on a real one: graphs, stacks, refusals."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archs.base import Arch
from archs.blocks import Conv2d
from bench.evaluation.code_training import Few, Recipe, train_alone, train_reader
from bench.evaluation.codes import Codes
from bench.models.streams import generator
from bench.spec.device import CPU, FIRST_GPU, Device
from bench.tasks import get
from bench.training.cuda_graph import CaptureFailed
from bench.training.stackable import why_not_stack
from tests.conftest import arch_of, registered
from tests.gpu.few_steps import BATCH, STEPS, assert_same, trained
from tests.gpu.pretended_gpu import pretended
from tests.gpu.pretended_machine import State
from tests.training.odd import ARCHS
from tests.training.test_train import spec_of

TASKS = ("vae", "cvae", "classifier", "m2")
CASES = [
    (name, task)
    for name, arch in sorted(registered().archs.items())
    for task in TASKS
    if task == "classifier" or arch.decoder is not None
]
CASES += [("cnn:depth=5,kernel=3,padding=1", "vae"), ("cnn2+cnn3", "cvae")]  # the first comes down to single pixels
CASES += [("cnn:kernel=4,stride=4,channels=4,padding=1", "cvae")]  # with a border, labels add maps
STACKED = [
    (name, task) for name, task in CASES if name != "pool4" and (task != "m2" or name == "cnn3")
]  # the rest is slow
QUICK = {"classifier": ("cnn2", "cnn3", "mlp", "pool4"), "vae": ("cnn2", "cnn3", "mlp"), "cvae": ("cnn3",), "m2": ()}
"""Task → the architectures whose graphs are recorded and replayed in no more than a second or two."""


PRETENDED = [("cnn3", "m2"), *CASES[-3:]]
"""Of the others, those that are tried on a pretended GPU too; the rest waits for a real one."""


def leave_to_a_real_one(gpu: State | None, arch: str, task: str) -> None:
    if gpu is not None and arch not in QUICK[task] and (arch, task) not in PRETENDED:
        pytest.skip("takes long on a pretended GPU, where its like is tried")


def with_marks(cases: list[tuple[str, str]]) -> list[Any]:
    """The cases, those that take long marked as slow."""
    return [pytest.param(*case, marks=[] if case[0] in QUICK[case[1]] else [pytest.mark.slow]) for case in cases]


@pytest.mark.parametrize("arch, task", with_marks(CASES))
def test_a_replayed_step_is_the_step(gpu: State | None, arch: str, task: str) -> None:
    """Weights and histories, after two steps; of one network after two epochs."""
    leave_to_a_real_one(gpu, arch, task)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        more = {"epochs": 2, "steps": STEPS} if (arch, task) == ("cnn3", "vae") else {}
        (eager,), (plain,) = trained(arch, task, **more)
        (graphed,), (replayed,) = trained(arch, task, graph=True, **more)
    assert (plain.used_graph, replayed.used_graph, replayed.graph_refused) == (False, True, None)
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)
    for one, other in zip(plain.history, replayed.history, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)


@pytest.mark.parametrize("arch, task", with_marks(STACKED))
def test_a_stack_of_replays_learns_what_each_learns_alone(gpu: State | None, arch: str, task: str) -> None:
    """In float64; the one in the middle. Its validation too, which a GPU does for all at once."""
    leave_to_a_real_one(gpu, arch, task)
    few: dict[str, Any] = {"dtype": torch.float64}
    models, outcomes = trained(arch, task, (4, 1, 5), graph=True, **few)
    (alone,), (plain,) = trained(arch, task, (1,), **few)
    assert_same(
        models[1], alone, 1e-6 if gpu is None else 1e-9
    )  # the rate is a float32 on a GPU, and so is its product
    metric = f"val_{get(task).primary}"
    assert [epoch[metric] for epoch in outcomes[1].history] == pytest.approx(
        [epoch[metric] for epoch in plain.history], rel=1e-6
    )


def test_a_stack_of_replays_has_a_rate_for_each(gpu: State | None) -> None:
    """Two seeds, one of them at two rates, in float64; the rates are given to a graph as float32."""
    seeds, rates = (4, 1, 1), (8e-3, 1e-3, 3e-2)
    models, outcomes = trained("cnn3", "vae", seeds, graph=True, dtype=torch.float64, rates=rates)
    assert [outcome.used_graph for outcome in outcomes] == [True] * 3
    for model, seed, rate in zip(models, seeds, rates, strict=True):
        (alone,), _ = trained("cnn3", "vae", (seed,), dtype=torch.float64, rates=(rate,))
        assert_same(model, alone, 1e-6 if gpu is None else 1e-8)


def test_replays_end_within_an_epoch(gpu: State | None) -> None:
    """Two epochs of eleven steps and three of a third."""
    few: dict[str, Any] = {"epochs": 3, "steps": STEPS, "own_steps": 2 * STEPS + 3}
    (eager,), (plain,) = trained("cnn3", "vae", **few)
    (graphed,), (replayed,) = trained("cnn3", "vae", graph=True, **few)
    assert replayed.used_graph and plain.images == replayed.images == (2 * STEPS + 3) * BATCH
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)
    losses = [[row["train_loss"] for row in one.history] for one in (plain, replayed)]
    assert len(losses[0]) == 3 and losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_a_gpu_learns_what_a_cpu_learns_from_the_same_draws(gpu: State | None) -> None:
    """Products of matrices instead of a CPU's forms of a convolution: the loss and its gradients, in float64."""
    for arch in ("cnn2", "cnn3", "cnn:depth=3,kernel=3,padding=1", "cnn:kernel=1,stride=5,channels=4"):
        model = get("vae").build(arch_of(arch), 5, 0).double()
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


def test_a_run_on_the_second_gpu_learns() -> None:
    with pretended(gpus=2) as gpu:
        (second,), (outcome,) = trained("cnn3", "vae", graph=True, device=Device("cuda:1"))
        assert gpu.current == 1
        assert outcome.used_graph
        assert {parameter.device for parameter in second.parameters()} == {torch.device("cuda:1")}
        (first,), _ = trained("cnn3", "vae", graph=True, device=FIRST_GPU)
        assert_same(first, second, 0.0)
        fresh = get("vae").build(arch_of("cnn3"), 5, 1)
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
    assert not outcome.used_graph
    assert outcome.graph_refused is not None
    assert reason in outcome.graph_refused
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
    assert outcome.used_graph
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)


@pytest.mark.parametrize(
    "name, reason",
    [
        ("batch-norm-2d", None),
        ("frozen-parameter", None),
        ("frozen-parameter-that-follows", None),
        ("layer-used-twice", None),
        ("buffer-changed", None),
        ("buffer-replaced", "another tensor in the place of the buffer mean"),
        ("number-changed", "changes encoder.3.calls, which is no tensor"),
        ("list-changed", "changes encoder.3.seen['sizes'], which is no tensor"),
    ],
)
def test_odd_networks_learn_in_a_graph_what_they_learn_without(
    gpu: State | None, name: str, reason: str | None
) -> None:
    """Whatever a replay would not change is no part of a graph, and the trial of it leaves no trace."""
    (eager,), _ = trained(ARCHS[f"odd-{name}"], "classifier", epochs=2, steps=STEPS)
    (graphed,), (outcome,) = trained(ARCHS[f"odd-{name}"], "classifier", graph=True, epochs=2, steps=STEPS)
    assert outcome.used_graph is (reason is None)
    assert reason is None or reason in str(outcome.graph_refused)
    assert_same(graphed, eager, 0.0 if gpu else 1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "batch-norm-1d",
        "batch-norm-2d",
        "buffer-changed",
        "buffer-replaced",
        "frozen-parameter",
        "frozen-parameter-that-follows",
        "layer-used-twice",
        "tied-weights",
    ],
)
def test_odd_networks_learn_in_a_stack_of_replays_what_each_learns_alone(gpu: State | None, name: str) -> None:
    few: dict[str, Any] = {"dtype": torch.float64, "epochs": 2, "steps": STEPS}
    arch, task = ARCHS[f"odd-{name}"], get("classifier")
    assert why_not_stack([task.build(arch, None, seed).to(FIRST_GPU) for seed in (4, 1)], task, spec_of()) is None
    models, outcomes = trained(arch, "classifier", (4, 1), graph=True, **few)
    (alone,), _ = trained(arch, "classifier", (1,), **few)
    assert all(outcome.used_graph for outcome in outcomes)
    assert_same(models[1], alone, 1e-6 if gpu is None else 1e-9)


def test_a_capture_that_breaks_is_no_silent_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits only within a capture, so that nothing but the capture itself can notice."""

    class Hides(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * float(x.detach().sum()) if torch.cuda.is_current_stream_capturing() else x

    with pretended(), pytest.raises(CaptureFailed, match="a capture failed"):
        trained(odd(Hides()), "classifier", graph=True)


def test_a_reader_of_codes_lets_a_gpu_go_on_until_the_end_of_a_pass(gpu: State | None) -> None:
    """M1+M2 (`bench.evaluation.code_training`): as many waits whatever the number of steps."""
    device = torch.device(FIRST_GPU)
    draw = generator(0, "codes")
    counts = []
    for images in (100, 200):
        labels = torch.arange(images) % 10
        mean = 3 * torch.eye(10)[labels] + 0.1 * torch.randn(images, 10, generator=draw)
        codes = Codes(mean.to(device), torch.full((images, 10), 0.1, device=device))
        few = Few(codes, labels.to(device), torch.arange(20, device=device))
        recipe = Recipe(passes=2, batch=20, hidden=8, alone_steps=5)
        before = gpu.waits if gpu else 0
        train_alone(few, recipe, seed=0)
        _, curve = train_reader(few, (codes.mean, few.labels), recipe, seed=0)
        counts.append((gpu.waits if gpu else 0) - before)
        assert curve.passes == [1, 2] and all(map(math.isfinite, curve.accuracy))
    assert counts[0] == counts[1], "the second has ten steps a pass, the first five"
