"""How a trained model scores on a split: the mean of each metric, and the values per image behind it.

The binarisation of a split is fixed, and so is its latent noise: it comes from a stream of the run's seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archs.foreign.random_states import seeded
from bench.models.streams import generator, stream_seed
from bench.spec.run import RunSpec
from bench.tasks import Task
from bench.training.batches import stack_seeds
from bench.training.returned import check_scores
from bench.training.splits import Split
from bench.training.stack import Stack

EVALUATION_BATCH = 500
"""Images that a CPU evaluates at once."""

GPU_EVALUATION_IMAGES = 4_096
"""Images that a GPU evaluates at once, of all models of a stack together; but no fewer than a CPU of each."""


class Scores(NamedTuple):
    """How one model scores on a split."""

    means: dict[str, float]
    """The mean of each metric over the images."""

    values: dict[str, Any]
    """All that the task's `score` gives, per image: metrics [N], and what else there is, [N, …]."""


def evaluate(model: nn.Module, task: Task, data: Split, spec: RunSpec, split: str) -> Scores:
    """Score a model on a split.

    The binarisation is fixed; the latent noise comes from a stream of the run's seed, started anew at each call.

    Args:
        split: "validation" or "test", which names the streams.
    """
    (scores,) = evaluate_seeds([model], None, task, [data], [spec], split)
    return scores


def validate(
    models: Sequence[nn.Module],
    stack: Stack | None,
    task: Task,
    validation: Sequence[Split],
    specs: Sequence[RunSpec],
    failed: Container[int],
) -> dict[int, dict[str, float]]:
    """Return the validation metrics of each model that hasn't failed, by its index.

    On a GPU a stack is evaluated as one.

    Args:
        validation: of each model.
    """
    going_on = [index for index in range(len(models)) if index not in failed]
    if stack and validation[0].images.device.type != "cpu":
        found = evaluate_seeds(models, stack, task, validation, specs, "validation")
        return {index: found[index].means for index in going_on}
    return {
        index: evaluate(models[index], task, validation[index], specs[index], "validation").means for index in going_on
    }


@torch.no_grad()
def evaluate_seeds(
    models: Sequence[nn.Module],
    stack: Stack | None,
    task: Task,
    data: Sequence[Split],
    specs: Sequence[RunSpec],
    split: str,
) -> list[Scores]:
    """Score several models that differ in nothing but their seed as `evaluate` does: as one, if they are a stack.

    Args:
        data: of each model, all of one size.
    """
    spec, images = specs[0], len(data[0].labels)
    for model in models:
        model.eval()
    data = [dataclasses.replace(each, known_levels=each.target_levels(spec.likelihood, split)) for each in data]
    dtype = next(models[0].parameters()).dtype
    noise = stack_seeds(
        [
            evaluation_noise(each, task.width(each.latent_dim), own, split, dtype)
            for each, own in zip(specs, data, strict=True)
        ]
    )  # [S, N, Z]
    at_once = EVALUATION_BATCH
    if data[0].images.device.type != "cpu":
        at_once = max(EVALUATION_BATCH, GPU_EVALUATION_IMAGES // len(models))
    parts: list[dict[str, Tensor]] = []
    with seeded(stream_seed(spec.seed, f"layers/{split}"), data[0].images.device):  # for layers that draw even here
        for first in range(0, images, at_once):
            rows = slice(first, first + at_once)
            x = stack_seeds([each.fixed_targets(spec.likelihood, split, rows).to(dtype) for each in data])
            labels = stack_seeds([each.labels[rows] for each in data])
            if stack:
                parts.append(stack.apply(task.score, x, labels, noise[:, rows]))
            else:
                scores = task.score(models[0], x[0], labels[0], noise[0, rows])
                check_scores(task, scores, len(labels[0]))
                parts.append({name: value.unsqueeze(0) for name, value in scores.items()})
    stacked = {name: torch.cat([part[name] for part in parts], 1).cpu().numpy() for name in parts[0]}  # [S, N, …]
    return [scores_of({name: value[index] for name, value in stacked.items()}) for index in range(len(models))]


def scores_of(values: dict[str, Any]) -> Scores:
    """Average what a task's `score` gave for one model; what has more than one number per image is no metric."""
    means = {name: float(value.mean(dtype="float64")) for name, value in values.items() if value.ndim == 1}
    return Scores(means, values)


def evaluation_noise(spec: RunSpec, width: int, data: Split, split: str, dtype: torch.dtype) -> Tensor:
    """Draw a row of noise for each image of a split, [N, W], for as many images at a time as a CPU evaluates."""
    device, images = data.images.device, len(data.labels)
    draw = generator(spec.seed, f"latent/{split}", device)
    sizes = [(min(EVALUATION_BATCH, images - first), width) for first in range(0, images, EVALUATION_BATCH)]
    return torch.cat([torch.randn(size, generator=draw, device=device, dtype=dtype) for size in sizes])
