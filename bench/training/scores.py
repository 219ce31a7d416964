"""How a trained model scores on a split: the mean of each metric, and the values per image behind it.

The binarisation of a split is fixed, and so is its latent noise: it comes from a stream of the run's seed.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.models.likelihood import evaluation_targets
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.batches import together
from bench.training.stack import Stack

EVALUATION_BATCH = 500
EVALUATED_AT_ONCE = 4_096  # images on a GPU, of all models together, but no fewer than EVALUATION_BATCH of each


@dataclass(frozen=True)
class Split:
    """Images uint8 [N, 28, 28] and labels int64 [N], both on the device. scored: what `levels` gives, if known."""

    images: Tensor
    labels: Tensor
    scored: Tensor | None = None

    def levels(self, likelihood: str | None, split: str) -> Tensor:
        """The targets of an evaluation as `bench.models.likelihood.evaluation_targets`: a quarter of what they take as float."""
        if self.scored is not None:
            return self.scored
        return evaluation_targets(self.images, likelihood, split).to(self.images.device)

    def fixed(self, likelihood: str | None, split: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """The targets of an evaluation, float32 [N, 1, 28, 28] in 0 to 1; of some of its images."""
        return self.levels(likelihood, split)[rows].float() / 255

    @functools.cached_property
    def targets_hash(self) -> str:
        """Of the targets, which must be there: two runs with the same hash were scored on the same pixels."""
        assert self.scored is not None
        return hashlib.sha256(self.scored.cpu().numpy().data).hexdigest()[:16]


def evaluate(
    model: nn.Module, task: Task, data: Split, spec: RunSpec, split: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """The mean of each metric over the split; and the values per image behind them, [N], with what else the task's
    `score` gives.

    The binarisation is fixed; the latent noise comes from a stream of the run's seed, started anew at each call.
    """
    ((means, values),) = evaluate_seeds([model], None, task, data, [spec], split)
    return means, values


def validated(
    models: Sequence[nn.Module],
    stack: Stack | None,
    task: Task,
    validation: Split,
    specs: Sequence[RunSpec],
    failed: Container[int],
) -> dict[int, dict[str, float]]:
    """The metrics of each model that hasn't failed, by its index. On a GPU a stack is evaluated as one."""
    going_on = [index for index in range(len(models)) if index not in failed]
    if stack and validation.images.device.type != "cpu":
        found = evaluate_seeds(models, stack, task, validation, specs, "validation")
        return {index: found[index][0] for index in going_on}
    return {index: evaluate(models[index], task, validation, specs[index], "validation")[0] for index in going_on}


@torch.no_grad()
def evaluate_seeds(
    models: Sequence[nn.Module], stack: Stack | None, task: Task, data: Split, specs: Sequence[RunSpec], split: str
) -> list[tuple[dict[str, float], dict[str, Any]]]:
    """`evaluate` of several models that differ in nothing but their seed: as one, if they are a stack."""
    spec = specs[0]
    for model in models:
        model.eval()
    data = dataclasses.replace(data, scored=data.levels(spec.likelihood, split))
    dtype = next(models[0].parameters()).dtype
    noise = together(
        [evaluation_noise(each, task.width(each.latent_dim), data, split, dtype) for each in specs]
    )  # [S, N, Z]
    at_once = EVALUATION_BATCH
    if data.images.device.type != "cpu":
        at_once = max(EVALUATION_BATCH, EVALUATED_AT_ONCE // len(models))
    parts: list[dict[str, Tensor]] = []
    for first in range(0, len(data.labels), at_once):
        rows = slice(first, first + at_once)
        x, labels = data.fixed(spec.likelihood, split, rows).to(dtype), data.labels[rows]
        if stack:
            parts.append(stack.apply(scored_alone(task), noise[:, rows], shared=(x, labels)))
        else:
            scores = task.score(models[0], x, labels, noise[0, rows])
            parts.append({name: value.unsqueeze(0) for name, value in scores.items()})
    values = {name: torch.cat([part[name] for part in parts], 1).cpu().numpy() for name in parts[0]}  # [S, N, …]
    each = [{name: value[index] for name, value in values.items()} for index in range(len(models))]
    return [
        ({name: float(value.mean(dtype="float64")) for name, value in own.items() if value.ndim == 1}, own)
        for own in each
    ]


def evaluation_noise(spec: RunSpec, width: int, data: Split, split: str, dtype: torch.dtype) -> Tensor:
    """A row of noise for each image of a split, [N, W], drawn for as many images at a time as a CPU evaluates."""
    device, images = data.images.device, len(data.labels)
    draw = generator(spec.seed, f"latent/{split}", device)
    sizes = [(min(EVALUATION_BATCH, images - first), width) for first in range(0, images, EVALUATION_BATCH)]
    return torch.cat([torch.randn(size, generator=draw, device=device, dtype=dtype) for size in sizes])


def scored_alone(task: Task) -> Callable[..., dict[str, Tensor]]:
    """A task's score with the noise first, which is what differs between the members of a stack."""
    return lambda model, noise, x, labels: task.score(model, x, labels, noise)
