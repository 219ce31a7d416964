"""bayes: a CVAE as a classifier: the label y with the largest bound on log p(x|y), labels being equally likely.

The same numbers bound log p(x): log (1/10) Σ_y exp(bound(x|y)) ≤ log p(x), since the logarithm of a sum grows with each
of its terms. That is what compares with a VAE.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.evaluation import Cost, Images, Part, Subject
from bench.evaluation.parts.iwae import LIKELIHOOD_SECONDS, bound_of_code
from bench.models.latent import CLASSES
from bench.models.streams import generator

SAMPLES = 8
"""Importance samples per image and label: one alone would decide by luck where two labels are close."""
IMAGES = 200
"""At once."""


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Classify all test images; see the module."""
    x = subject.test.fixed_targets(subject.run.likelihood, "test")
    parts = []
    for first in range(0, len(x), IMAGES):
        rows = slice(first, first + IMAGES)
        parts.append(class_bounds(subject, x[rows], f"bayes/{first}"))
        subject.report(min(1.0, (first + IMAGES) / len(x)))
    bounds = torch.cat(parts)  # [N, 10]
    predicted = bounds.argmax(1)
    correct = predicted == subject.test.labels
    marginal = bounds.logsumexp(1) - math.log(CLASSES)
    metrics = {"bayes_accuracy": float(correct.double().mean()), "elbo_marginal": float(marginal.mean())}
    counts = confusion(subject.test.labels.cpu().numpy(), predicted.cpu().numpy())
    return metrics, {"bayes_confusion": counts, "test_bayes_correct": correct.cpu().numpy()}


def class_bounds(subject: Subject, x: Tensor, stream: str) -> Tensor:
    """Return the bound on log p(x|y) of images [B, 1, 28, 28] for each label y: [B, 10], in nats.

    All labels share their noise, so that it cancels, and what the encoder's first layer makes of an image.
    """
    every = torch.arange(CLASSES, device=subject.device).repeat_interleave(len(x))
    codes = (each.view(CLASSES, len(x), -1) for each in subject.model.encode(x, every))
    columns = []
    for label, (mean, log_variance) in enumerate(zip(*codes, strict=True)):
        noise = generator(subject.run.seed, stream, subject.device)
        labels = torch.full((len(x),), label, device=subject.device)
        columns.append(bound_of_code(subject.model, mean, log_variance, x, labels, SAMPLES, noise).iwae)
    return torch.stack(columns, 1)


def confusion(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Count the images of each true label (row) and predicted label (column): [10, 10]."""
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def cost(settings: Mapping[str, Any], images: Images) -> Cost:
    """Return what it takes: each sample of each label is decoded."""
    decoded = CLASSES * SAMPLES * images.test
    return Cost(CLASSES * images.test, decoded, LIKELIHOOD_SECONDS * decoded)


PART = Part(
    "bayes",
    "CVAE as a Bayes classifier",
    run,
    cost=cost,
    protocol=2,
)
"""Protocol 1 summed the weights in float32."""
