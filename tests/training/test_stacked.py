"""Seeds trained together: each learns what it learns alone; who can't be stacked says why; failures stay their own."""

from __future__ import annotations

import copy
import dataclasses
import hashlib

import pytest
import torch
from torch import nn

from archs.base import Arch
from bench.models.streams import Streams, generator
from bench.spec.run import RunSpec
from bench.tasks import get
from bench.training.loop import Trained, train, train_seeds
from bench.training.losses import Diverged
from bench.training.scores import evaluate
from bench.training.splits import Split, split_on_device
from bench.training.stack import Stack
from bench.training.stackable import why_not_stack
from tests.conftest import arch_of
from tests.training.test_train import DEVICES, DIGITS, spec_of, without_time

SEEDS = 3
ARCHS = ["cnn2", "cnn3", "mlp", "cnn:depth=2,channels=4", "cnn:kernel=1,stride=5,channels=4"]


def models_of(arch: str, task: str, seeds: list[int], dtype: torch.dtype, device: str = "cpu") -> list[nn.Module]:
    built = arch_of(arch)
    latent = None if task == "classifier" else 5
    models = [get(task).build(built, latent, seed).to(device, dtype) for seed in seeds]
    return [model.to(memory_format=torch.channels_last) for model in models]


def splits(device: str = "cpu", seed: int = 0) -> tuple[Split, Split, Split]:
    train, val, test = (
        split_on_device(DIGITS, part, seed, torch.device(device), 320) for part in ("train", "val", "test")
    )
    return train, val, test


def of_each(specs: list[RunSpec], device: str = "cpu") -> tuple[list[Split], list[Split]]:
    """What each trains on, and what it validates on."""
    data, validation, _ = zip(*(splits(device, spec.seed) for spec in specs), strict=True)
    return list(data), list(validation)


def together(arch: str, task: str, seeds: list[int], dtype: torch.dtype, device: str = "cpu") -> tuple[list, list]:
    """Models and what training them together gave."""
    models = models_of(arch, task, seeds, dtype, device)
    specs = [spec_of(arch, task, seed) for seed in seeds]
    return models, train_seeds(models, get(task), specs, *of_each(specs, device))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "arch, task",
    [
        *((arch, "vae") for arch in ARCHS),
        ("cnn3", "cvae"),
        ("cnn2", "classifier"),
    ],
)
def test_a_seed_learns_the_same_alone_and_in_company(arch: str, task: str, device: str) -> None:
    """In float64, after a whole training: ten steps, two validations."""
    models, outcomes = together(arch, task, [4, 7, 5], torch.double, device)
    (alone,) = models_of(arch, task, [7], torch.double, device)
    spec = spec_of(arch, task, 7)
    expected = train(alone, get(task), spec, *splits(device, 7)[:2])
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value, rtol=1e-10, atol=1e-10, msg=name)
    assert isinstance(outcomes[1], Trained)
    assert len(outcomes[1].history) == len(expected.history) == 2
    for found, wanted in zip(without_time(outcomes[1].history), without_time(expected.history), strict=True):
        assert found == pytest.approx(wanted, rel=1e-10)
    data, test = splits(device)[0], splits(device)[2]
    assert outcomes[1].images == expected.images == 2 * len(data.labels)
    scores = [evaluate(model, get(task), test, spec, "test").means for model in (models[1], alone)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-10)


@pytest.mark.parametrize("device", DEVICES)
def test_trials_of_a_stack_learn_at_their_own_rates_what_they_learn_alone(device: str) -> None:
    """Two seeds, one of them at two rates, in float64."""
    specs = [dataclasses.replace(spec_of("cnn3", "vae", seed), lr=lr) for seed, lr in ((4, 8e-3), (7, 1e-3), (7, 3e-2))]
    models = models_of("cnn3", "vae", [spec.seed for spec in specs], torch.double, device)
    outcomes = train_seeds(models, get("vae"), specs, *of_each(specs, device))
    for model, spec, outcome in zip(models, specs, outcomes, strict=True):
        (alone,) = models_of("cnn3", "vae", [spec.seed], torch.double, device)
        expected = train(alone, get("vae"), spec, *splits(device, spec.seed)[:2])
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-9, atol=1e-10, msg=name)
        assert isinstance(outcome, Trained)
        assert outcome.history[-1]["val_elbo"] == pytest.approx(expected.history[-1]["val_elbo"], rel=1e-10)
    assert not torch.equal(next(models[1].parameters()), next(models[2].parameters()))


