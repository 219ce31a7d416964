"""The one training loop, the same for every task: seeded, data on the device, Adam with warm-up and cosine decay."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench import labelled
from bench.adam import Adam
from bench.graphed import captured
from bench.likelihood import fixed_levels, targets
from bench.site import Progress
from bench.spec import RunSpec
from bench.stacked import Stack, stacked_step
from bench.streams import Streams, generator, stream_seed
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
    """Images uint8 [N, 28, 28] and labels int64 [N], both on the device. scored: what `levels` gives, if it is there already."""

    images: Tensor
    labels: Tensor
    scored: Tensor | None = None

    def levels(self, likelihood: str | None, split: str) -> Tensor:
        """The targets of an evaluation as `bench.likelihood.fixed_levels`: a quarter of what they take as float."""
        if self.scored is not None:
            return self.scored
        return fixed_levels(self.images, likelihood, split).to(self.images.device)

    def fixed(self, likelihood: str | None, split: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """The targets of an evaluation, float32 [N, 1, 28, 28] in 0 to 1; of some of its images."""
        return self.levels(likelihood, split)[rows].float() / 255

    @functools.cached_property
    def targets_hash(self) -> str:
        """Of the targets, which must be there: two runs with the same hash were scored on the same pixels."""
        assert self.scored is not None
        return hashlib.sha256(self.scored.cpu().numpy().data).hexdigest()[:16]


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
    graph: bool = False,
) -> Trained:
    """Trains `model` in place. Raises `Diverged` as soon as a look at the loss finds it not finite."""
    (outcome,) = train_seeds([model], task, [spec], data, validation, report, graph)
    if isinstance(outcome, Diverged):
        raise outcome
    return outcome


def train_seeds(
    models: Sequence[nn.Module],
    task: Task,
    specs: Sequence[RunSpec],
    data: Split,
    validation: Split,
    report: Callable[[Progress], None] = lambda progress: None,
    graph: bool = False,
) -> list[Trained | Diverged]:
    """Trains models that differ in nothing but their seed, in place; several of them as one stack (bench.stacked).

    graph: record the step once as a CUDA graph and replay it. The seconds of a member are its share of the stack's.
    A member that diverges is one of the outcomes; the others go on.
    """
    spec, device, count = specs[0], data.images.device, len(specs)
    streams = [Streams.of(each.seed, device) for each in specs]
    batch = min(spec.batch_size, len(data.labels))
    per_epoch = len(data.labels) // batch  # the few images left over are others in the next epoch
    loss_of, known = task.loss, None
    if spec.labels is not None:
        known, few = labelled.subset(data.labels, spec.labels, spec.seed), min(spec.labels, batch)
        loss_of = functools.partial(task.loss, labelled=few, known=len(known), images=len(data.labels))

    stack = Stack(models, task) if count > 1 else None
    optimiser = Adam(stack.parameters if stack else list(models[0].parameters()), captured=graph)
    if stack:
        step = stacked_step(stack, specs, data.images, data.labels, streams, optimiser)
    else:
        step = single_step(models[0], loss_of, spec, data, streams[0], optimiser)

    failed: dict[int, Diverged] = {}
    history: list[list[dict[str, float]]] = [[] for _ in specs]
    seconds, done, steps = 0.0, 0, per_epoch * spec.epochs
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(stream_seed(spec.seed, "dropout"))
        for epoch in range(1, spec.epochs + 1):
            for model in models:
                model.train()
            started = time.perf_counter()
            total, since = torch.zeros(count, device=device), torch.zeros(count, device=device)
            looked = 0
            rows = torch.stack([batches(len(data.labels), per_epoch, batch, stream.order) for stream in streams], 1)
            if known is not None:
                rows = labelled.joined(rows[:, 0], known, few, streams[0].order)[:, None]
            if graph and epoch == 1:
                step = captured(step, rows[0].to(device), optimiser, streams)
            for chosen in rows.to(device):
                optimiser.set_rate(learning_rate(done, steps, spec.lr))
                since += step(chosen)
                done += 1
                if done % TICK == 0 or done % per_epoch == 0:
                    means = (since / (done - (epoch - 1) * per_epoch - looked)).tolist()
                    for index, mean in enumerate(means):
                        if not math.isfinite(mean) and index not in failed:
                            failed[index] = Diverged(f"loss is {mean} by step {done} of {steps} (epoch {epoch})")
                    alive = [mean for index, mean in enumerate(means) if index not in failed]
                    if not alive:
                        return [failed[index] for index in range(count)]
                    report(Progress(done / steps, epoch, sum(alive) / len(alive)))
                    total += since
                    looked = done - (epoch - 1) * per_epoch
                    since.zero_()
            losses = (total / per_epoch).tolist()
            seconds += time.perf_counter() - started
            for index in set(range(count)) - set(failed):
                scores, _ = evaluate(models[index], task, validation, specs[index], "validation")
                scored = {f"val_{task.primary}": scores[task.primary], "seconds": seconds / count}
                history[index].append({"epoch": epoch, "train_loss": losses[index], **scored})
    return [failed.get(index, Trained(history[index], seconds / count, steps * batch)) for index in range(count)]


def batches(images: int, per_epoch: int, batch: int, order: torch.Generator) -> Tensor:
    """The rows of one epoch's batches, [per_epoch, batch], in an order drawn now."""
    return torch.randperm(images, generator=order)[: per_epoch * batch].view(per_epoch, batch)


def single_step(
    model: nn.Module, loss_of: Callable[..., Tensor], spec: RunSpec, data: Split, streams: Streams, optimiser: Adam
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """The step of one model: rows [1, B] of the training images → its loss [1] before the step."""
    dtype = next(model.parameters()).dtype

    def step(rows: Tensor) -> Tensor:
        (chosen,) = rows
        x = targets(data.images.index_select(0, chosen), spec.likelihood, streams.coins).to(dtype)
        loss = loss_of(model, x, data.labels.index_select(0, chosen), streams.noise)
        optimiser.zero()
        loss.backward()
        optimiser.step()
        return loss.detach()[None]

    return step


@torch.no_grad()
def evaluate(
    model: nn.Module, task: Task, data: Split, spec: RunSpec, split: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """The mean of each metric over the split; and the values per image behind them, [N], with what else the task's
    `score` gives.

    The binarisation is fixed; the latent noise comes from a stream of the run's seed, started anew at each call.
    """
    model.eval()
    device = data.images.device
    data = dataclasses.replace(data, scored=data.levels(spec.likelihood, split))
    dtype = next(model.parameters()).dtype
    noise = generator(spec.seed, f"latent/{split}", device)
    parts: list[dict[str, Tensor]] = []
    for first in range(0, len(data.labels), EVALUATION_BATCH):
        rows = slice(first, first + EVALUATION_BATCH)
        x = data.fixed(spec.likelihood, split, rows).to(dtype)
        parts.append(task.score(model, x, data.labels[rows], noise))
    values = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}
    return {name: float(value.mean(dtype="float64")) for name, value in values.items() if value.ndim == 1}, values
