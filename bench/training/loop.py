"""The one training loop, the same for every task: seeded, data on the device, Adam with warm-up and cosine decay."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench.models.streams import Streams, stream_seed
from bench.spec.progress import Progress
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training import labelled
from bench.training.batches import Feed, Loss
from bench.training.scores import Split, validated
from bench.training.stack import Stack
from bench.training.steps import Stepper

WARM_UP = 0.05
WARM_UP_STEPS = 200
WARM_UP_AT_MOST = 0.25
"""The learning rate rises to its peak over this share of all steps, but over no fewer steps than that, unless they
would be more than this share. A short run with a short rise makes a deep ReLU network collapse onto the mean image:
docs/log/performance.md#a-short-rise-collapses-deep-relu-networks has the runs."""

TICK = 20  # steps between looks at the loss; a GPU is asked for it when it has the next ones to do


Outcome = TypeVar("Outcome")


class Diverged(RuntimeError):
    """The loss is no longer finite."""


@dataclass(frozen=True)
class Trained:
    history: list[dict[str, float]]
    seconds: float  # of training steps; of several trainings side by side, its share
    images: int  # seen in them
    recorded: bool = False  # whether the steps were replays of a CUDA graph
    refused: str | None = None  # why not, where that was wanted


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
    """Trains models that differ in nothing but their seed, in place; several of them as one stack (bench.training.stack).

    graph: record the step once as a CUDA graph and replay it. The seconds of a member are its share of the stack's.
    A member that diverges is one of the outcomes; the others go on.
    """
    return to_the_end(training(models, task, specs, data, validation, report, graph, time.perf_counter))


def to_the_end(turns: Generator[None, None, Outcome]) -> Outcome:
    """What is returned by something that takes turns, when it has had all of them."""
    while True:
        try:
            next(turns)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def training(
    models: Sequence[nn.Module],
    task: Task,
    specs: Sequence[RunSpec],
    data: Split,
    validation: Split,
    report: Callable[[Progress], None],
    graph: bool,
    clock: Callable[[], float],
) -> Generator[None, None, list[Trained | Diverged]]:
    """`train_seeds`, a few steps at a time: it yields when a GPU has been given something to do, so that another
    training can give it something too. What it draws and computes depends on no other training."""
    spec, device, count = specs[0], data.images.device, len(specs)
    batch = min(spec.batch_size, len(data.labels))
    per_epoch = len(data.labels) // batch  # the few images left over are others in the next epoch
    few, known = 0, [torch.empty(0)] * count
    loss: Loss = task.loss
    if spec.labels is not None:
        few = min(spec.labels, batch)
        known = [labelled.subset(data.labels, spec.labels, each.seed) for each in specs]
        loss = functools.partial(task.loss, labelled=few, known=len(known[0]), images=len(data.labels))
    dtype, width = next(models[0].parameters()).dtype, task.width(spec.latent_dim)

    def feed_of(streams: Sequence[Streams]) -> Feed:
        return Feed(data.images, data.labels, spec, streams, task.noise_rows(batch + few, few), dtype, width)

    streams = [Streams.of(each.seed, device) for each in specs]
    stack = Stack(models) if count > 1 else None
    stepper = Stepper(models, loss, feed_of(streams), stack)
    own = OwnRandomness(stream_seed(spec.seed, "dropout"), device)
    if graph:
        with own:
            for model in models:
                model.train()
            rows = torch.arange(min(TICK, per_epoch) * count * (batch + few), device=device) % len(data.labels)
            trial = feed_of([Streams.of(each.seed, device) for each in specs]).draw(rows.view(-1, count, batch + few))
            stepper.record(trial)

    failed: dict[int, Diverged] = {}
    history: list[list[dict[str, float]]] = [[] for _ in specs]
    seconds, done, steps = 0.0, 0, per_epoch * spec.epochs
    for epoch in range(1, spec.epochs + 1):
        for model in models:
            model.train()
        started = clock()
        total = torch.zeros(count)
        drawn = [epoch_rows(len(data.labels), per_epoch, batch, *of, few) for of in zip(streams, known, strict=True)]
        rows = torch.stack(drawn, 1).to(device)  # [per_epoch, S, batch + few]
        rates: Sequence[float] | Tensor = [
            learning_rate(step, steps, spec.lr) for step in range(done, done + per_epoch)
        ]
        if device.type != "cpu":
            rates = torch.tensor(rates, device=device)
        looks: list[Look] = []
        for first, last in stretches(done, per_epoch):
            with own:
                losses = stepper.take(rows[first:last], rates[first:last])
            done += last - first
            looks.append(Look(losses, last - first, done))
            if device.type != "cpu":
                if own.drawn:  # torch 2.11 has one place for the random state of all graphs that are replayed
                    torch.cuda.current_stream(device).synchronize()
                yield
            # a GPU is asked for the losses of a stretch when it has the next one to do
            for look in taken(looks, keep=0 if device.type == "cpu" or last == per_epoch else 1):
                sums, means = look.take()
                for index, mean in enumerate(means):
                    if not math.isfinite(mean) and index not in failed:
                        failed[index] = Diverged(f"loss is {mean} by step {look.done} of {steps} (epoch {epoch})")
                alive = [mean for index, mean in enumerate(means) if index not in failed]
                if not alive:
                    return [failed[index] for index in range(count)]
                report(Progress(look.done / steps, epoch, sum(alive) / len(alive)))
                total += sums
        losses_of_epoch = (total / per_epoch).tolist()
        seconds += clock() - started
        with own:
            scored = validated(models, stack, task, validation, specs, failed)
        for index, scores in scored.items():
            numbers = {f"val_{task.primary}": scores[task.primary], "seconds": seconds / count}
            history[index].append({"epoch": epoch, "train_loss": losses_of_epoch[index], **numbers})
    return [
        failed.get(index, Trained(history[index], seconds / count, steps * batch, stepper.recorded, stepper.refused))
        for index in range(count)
    ]