@pytest.mark.parametrize("arch", ["cnn2", "cnn3"])
def test_in_float32_the_elbo_after_training_agrees_to_a_thousandth(arch: str) -> None:
    """The stated tolerance of bench.training.stack: rounding, amplified by ten steps of Adam."""
    models, _ = together(arch, "vae", [0, 1], torch.float32)
    (alone,) = models_of(arch, "vae", [1], torch.float32)
    train(alone, get("vae"), spec_of(arch, "vae", 1), *splits(seed=1)[:2])
    both = [
        evaluate(model, get("vae"), splits()[2], spec_of(arch, "vae", 1), "test").means for model in (models[1], alone)
    ]
    assert both[0]["elbo"] == pytest.approx(both[1]["elbo"], rel=1e-3)


def test_company_does_not_matter_nor_does_its_order() -> None:
    """The same seed at another place among others: float64, to 1e-10."""
    first, _ = together("cnn3", "vae", [0, 1, 2], torch.double)
    other, _ = together("cnn3", "vae", [2, 9], torch.double)
    for one, same in zip(first[2].parameters(), other[0].parameters(), strict=True):
        torch.testing.assert_close(one, same, rtol=1e-10, atol=1e-10)


def test_a_member_that_diverges_harms_no_other() -> None:
    models = models_of("cnn3", "vae", [0, 1], torch.double)
    with torch.no_grad():
        next(models[0].parameters()).fill_(float("nan"))
    looks = []
    specs = [spec_of("cnn3", seed=seed) for seed in (0, 1)]
    data = of_each(specs)
    outcomes = train_seeds(models, get("vae"), specs, *data, lambda progress: looks.append(progress.loss))
    assert isinstance(outcomes[0], Diverged)
    assert "loss is nan by step 5 of 10 (epoch 1)" in str(outcomes[0])
    assert isinstance(outcomes[1], Trained)
    assert all(0 < look < 1_000 for look in looks)
    (alone,) = models_of("cnn3", "vae", [1], torch.double)
    train(alone, get("vae"), specs[1], *splits(seed=1)[:2])
    for one, same in zip(models[1].parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, same, rtol=1e-10, atol=1e-10)


def test_a_stack_of_which_all_diverge_stops() -> None:
    models = models_of("cnn3", "vae", [0, 1], torch.float32)
    with torch.no_grad():
        for model in models:
            next(model.parameters()).fill_(float("nan"))
    specs = [spec_of(seed=seed) for seed in (0, 1)]
    outcomes = train_seeds(models, get("vae"), specs, *of_each(specs))
    assert [type(outcome) for outcome in outcomes] == [Diverged, Diverged]


def plugin(extra: nn.Module) -> Arch:
    def encoder(channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, 4, 7, stride=7), copy.deepcopy(extra), nn.Flatten())

    return Arch(name="odd", summary="", source="", encoder=encoder)


