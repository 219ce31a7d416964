"""iwae: the importance-weighted bound on log p(x) (a CVAE's: on log p(x|y)) of trained models."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.evaluation import EvaluationRequest, Part, Subject
from bench.evaluation.importance import importance_bound
from bench.models.likelihood import log_likelihood
from bench.models.streams import generator

IMAGES = 50
"""Whose bounds are computed together."""

DECODED = 2_000
"""Images decoded at once: the largest arrays are [DECODED, 8…32, 28, 28]."""


def spread(images: int, total: int) -> np.ndarray:
    """Return `images` indices, spread evenly over the test set: MNIST's first half is easier than its second."""
    return np.arange(images) * total // images


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Compute the bound on all test images, or on as many as the settings say."""
    k, total = subject.settings["samples"], len(subject.test.labels)
    chosen = spread(min(subject.settings["images"] or total, total), total)
    rows = torch.from_numpy(chosen).to(subject.device)
    x = subject.test.fixed_targets(subject.run.likelihood, "test", rows)
    labels = subject.test.labels[rows]
    noise = generator(subject.run.seed, "iwae", subject.device)
    found = []
    for first in range(0, len(x), IMAGES):
        some = slice(first, first + IMAGES)
        found.append(bound_of(subject.model, x[some], labels[some], k, noise))
        subject.report(min(1.0, (first + IMAGES) / len(x)))
    iwae = torch.cat(found).cpu().numpy()
    name = f"k{k}_n{len(x)}"
    metrics = {f"iwae_{name}": float(iwae.mean(dtype="float64"))}
    if subject.test_elbo is not None:
        metrics[f"iwae_gap_{name}"] = float((iwae - subject.test_elbo[chosen]).mean(dtype="float64"))
    return metrics, {f"test_iwae_{name}": iwae}


def bound_of(model: Any, x: Tensor, labels: Tensor, samples: int, noise: torch.Generator) -> Tensor:
    """Return L_k of a VAE or CVAE for images x [B, 1, 28, 28] of these labels [B]: [B], in nats."""
    mean, log_variance = model.encode(x, labels)

    def likelihood(z: Tensor) -> Tensor:
        count = len(z)
        logits = model.decode(z.flatten(0, 1), labels.repeat(count))
        return log_likelihood(logits, x.repeat(count, 1, 1, 1)).view(count, len(x))

    return importance_bound(mean, log_variance, likelihood, samples, noise, max(1, DECODED // len(x))).iwae


def settings(request: EvaluationRequest) -> dict[str, Any]:
    """Return what the bound depends on, of what is asked."""
    return {"samples": request.iwae_samples, "images": request.iwae_images}


PART = Part("iwae", "importance-weighted bound", run, settings)
