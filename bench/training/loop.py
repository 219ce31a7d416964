"""The one training loop, the same for every task: seeded, data on the device, Adam with warm-up and cosine decay."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from bench.models.streams import Streams, stream_seed
from bench.spec.progress import Progress
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.batches import Feed
from bench.training.labelled import Labelled
from bench.training.losses import Diverged, LossReader, PendingLosses
from bench.training.random_state import IsolatedRandomState
from bench.training.schedule import learning_rate
from bench.training.scores import validate
from bench.training.splits import Split
from bench.training.stack import Stack
from bench.training.steps import Stepper

CHUNK_STEPS = 20
"""Steps from one reading of the loss to the next. A GPU is given them all at once."""

Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Trained:
    """A training that went to its end."""

    history: list[dict[str, float]]
    """A row per epoch."""

    seconds: float
    """Of training steps; of several trainings side by side, its share."""

    images: int
    """Seen in those steps, each as often as it was."""

    used_graph: bool = False
    """Whether the steps were replays of a CUDA graph."""

    graph_refused: str | None = None
    """Why they weren't, where that was wanted."""


def train(
    model: nn.Module,
    task: Task,
    spec: RunSpec,
    data: Split,
    validation: Split,
    report: Callable[[Progress], None] = lambda progress: None,
    graph: bool = False,
) -> Trained:
    """Train one model in place; see `train_seeds`.

    Raises:
        Diverged: as soon as a reading of the loss finds it not finite.
    """
    (outcome,) = train_seeds([model], task, [spec], [data], [validation], report, graph)
    if isinstance(outcome, Diverged):
        raise outcome
    return outcome


def train_seeds(
    models: Sequence[nn.Module],
    task: Task,
    specs: Sequence[RunSpec],
    data: Sequence[Split],
    validation: Sequence[Split],
    report: Callable[[Progress], None] = lambda progress: None,
    graph: bool = False,
) -> list[Trained | Diverged]:
    """Train models that differ in nothing but seed and learning rate, in place; several of them as one stack.

    Args:
        data: the training split of each seed, all of one size.
        validation: the images that each seed holds out.
        report: takes the progress, at each reading of the loss.
        graph: capture the step once as a CUDA graph and replay it.

    Returns:
        One outcome for each model. A model that diverges does not stop the others. The seconds of a model are its share
        of the stack's.
    """
    return run_to_completion(train_in_turns(models, task, specs, data, validation, report, graph, time.perf_counter))


def run_to_completion(turns: Generator[None, None, Returned]) -> Returned:
    """Exhaust a generator that yields between its turns; return what it returns."""
    while True:
        try:
            next(turns)
        except StopIteration as end:
            returned: Returned = end.value
            return returned


