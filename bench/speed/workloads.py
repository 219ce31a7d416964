"""The workloads whose speed is measured, apart from any run: a training step, inference, sampling; and a reference.

A model is built anew from its architecture: its weights are random and its images are noise. It is assumed that a layer
takes as long whatever the numbers are, so nothing needs to be trained or loaded first.
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
from bench.training.cuda_graph import graphed
from bench.training.loop import CHUNK_STEPS
from bench.training.splits import Split
from bench.training.steps import Stepper
from bench.worker.restore import to_device

WORKLOADS = {"train": "training step", "inference": "inference", "sampling": "sampling"}
"""Name → words. Inference encodes and decodes, or classifies; sampling decodes draws from the prior."""

TRAINING_IMAGES = 55_000
"""A number in the loss of tasks with few labels, which takes no time."""

LEARNING_RATE = 1e-6
"""So low that the weights stay as they were built, however long a step is repeated."""


@dataclass(frozen=True)
class Workload:
    """Something to be timed, again and again."""

    name: str
    """One of `WORKLOADS`."""

    images: int
    """That a call is of."""

    call: Callable[[], Any]
    """Does it; a GPU may still be busy with it when the call returns. There it is a replay of a CUDA graph, of training
    steps as many as a run takes at once, with their draws."""

    eager_call: Callable[[], Any]
    """The same, one training step at most, without a graph, for its memory to be measured."""


@dataclass(frozen=True)
class PreparedCell:
    """An architecture on a task, ready to be timed."""

    model: nn.Module

    workloads: tuple[Workload, ...]

    resident_bytes: dict[str, int]
    """Workload → what the model occupies between two calls: its weights and, in training, Adam's moments."""


def prepare(arch: Arch, task: Task, setting: Setting) -> PreparedCell:
    """Build the model on the device as a run would, and the workloads on it; the training step is that of a run.

    A GPU takes as many training steps at once as in a run.
    """
    device, batch, spec = torch.device(setting.device), setting.batch_size, as_spec(arch, task, setting)
    model, eval_model = (to_device(task.new_model(arch, spec.latent_dim, 0), device) for _ in range(2))
    model.train()
    eval_model.eval()  # another copy, so that no mode is switched while something is timed
    streams = Streams.of(0, device)
    few = min(setting.labels, batch) if task.needs_labels else 0
    loss: Loss = task.loss
    if few:
        loss = functools.partial(task.loss, labelled=few, known=setting.labels, images=TRAINING_IMAGES)
    shape = (batch + few, IMAGE_SIZE, IMAGE_SIZE)
    images = torch.randint(0, 256, shape, generator=streams.coins, device=device, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (batch + few,), generator=streams.coins, device=device)
    noise_rows = task.noise_rows(batch + few, few)
    steps = 1 if device.type == "cpu" else CHUNK_STEPS
    rows = torch.arange(batch + few, device=device).expand(steps, 1, -1)
    rates = [LEARNING_RATE] if device.type == "cpu" else torch.full((steps,), LEARNING_RATE, device=device)
    feed = Feed([Split(images, labels)], spec, [streams], noise_rows, torch.float32, task.width(spec.latent_dim))
    stepper, eager = Stepper([model], loss, feed, None), Stepper([model], loss, feed, None)
    if device.type != "cpu":
        stepper.capture(feed.draw(rows))
    shown, shown_labels = targets(images[:batch], spec.likelihood, streams.coins), labels[:batch]

    @torch.inference_mode()
    def inference() -> Tensor:
        return eval_model(shown, shown_labels)

    @torch.inference_mode()
    def sampling() -> Tensor:
        z = torch.randn(batch, setting.latent_dim, generator=streams.noise, device=device)
        return torch.sigmoid(eval_model.decode(z, shown_labels))  # type: ignore[operator]

    workloads = [
        Workload("train", batch * steps, lambda: stepper.take(rows, rates), lambda: eager.take(rows[:1], rates[:1])),
        Workload("inference", batch, graphed(inference, device), inference),
    ]
    if task.has_code:
        workloads.append(Workload("sampling", batch, graphed(sampling, device, [streams.noise]), sampling))
    weights = size_of([*model.parameters(), *model.buffers()])
    moments = size_of(stepper.optimiser.state()) - size_of(stepper.optimiser.parameters)
    resident = {each.name: weights + (moments if each.name == "train" else 0) for each in workloads}
    return PreparedCell(model, tuple(workloads), resident)


def as_spec(arch: Arch, task: Task, setting: Setting) -> RunSpec:
    """Return a run of this setting, as far as a training step looks at it."""
    return RunSpec(
        arch=arch.name,
        arch_fingerprint="",
        task=task.name,
        dataset="",
        data_fingerprint="",
        likelihood=setting.likelihood if task.draws_pixels else None,
        seed=0,
        epochs=1,
        batch_size=setting.batch_size,
        lr=LEARNING_RATE,
        latent_dim=setting.latent_dim if task.uses_latent_dim else None,
        train_images=None,
        device=setting.device.kind,
        threads=setting.threads,
    )


def size_of(tensors: list[Tensor]) -> int:
    """Return the bytes that tensors occupy."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def synchroniser(device: Device) -> Callable[[], None]:
    """Return a function that waits until the device has done what it was asked to."""
    if device.is_gpu:
        return lambda: torch.cuda.synchronize(torch.device(device))
    return lambda: None


MATMUL_SIZE = {"cpu": 512, "cuda": 4096}
"""Rows of the square matrices whose product gives the device's rate. On a CPU 512 fits the cache."""


def matmul(device: Device) -> tuple[Callable[[], Tensor], float]:
    """Return a product of two square float32 matrices to call, and the floating-point operations that it takes."""
    n = MATMUL_SIZE[device.kind]
    a, b = (torch.randn(n, n, device=device) for _ in range(2))
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out), 2.0 * n**3


REFERENCE = "conv + matmul, forward and backward, batch 128, version 2"


def reference_name(device: Device) -> str:
    """Return the reference's name in stored timings: two can be compared only if they used the same reference."""
    return REFERENCE if not device.is_gpu else f"{REFERENCE}, replayed"


def reference(device: Device) -> Callable[[], object]:
    """Return a fixed workload to call that resembles those above and uses none of this project's layers.

    Timed beside a benchmark, it slows down with it when the machine is busy or slower, so that their ratio stays. On a
    GPU it is a CUDA graph too.
    """
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(128, 8, 14, 14, generator=noise).to(device).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(16, 8, 3, 3, generator=noise).to(device).requires_grad_()
    matrix = torch.randn(16 * 14 * 14, 32, generator=noise).to(device).requires_grad_()

    def call() -> None:
        features = F.conv2d(x, kernel, padding=1).relu().flatten(1)
        torch.autograd.grad((features @ matrix).square().mean(), [kernel, matrix])

    return graphed(call, torch.device(device))
