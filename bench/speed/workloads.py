"""The things whose speed is measured, apart from any run: a training step, inference, sampling; and a fixed reference.

A model is built anew from its architecture: its weights are random and its images are noise. A layer takes as long
whatever the numbers are: that is assumed, so nothing needs to be trained or loaded first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.base import IMAGE_SIZE, Arch
from bench.models.latent import CLASSES
from bench.models.likelihood import targets
from bench.models.streams import Streams
from bench.spec.device import Device
from bench.spec.run import RunSpec
from bench.speed.setting import Setting
from bench.tasks import Task
from bench.training.batches import Feed, Loss
from bench.training.cuda_graph import replayed
from bench.training.loop import TICK
from bench.training.steps import Stepper

WORKS = {"train": "training step", "inference": "inference", "sampling": "sampling"}
"""name → what it is called. Inference encodes and decodes, or classifies; sampling decodes draws from the prior."""

IMAGES = 55_000  # of a training set; a number in the loss of tasks with few labels, which takes no time
RATE = 1e-6  # so low that the weights stay as they were built, however long a step is repeated


@dataclass(frozen=True)
class Work:
    """call() does it once, for `images` images; a GPU may still be busy with it when the call returns.

    On a GPU it is a replay of a CUDA graph, of training steps as many as a run takes at once, with their draws. once:
    one of them without a graph, for its memory to be measured.
    """

    name: str  # of WORKS
    images: int
    call: Callable[[], Any]
    once: Callable[[], Any]


@dataclass(frozen=True)
class Bench:
    """A model with its works, and the bytes that it occupies between two training steps (weights, Adam's moments)."""

    model: nn.Module
    works: tuple[Work, ...]
    resident_bytes: dict[str, int]  # work → bytes


def prepare(arch: Arch, task: Task, setting: Setting) -> Bench:
    """Builds the model as a run would, on the device, and what is to be timed on it; the training step is a run's very
    own.

    A GPU takes as many training steps at once as in a run.
    """
    device, batch, spec = torch.device(setting.device), setting.batch_size, as_spec(arch, task, setting)
    model, still = (
        task.build(arch, spec.latent_dim, 0).to(device).to(memory_format=torch.channels_last) for _ in range(2)
    )
    model.train()
    still.eval()  # another copy, so that no mode is switched while something is timed
    streams = Streams.of(0, device)
    few = min(setting.labels, batch) if task.needs_labels else 0
    loss: Loss = task.loss
    if few:
        loss = functools.partial(task.loss, labelled=few, known=setting.labels, images=IMAGES)
    shape = (batch + few, IMAGE_SIZE, IMAGE_SIZE)
    images = torch.randint(0, 256, shape, generator=streams.coins, device=device, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (batch + few,), generator=streams.coins, device=device)
    noise_rows = task.noise_rows(batch + few, few)
    steps = 1 if device.type == "cpu" else TICK
    rows = torch.arange(batch + few, device=device).expand(steps, 1, -1)
    rates = [RATE] if device.type == "cpu" else torch.full((steps,), RATE, device=device)

    def stepper_of(model: nn.Module, streams: Streams) -> Stepper:
        return Stepper(
            [model],
            loss,
            Feed(images, labels, spec, [streams], noise_rows, torch.float32, task.width(spec.latent_dim)),
            None,
        )

    stepper, plain = stepper_of(model, streams), stepper_of(model, streams)
    if device.type != "cpu":
        stepper.record(plain.feed.draw(rows))
    shown, labels_shown = targets(images[:batch], spec.likelihood, streams.coins), labels[:batch]

    @torch.inference_mode()
    def inference() -> Tensor:
        return still(shown, labels_shown)

    @torch.inference_mode()
    def sampling() -> Tensor:
        z = torch.randn(batch, setting.latent_dim, generator=streams.noise, device=device)
        return torch.sigmoid(still.decode(z, labels_shown))  # type: ignore[operator]

    works = [
        Work("train", batch * steps, lambda: stepper.take(rows, rates), lambda: plain.take(rows[:1], rates[:1])),
        Work("inference", batch, replayed(inference, device), inference),
    ]
    if task.has_code:
        works.append(Work("sampling", batch, replayed(sampling, device, [streams.noise]), sampling))
    weights = size_of([*model.parameters(), *model.buffers()])
    moments = size_of(stepper.optimiser.state()) - size_of(stepper.optimiser.parameters)
    return Bench(model, tuple(works), {w.name: weights + (moments if w.name == "train" else 0) for w in works})


def as_spec(arch: Arch, task: Task, setting: Setting) -> RunSpec:
    """A run of this setting, as far as a training step looks at it."""
    return RunSpec(
        arch=arch.name, arch_fingerprint="", task=task.name, dataset="", data_fingerprint="",
        likelihood=setting.likelihood if task.needs_decoder else None, seed=0, epochs=1, batch_size=setting.batch_size, lr=RATE,
        latent_dim=setting.latent_dim if task.uses_latent_dim else None, train_images=None,
        device=setting.device.kind, threads=setting.threads,
    )  # fmt: skip


def size_of(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def synchroniser(device: Device) -> Callable[[], None]:
    """Waits until the device has done what it was asked to."""
    if device.is_gpu:
        return lambda: torch.cuda.synchronize(torch.device(device))
    return lambda: None


MATMUL_SIZE = {"cpu": 512, "cuda": 4096}
"""Rows of the square matrices whose product gives the device's rate. On a CPU 512 fits the cache, and is faster than
1,024."""


def matmul(device: Device) -> tuple[Callable[[], Tensor], float]:
    """A product of two square float32 matrices, and the floating-point operations that it takes."""
    n = MATMUL_SIZE[device.kind]
    a, b = (torch.randn(n, n, device=device) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out), 2.0 * n**3


REFERENCE = "conv + matmul, forward and backward, batch 128, version 2"


def reference_name(device: Device) -> str:
    """Names the reference workload in stored timings. Two timings can be compared only if they used the same one."""
    return REFERENCE if not device.is_gpu else f"{REFERENCE}, replayed"


def reference(device: Device) -> Callable[[], object]:
    """A fixed workload that resembles the works above and uses none of this project's layers. On a GPU a CUDA graph
    too.

    Timed beside a benchmark, it slows down with it when the machine is busy or slower, so that their ratio stays.
    """
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(128, 8, 14, 14, generator=noise).to(device).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(16, 8, 3, 3, generator=noise).to(device).requires_grad_()
    matrix = torch.randn(16 * 14 * 14, 32, generator=noise).to(device).requires_grad_()

    def call() -> None:
        features = F.conv2d(x, kernel, padding=1).relu().flatten(1)
        torch.autograd.grad((features @ matrix).square().mean(), [kernel, matrix])

    return replayed(call, torch.device(device))
