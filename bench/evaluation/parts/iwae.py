"""iwae: the importance-weighted bound on log p(x) (a CVAE's: on log p(x|y)) of trained models.

Beside it the ELBO of the same samples and images, so that what more samples gain has no luck of other samples in it.
Protocol 1 subtracted the run's recorded ELBO, of one other sample of each image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.evaluation import Cost, EvaluationRequest, Images, Part, Subject
from bench.evaluation.importance import Bounds, importance_bound
from bench.models.likelihood import log_likelihood
from bench.models.streams import generator
from bench.spec.metrics import bound_images

IMAGES = 50
"""Whose bounds are computed together."""

LIKELIHOOD_SECONDS = 3e-6
"""Of a decoded image: the sum over its pixels."""

DECODED = 2_000
"""Images decoded at once: the largest arrays are [DECODED, 8…32, 28, 28]."""


def run(subject: Subject) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Compute the bound on all test images, or on as many as the settings say."""
    k, total = subject.settings["samples"], len(subject.test.labels)
    chosen = bound_images(min(subject.settings["images"] or total, total), total)
    rows = torch.tensor(chosen, device=subject.device)
    x = subject.test.fixed_targets(subject.run.likelihood, "test", rows)
    labels = subject.test.labels[rows]
    noise = generator(subject.run.seed, "iwae", subject.device)
    found = []
    for first in range(0, len(x), IMAGES):
        some = slice(first, first + IMAGES)
        found.append(bound_of(subject.model, x[some], labels[some], k, noise))
        subject.report(min(1.0, (first + IMAGES) / len(x)))
    iwae, elbo = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
    name = f"k{k}_n{len(x)}"
    metrics = {
        f"iwae_{name}": float(iwae.mean()),
        f"iwae_elbo_{name}": float(elbo.mean()),
        f"iwae_gain_{name}": float((iwae - elbo).mean()),
    }
    return metrics, {f"test_iwae_{name}": iwae.astype("float32"), f"test_iwae_elbo_{name}": elbo.astype("float32")}


def bound_of(model: Any, x: Tensor, labels: Tensor, samples: int, noise: torch.Generator) -> Bounds:
    """Return the bounds of a VAE or CVAE for images x [B, 1, 28, 28] of these labels [B]."""
    mean, log_variance = model.encode(x, labels)
    return bound_of_code(model, mean, log_variance, x, labels, samples, noise)


def bound_of_code(
    model: Any, mean: Tensor, log_variance: Tensor, x: Tensor, labels: Tensor, samples: int, noise: torch.Generator
) -> Bounds:
    """Do what `bound_of` does, with q(z|x) [B, Z] as it is known already."""

    def likelihood(z: Tensor) -> Tensor:
        count = len(z)
        logits = model.decode(z.flatten(0, 1), labels.repeat(count))
        return log_likelihood(logits, x.repeat(count, 1, 1, 1)).view(count, len(x))

    return importance_bound(mean, log_variance, likelihood, samples, noise, max(1, DECODED // len(x)))


def settings(request: EvaluationRequest) -> list[dict[str, Any]]:
    """Return what the bound depends on, of what is asked."""
    return [{"samples": request.iwae_samples, "images": request.iwae_images}]


def cost(settings: Mapping[str, Any], images: Images) -> Cost:
    """Return what it takes: each sample is decoded."""
    count = min(settings["images"] or images.test, images.test)
    decoded = settings["samples"] * count
    return Cost(count, decoded, LIKELIHOOD_SECONDS * decoded)


PART = Part("iwae", "importance-weighted bound", run, settings, cost=cost, protocol=2)