class Shouts(nn.Module):
    """Reads a number out of its input, which no vmap can do."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * float(x.detach().abs().sum() > 0)


@pytest.mark.parametrize(
    "extra, reason",
    [
        (nn.Dropout(0.5), "random"),
        (Shouts(), "item"),
        (nn.ReLU(), None),
        (nn.BatchNorm2d(4), None),
        (nn.Conv2d(4, 4, 1).requires_grad_(False), None),
    ],
)
def test_who_can_not_be_stacked_says_why(extra: nn.Module, reason: str | None) -> None:
    task = get("classifier")
    models = [task.build(plugin(extra), None, seed) for seed in range(2)]
    before = [value.clone() for value in models[0].state_dict().values()]
    found = why_not_stack(models, task, spec_of("cnn2", "classifier"))
    assert found is None if reason is None else reason in str(found)
    assert all(torch.equal(one, same) for one, same in zip(models[0].state_dict().values(), before, strict=True))


def test_running_statistics_are_each_member_s_own() -> None:
    """Batch norm in a stack, in float64: weights and buffers after ten steps, in training and in evaluation."""
    task = get("classifier")

    def normed(seed: int) -> nn.Module:
        def encoder(channels: int) -> nn.Module:
            # without a bias: its gradient would be rounding alone, which Adam makes much of
            convolution = nn.Conv2d(channels, 4, 7, stride=7, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())

        return task.build(Arch(name="normed", summary="", source="", encoder=encoder), None, seed).double()

    specs = [spec_of("cnn2", "classifier", seed) for seed in (4, 7)]
    models, alone = [normed(4), normed(7)], normed(7)
    train_seeds(models, task, specs, *of_each(specs))
    train(alone, task, specs[1], *splits(seed=7)[:2])
    assert not torch.equal(models[0].encoder[1].running_mean, alone.encoder[1].running_mean)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(models[1].state_dict()[name], value, rtol=1e-10, atol=1e-10, msg=name)
    both = [evaluate(model, task, splits()[2], specs[1], "test").means for model in (models[1], alone)]
    assert both[0] == pytest.approx(both[1])


@pytest.mark.parametrize(
    "arch, task",
    [
        (arch, task)
        for arch in ("cnn2", "cnn2-k4", "cnn3", "mlp", "cnn:depth=3", "cnn3+cnn2")
        for task in ("vae", "cvae", "classifier")
        if (arch, task) != ("mlp", "cvae")  # of eleven times as many weights as the others
    ],
)
def test_the_registry_can_be_stacked(arch: str, task: str) -> None:
    models = models_of(arch, task, [0, 1], torch.float32)
    assert why_not_stack(models, get(task), spec_of("cnn2", task)) is None


def test_what_does_not_learn_alone_does_not_in_company() -> None:
    """A layer that an architecture has frozen, beside others that learn."""
    task, fixed = get("classifier"), nn.Conv2d(4, 4, 1).requires_grad_(False)
    models = [task.build(plugin(copy.deepcopy(fixed)), None, seed) for seed in range(2)]
    before = [copy.deepcopy(model.state_dict()) for model in models]
    specs = [spec_of("cnn2", "classifier", seed) for seed in range(2)]
    train_seeds(models, task, specs, *of_each(specs))
    for model, was in zip(models, before, strict=True):
        kept = [name for name, value in model.state_dict().items() if torch.equal(value, was[name])]
        assert kept == ["encoder.1.weight", "encoder.1.bias"]


def test_losses_of_a_stack_are_those_of_its_models() -> None:
    models = models_of("cnn2", "vae", [0, 1], torch.double)
    draw = generator(0, "test")
    x = torch.rand(2, 6, 1, 28, 28, generator=draw, dtype=torch.double).round()
    noise = torch.randn(2, 6, 5, generator=draw, dtype=torch.double)
    labels = torch.zeros(2, 6, dtype=torch.long)
    alone = [get("vae").loss(model, *of) for model, *of in zip(models, x, labels, noise, strict=True)]
    torch.testing.assert_close(
        Stack(models).losses(get("vae").loss, x, labels, noise), torch.stack(alone), rtol=1e-12, atol=0
    )


def test_weights_keep_their_channels_last_in_a_stack() -> None:
    models = models_of("cnn3", "vae", [0, 1], torch.float32)
    Stack(models)
    weights = [weight for model in models for weight in model.parameters() if weight.dim() == 4]
    assert len(weights) > 4
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_the_streams_of_a_seed_are_those_it_has_alone() -> None:
    """By their definition: another seed for each name, the same on every machine."""
    found = Streams.of(3, torch.device("cpu"))
    for generator_of, name in ((found.order, "order"), (found.coins, "binarise"), (found.noise, "latent")):
        seed = int.from_bytes(hashlib.sha256(f"{name}/3".encode()).digest()[:8], "big") >> 1
        expected = torch.rand(5, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(torch.rand(5, generator=generator_of), expected), name
