"""reader: the classifier q(y|x) of M2 on the labelled images alone, to tell what the images without a label are worth.

A run of a seed begins with the weights of the reader of that seed's `bench.tasks.m2`, and is shown the same labelled
images, binarised by the same coins, in the same order and for as many steps. It never looks at the others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.tasks import Task
from bench.tasks.classifier import Classifier, build, score


def loss(
    model: Classifier,
    x: Tensor,
    labels: Tensor,
    noise: torch.Generator | Tensor,
    labelled: int,
    known: int,
    images: int,
) -> Tensor:
    """Return the mean cross-entropy, in nats, of the labelled images: the last `labelled` of x [B, 1, 28, 28]."""
    return F.cross_entropy(model(x[-labelled:]), labels[-labelled:])


def noise_rows(batch: int, labelled: int) -> tuple[int, ...]:
    """Return that it takes no noise."""
    return (0,)


TASK = Task(
    name="reader",
    summary="M2's classifier trained on the labelled images alone; test accuracy",
    primary="accuracy",
    kept={"test_correct": "accuracy"},
    needs_decoder=False,
    needs_labels=True,
    labelled_only=True,
    draws_pixels=True,
    label="Reader alone",
    subject="With few labels and no other images",
    better="{winner} classifies better with few labels and no other images",
    best="{winner} classifies best with few labels and no other images",
    measured="test accuracy of the reader alone",
    build=build,
    loss=loss,
    score=score,
    noise_rows=noise_rows,
)
