"""The one training loop, the same for every task: seeded, data on the device, Adam with warm-up and cosine decay."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench import labelled
from bench.likelihood import fixed_targets, targets
from bench.spec import RunSpec
from bench.streams import generator, stream_seed
from bench.tasks import Task

WARM_UP = 0.05
WARM_UP_STEPS = 200
WARM_UP_AT_MOST = 0.25
"""The learning rate rises to its peak over this share of all steps, but over no fewer steps than that, unless they
would be more than this share. A short run with a short rise makes a deep ReLU network collapse onto the mean image:
docs/performance.md has the runs."""

EVALUATION_BATCH = 500
TICK = 20  # steps between looks at the loss; on a GPU each look waits for the device


class Diverged(RuntimeError):
    """The loss is no longer finite."""


@dataclass(frozen=True)
class Split:
    """Images uint8 [N, 28, 28] and labels int64 [N], both on the device."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Progress:
    """done: share of the training steps. loss: mean over the steps since the last report, in nats."""

    done: float
    epoch: int
    loss: float


@dataclass(frozen=True)
class Trained:
    history: list[dict[str, float]]
    seconds: float  # of training steps alone
    images: int  # seen in them


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear from 0 over the first steps, then half a cosine down to 0."""
    warm_up = max(1, round(max(WARM_UP * steps, min(WARM_UP_STEPS, WARM_UP_AT_MOST * steps))))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def train(
    model: nn.Module,
    task: Task,
    spec: RunSpec,
    data: Split,
    validation: Split,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Trains `model` in place. Raises `Diverged` as soon as a look at the loss finds it not finite."""
    device = data.images.device
    order = generator(spec.seed, "order")
    coins = generator(spec.seed, "binarise", device)
    noise = generator(spec.seed, "latent", device)
    batch = min(spec.batch_size, len(data.labels))
    per_epoch = len(data.labels) // batch  # the few images left over are others in the next epoch
    loss_of, known = task.loss, None
    if spec.labels is not None:
        known, few = labelled.subset(data.labels, spec.labels, spec.seed), min(spec.labels, batch)
        loss_of = functools.partial(task.loss, labelled=few, known=len(known), images=len(data.labels))
    steps = per_epoch * spec.epochs
    optimiser = torch.optim.Adam(model.parameters(), lr=spec.lr, fused=True)
    history: list[dict[str, float]] = []
    seconds, step = 0.0, 0
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(stream_seed(spec.seed, "dropout"))
        for epoch in range(1, spec.epochs + 1):
            model.train()
            started = time.perf_counter()
            total, since = torch.zeros((), device=device), torch.zeros((), device=device)
            looked = 0
            rows = torch.randperm(len(data.labels), generator=order)[: per_epoch * batch].view(per_epoch, batch)
            if known is not None:
                rows = labelled.joined(rows, known, few, order)
            for chosen in rows.to(device):
                optimiser.param_groups[0]["lr"] = learning_rate(step, steps, spec.lr)
                x = targets(data.images[chosen], spec.likelihood, coins)
                loss = loss_of(model, x, data.labels[chosen], noise)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                since += loss.detach()
                step += 1
                if step % TICK == 0 or step % per_epoch == 0:
                    mean = float(since) / (step - (epoch - 1) * per_epoch - looked)
                    if not math.isfinite(mean):
                        raise Diverged(f"loss is {mean} by step {step} of {steps} (epoch {epoch})")
                    report(Progress(step / steps, epoch, mean))
                    total += since
                    looked = step - (epoch - 1) * per_epoch
                    since.zero_()
            train_loss = float(total) / per_epoch
            seconds += time.perf_counter() - started
            scores, _ = evaluate(model, task, validation, spec, "validation")
            history.append(
                {
                    "epoch": epoch,
                    "train_loss": train_loss,
                    f"val_{task.primary}": scores[task.primary],
                    "seconds": seconds,
                }
            )
    return Trained(history, seconds, steps * batch)


@torch.no_grad()
def evaluate(
    model: nn.Module, task: Task, data: Split, spec: RunSpec, split: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """The mean of each metric over the split, and the per-image values [N] behind them.

    The binarisation is fixed; the latent noise comes from a stream of the run's seed, started anew at each call.
    """
    model.eval()
    device = data.images.device
    x = fixed_targets(data.images, spec.likelihood, split).to(device)
    noise = generator(spec.seed, f"latent/{split}", device)
    parts: list[dict[str, Tensor]] = []
    for first in range(0, len(x), EVALUATION_BATCH):
        rows = slice(first, first + EVALUATION_BATCH)
        parts.append(task.score(model, x[rows], data.labels[rows], noise))
    values = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    return {name: float(value.mean(dtype="float64")) for name, value in values.items()}, values
