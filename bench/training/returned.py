"""What a task's functions return, held to what `bench.tasks.Task` says of them: another's task may be mistaken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from archs.errors import UserError
from archs.foreign.entries import kind_of
from bench.tasks import Task


def check_loss(loss: Any) -> None:
    """Raise `UserError` unless a loss is one number that can be differentiated."""
    if not isinstance(loss, Tensor):
        raise UserError(f"the task's loss returns {kind_of(loss)}, expected a tensor: the batch's mean loss")
    if loss.ndim:
        raise UserError(f"the task's loss returns {list(loss.shape)} numbers, expected one: the batch's mean loss")
    if not loss.requires_grad:
        raise UserError(
            "the task's loss returns a number without gradient; compute it from the model, without detach()"
        )


def check_scores(task: Task, scores: Any, images: int) -> None:
    """Raise `UserError` unless a score has a value per image for each metric of its task."""
    if not isinstance(scores, Mapping):
        raise UserError(f"the score of task {task.name} returns {kind_of(scores)}, expected {{metric: values [B]}}")
    for name in task.scores:
        if name not in scores:
            raise UserError(f"the score of task {task.name} returns {', '.join(map(str, scores))}, and lacks {name}")
    for name, values in scores.items():
        found = list(values.shape) if isinstance(values, Tensor) else kind_of(values)
        if not isinstance(values, Tensor) or not values.ndim or len(values) != images:
            raise UserError(
                f"the score of task {task.name} returns {found} as {name} of {images} images, expected a value per "
                "image, without their mean"
            )