def train_in_turns(
    models: Sequence[nn.Module],
    task: Task,
    specs: Sequence[RunSpec],
    data: Sequence[Split],
    validation: Sequence[Split],
    report: Callable[[Progress], None],
    graph: bool,
    clock: Callable[[], float],
    streams: Sequence[Streams] | None = None,
) -> Generator[None, None, list[Trained | Diverged]]:
    """Do what `train_seeds` does, a few steps at a time.

    It yields when a GPU has been given something to do, so that another training can give it something too. What it
    draws and computes depends on no other training: docs/decisions.md#training-is-a-generator.

    Args:
        streams: what each model draws from; None: those of its spec's seed. A study mixes those of several.
    """
    spec, device, count, images = specs[0], data[0].images.device, len(specs), len(data[0].labels)
    on_cpu = device.type == "cpu"
    batch = min(spec.batch_size, images)
    per_epoch = images // batch  # the few images left over are others in the next epoch
    steps, done = spec.steps or per_epoch * spec.epochs, 0
    labelled = Labelled(specs, batch, [each.labels for each in data])
    stack = Stack(models) if count > 1 else None
    rows_per_step = batch + labelled.per_batch
    streams = streams or [Streams.of(each.seed, device) for each in specs]
    noise_rows = task.noise_rows(rows_per_step, labelled.per_batch)
    dtype, width = next(models[0].parameters()).dtype, task.width(spec.latent_dim)
    feed = Feed(data, spec, streams, noise_rows, dtype, width)
    peaks = [each.lr for each in specs]
    stepper = Stepper(models, labelled.bind(task.loss), feed, stack, own_rates=len(set(peaks)) > 1)
    random_state = IsolatedRandomState(stream_seed(spec.seed, "dropout"), device)
    if graph:
        with random_state:
            for model in models:
                model.train()
            rows = torch.arange(min(CHUNK_STEPS, per_epoch) * count * rows_per_step, device=device) % images
            trial = feed.with_streams([Streams.of(each.seed, device) for each in specs])  # the run draws its own later
            stepper.capture(trial.draw(rows.view(-1, count, rows_per_step)))

    reader = LossReader(count, steps, report)
    history: list[list[dict[str, float]]] = [[] for _ in specs]
    seconds = 0.0
    for epoch in range(1, math.ceil(steps / per_epoch) + 1):
        of_epoch = min(per_epoch, steps - done)  # the last one may be cut short
        for model in models:
            model.train()
        started = clock()
        rows = epoch_rows(streams, images, per_epoch, batch, labelled)[:of_epoch].to(device)
        rates = rates_of(range(done, done + of_epoch), steps, peaks, device, dtype)
        total, pending = torch.zeros(count), deque[PendingLosses]()
        for first, last in chunks(done, of_epoch):
            with random_state:
                losses = stepper.take(rows[first:last], rates[first:last])
            done += last - first
            pending.append(PendingLosses(losses, last - first, done))
            if not on_cpu:
                if random_state.gpu_was_used:  # torch 2.11 has one place for the random state of all replayed graphs
                    torch.cuda.current_stream(device).synchronize()
                yield
            # a GPU is asked for the losses of a chunk when it has the next one to do
            while len(pending) > (0 if on_cpu or last == of_epoch else 1):
                total += reader.read(pending.popleft(), epoch)
                if reader.none_is_left:
                    return [reader.diverged[index] for index in range(count)]
        losses_of_epoch = (total / of_epoch).tolist()
        seconds += clock() - started
        with random_state:
            scored = validate(models, stack, task, validation, specs, reader.diverged)
        for index, scores in scored.items():
            numbers = {f"val_{task.primary}": scores[task.primary], "seconds": seconds / count}
            history[index].append({"epoch": epoch, "train_loss": losses_of_epoch[index], **numbers})
    used_graph, refused = stepper.uses_graph, stepper.graph_refused
    return [
        reader.diverged.get(index, Trained(history[index], seconds / count, steps * batch, used_graph, refused))
        for index in range(count)
    ]


def rates_of(
    numbers: range, steps: int, peaks: Sequence[float], device: torch.device, dtype: torch.dtype
) -> list[float] | Tensor:
    """Return the learning rates of some steps: [K], on a CPU as numbers; or [K, S], where the models' peaks differ."""
    if len(set(peaks)) > 1:
        each = [[learning_rate(step, steps, peak) for peak in peaks] for step in numbers]
        return torch.tensor(each, device=device, dtype=dtype)
    common = [learning_rate(step, steps, peaks[0]) for step in numbers]
    return common if device.type == "cpu" else torch.tensor(common, device=device)


def chunks(done: int, of_epoch: int) -> Iterator[tuple[int, int]]:
    """Yield an epoch's steps from one reading of the loss to the next, as first and last + 1.

    A reading is due whenever the number of all steps so far is a multiple of `CHUNK_STEPS`, and at the epoch's end.

    Args:
        done: steps of earlier epochs.
        of_epoch: steps of this one.
    """
    first = 0
    while first < of_epoch:
        last = min(first + CHUNK_STEPS - (done + first) % CHUNK_STEPS, of_epoch)
        yield first, last
        first = last


def epoch_rows(streams: Sequence[Streams], images: int, per_epoch: int, batch: int, labelled: Labelled) -> Tensor:
    """Draw the order of an epoch: the image indices of each batch, [per_epoch, S, batch + labelled ones]."""
    orders = []
    for index, stream in enumerate(streams):
        order = torch.randperm(images, generator=stream.order)[: per_epoch * batch].view(per_epoch, batch)
        orders.append(labelled.append_to(order, index, stream.order))
    return torch.stack(orders, 1)
