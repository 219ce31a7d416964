"""From specs to trained models: one run, or several seeds of it, as one stack if they can be trained so."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from archs.errors import one_line
from bench.machine import cuda
from bench.models.trying import untouched
from bench.spec.conduct import Conduct
from bench.spec.progress import Progress
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.cuda_graph import CaptureFailed
from bench.training.loop import Trained, run_to_completion, train_in_turns
from bench.training.scores import EVALUATION_BATCH, evaluate
from bench.training.splits import Split, splits_of
from bench.training.stackable import why_not_stack
from bench.worker.conduct import Examined, check_start, examine
from bench.worker.dataset import dataset_of
from bench.worker.failures import out_of_memory, reason
from bench.worker.restore import (
    arch_and_fingerprint,
    arch_of,
    check_label_input,
    task_and_fingerprint,
    task_of,
    to_device,
)
from bench.worker.site import Site

Report = Callable[[Progress], None]

START_IMAGES = 10
"""Validation images that a model is tried with before its first step."""


class PreparedModel(NamedTuple):
    """A model about to be trained."""

    model: nn.Module

    layers: list[dict[str, Any]]
    """Its layer table."""

    conduct: Mapping[Conduct, str]
    """What was remarked of it."""

    splits: dict[str, Split]
    """The data on the device."""

    metrics: dict[str, float]
    """What it scores before the first step."""


class Beginning(NamedTuple):
    """When something began."""

    date: float
    """In seconds since 1970."""

    clock: float
    """In seconds, by a clock that nobody sets."""

    @classmethod
    def now(cls) -> Beginning:
        """Return this moment."""
        return cls(time.time(), time.monotonic())

    def end(self) -> float:
        """Return this moment in seconds since 1970, never before the beginning, even if the date was set back since."""
        return self.date + time.monotonic() - self.clock


class TrainingResult(NamedTuple):
    """What became of the training of one run."""

    outcome: Trained | BaseException
    """An error if it could not be trained, or diverged."""

    begun: Beginning

    prepared: PreparedModel | None = None
    """The model, with what was known of it before; None if it could not be built."""

    stack_size: int = 1
    """How many seeds were trained as one, this run included."""

    stack_refused: str | None = None
    """Why a stack that was wanted could not be trained as one."""


class OutOfMemoryWithOthers(RuntimeError):
    """Memory was too small for a group beside the others in its process; alone it may be large enough."""


@dataclass(frozen=True)
class Neighbours:
    """What a group of runs knows of the others that are trained side by side with it in the same process."""

    clock: Callable[[], float] = time.perf_counter
    """Its own share of the seconds that pass."""

    count: Callable[[], int] = lambda: 0
    """How many others there are now."""


def train_group(
    specs: Sequence[RunSpec], site: Site, graph: bool, report: Report, neighbours: Neighbours
) -> Generator[None, None, list[TrainingResult]]:
    """Train runs that differ in seed and learning rate alone; yield whenever others could be given something to do.

    Whatever stops a stack is the reason that it was refused: each run is then trained alone. A stack that memory is too
    small for is halved instead.

    Args:
        graph: whether the steps may be CUDA graphs.

    Returns:
        A result for each run.

    Raises:
        OutOfMemoryWithOthers: memory was too small, and the process has other groups.
        CaptureFailed: the process can't use its GPU any more; as after an error that `cuda.is_lost` knows.
    """
    prepared, models, begun = list[PreparedModel](), list[nn.Module](), Beginning.now()
    parts = [[spec] for spec in specs]
    try:
        task, prepared = task_of(specs[0], site.plugins), [prepare(specs[0], site)]
        prepared += [prepare(spec, site) for spec in specs[1:]]
        models = [each.model for each in prepared]
        refused = why_not_stack(models, task, specs[0]) if len(specs) > 1 else None
        if refused is None:
            data, validation = ([each.splits[name] for each in prepared] for name in ("train", "val"))
            outcomes = yield from train_in_turns(models, task, specs, data, validation, report, graph, neighbours.clock)
            pairs = zip(prepared, outcomes, strict=True)
            return [TrainingResult(outcome, begun, each, len(specs)) for each, outcome in pairs]
    except BaseException as error:  # a layer may call sys.exit
        raise_if_not_of_the_run(error, neighbours)
        if len(specs) == 1:
            return [TrainingResult(error, begun)]
        if out_of_memory(error):
            half = len(specs) // 2
            parts = [list(specs[:half]), list(specs[half:])]
        refused = reason(error)
    del prepared, models  # before they are built again
    results: list[TrainingResult] = []
    for part in parts:
        results += yield from train_group(part, site, graph, report, neighbours)
    return [result._replace(stack_refused=result.stack_refused or refused) for result in results]


def train_alone(spec: RunSpec, site: Site, report: Report) -> TrainingResult:
    """Train one run by itself, from beginning to end."""
    (result,) = run_to_completion(train_group([spec], site, site.graph, report, Neighbours()))
    return result


def raise_if_not_of_the_run(error: BaseException, neighbours: Neighbours) -> None:
    """Raise an error that is no failure of the run in which it came: one of the whole process, or of its neighbours."""
    if isinstance(error, CaptureFailed | KeyboardInterrupt | GeneratorExit) or cuda.is_lost(error):
        raise error
    if out_of_memory(error) and neighbours.count():
        raise OutOfMemoryWithOthers(one_line(error)) from error


def prepare(spec: RunSpec, site: Site) -> PreparedModel:
    """Build the model of a run on the device, and score it before its first step."""
    arch, task = arch_of(spec, site.plugins), task_of(spec, site.plugins)
    device = torch.device(site.device)
    dataset = dataset_of(spec, site)
    layers, conduct = examined(spec, site.plugins)
    model = to_device(task.new_model(arch, spec.latent_dim, spec.seed), device)
    check_label_input(spec, model)
    splits = splits_of(dataset, spec, device)
    if device.type == "cuda":  # the next to use them may be on another stream
        torch.cuda.current_stream(device).synchronize()
    return PreparedModel(model, layers, conduct, splits, untrained_scores(model, task, splits["val"], spec))


def examined(spec: RunSpec, plugins: Sequence[str]) -> Examined:
    """Return what is known of a run's architecture before its training; it is tried out once for all seeds."""
    return examined_once(spec.arch, spec.arch_fingerprint, spec.task, spec.latent_dim, tuple(plugins))


@functools.cache
def examined_once(name: str, fingerprint: str, task: str, latent_dim: int | None, plugins: tuple[str, ...]) -> Examined:
    """Try an architecture out; see `bench.worker.conduct`."""
    return examine(arch_and_fingerprint(name, plugins)[0], task_and_fingerprint(task, plugins)[0], latent_dim, 0)


def untrained_scores(model: nn.Module, task: Task, validation: Split, spec: RunSpec) -> dict[str, float]:
    """Score a model with an ELBO before its first step, on one batch: near −784 ln 2, or something is wrong.

    Raises:
        Diverged: what the model gives is no finite number.
    """
    few = Split(validation.images[:EVALUATION_BATCH], validation.labels[:EVALUATION_BATCH])
    with untouched(model) as lent:
        known = task.bounds is not None
        scores = {"untrained_elbo": evaluate(lent, task, few, spec, "validation").means["elbo"]} if known else {}
        some = slice(START_IMAGES)
        check_start(spec.arch, lent, validation.fixed_targets(spec.likelihood, "validation", some), few.labels[some])
    return scores
