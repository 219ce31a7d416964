"""A few training steps on a GPU, and whether two models ended at the same weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import nn

from archs.base import Arch
from bench.machine import cuda
from bench.spec.device import FIRST_GPU, Device
from bench.tasks import get
from bench.training.loop import Trained, train_seeds
from bench.training.splits import Split, split_on_device
from tests.conftest import arch_of
from tests.training.test_train import DIGITS, spec_of

BATCH = 4
STEPS = 11  # of an epoch: looks at the loss come after 11, 20 and 22 of them


def trained(
    arch: str | Arch,
    task: str,
    seeds: Sequence[int] = (1,),
    graph: bool = False,
    dtype: torch.dtype = torch.float32,
    device: Device = FIRST_GPU,
    epochs: int = 1,
    steps: int = 2,
    rates: Sequence[float] = (),
    own_steps: int | None = None,
) -> tuple[list[nn.Module], list[Trained]]:
    """A few steps on digits: the models, and what came of them.

    `rates` are those of each, if they differ; `own_steps` all of the training, which may end within an epoch.
    """
    cuda.use_device(device)
    batch = 24 if task == "m2" else BATCH  # so that there are images of each class
    built = arch_of(arch) if isinstance(arch, str) else arch
    more = {"labels": 10} if task == "m2" else {}
    specs = [spec_of("cnn3", task, seed, batch_size=batch, epochs=epochs, steps=own_steps, **more) for seed in seeds]
    specs = [dataclasses.replace(spec, lr=rate) for spec, rate in zip(specs, rates, strict=True)] if rates else specs
    models = [get(task).build(built, specs[0].latent_dim, seed).to(device, dtype) for seed in seeds]
    models = [model.to(memory_format=torch.channels_last) for model in models]
    data, val = few_images(device, batch * steps)
    outcomes = train_seeds(models, get(task), specs, [data] * len(specs), [val] * len(specs), graph=graph)
    assert all(isinstance(outcome, Trained) for outcome in outcomes)
    return models, outcomes  # type: ignore[return-value]


def few_images(device: str, count: int) -> list[Split]:
    """Images of the digits to train on, and those to validate on."""
    return [split_on_device(DIGITS, part, 0, torch.device(device), count) for part in ("train", "val")]


def assert_same(one: nn.Module, other: nn.Module, tolerance: float) -> None:
    for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a.cpu(), b.cpu(), rtol=tolerance, atol=tolerance, msg=name)