def stretches(done: int, per_epoch: int) -> Iterator[tuple[int, int]]:
    """The steps of an epoch, after `done` in earlier ones, from one look at the loss to the next: first, last + 1."""
    first = 0
    while first < per_epoch:
        last = min(first + TICK - (done + first) % TICK, per_epoch)
        yield first, last
        first = last


class Look:
    """The losses of a stretch of steps, on their way from the device while it goes on."""

    def __init__(self, losses: Tensor, steps: int, done: int):
        self.steps, self.done = steps, done
        self.losses, self.arrived = losses, None
        if losses.device.type != "cpu":
            self.losses = torch.empty(losses.shape, pin_memory=True).copy_(losses, non_blocking=True)
            self.arrived = torch.cuda.Event()
            self.arrived.record(torch.cuda.current_stream(losses.device))

    def take(self) -> tuple[Tensor, list[float]]:
        """Sum and mean of each member, [S], when they have arrived."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.losses, (self.losses / self.steps).tolist()


def taken(looks: list[Look], keep: int) -> Iterator[Look]:
    """Takes out all but the last `keep`."""
    while len(looks) > keep:
        yield looks.pop(0)


class OwnRandomness:
    """A context with torch's default generators, of the CPU and of a GPU, as a stream of its own: entered again, it
    goes on where it was left, whatever was drawn elsewhere. drawn: whether the GPU's was drawn from when it was last
    left."""

    def __init__(self, seed: int, device: torch.device):
        self.devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=self.devices):
            torch.manual_seed(seed)
            self.states = self._now()
        self.drawn = False

    def _now(self) -> list[Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in self.devices)]

    def _go_to(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        for device, state in zip(self.devices, states[1:], strict=True):
            torch.cuda.set_rng_state(state, device)

    def __enter__(self) -> None:
        self.outside = self._now()
        self._go_to(self.states)

    def __exit__(self, *unused: object) -> None:
        before, self.states = self.states, self._now()
        self.drawn = any(not torch.equal(a, b) for a, b in zip(before[1:], self.states[1:], strict=True))
        self._go_to(self.outside)


def epoch_rows(
    images: int, per_epoch: int, batch: int, streams: Streams, known: Tensor, few: int
) -> Tensor:  # fmt: skip
    """The rows of an epoch's batches, in an order drawn now, each with `few` of `known`: [per_epoch, batch + few]."""
    rows = torch.randperm(images, generator=streams.order)[: per_epoch * batch].view(per_epoch, batch)
    return labelled.joined(rows, known, few, streams.order) if few else rows
