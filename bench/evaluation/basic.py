"""The basic evaluation of a latent model, made right after training: cheap, so that every run has it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from bench.evaluation import pictures, posterior
from bench.evaluation.sample_spread import sample_spread
from bench.spec.run import RunSpec
from bench.training.splits import Split


@torch.no_grad()
def evaluate_basic(
    model: Any, test: Split, run: RunSpec, mean: torch.Tensor, log_variance: torch.Tensor
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return metrics of the test set as a whole, and the arrays that pages draw from.

    Args:
        mean: of each test image's posterior, [N, Z], on the CPU: what is computed of it is small, and a GPU would load
            another library for it.
        log_variance: likewise.
    """
    found = posterior.describe(mean, log_variance)
    metrics = {
        "active_units": float(found.active_units),
        "kl_units": float(found.kl_units),
        "aggregate_kl": found.aggregate_kl,
    }
    arrays = {"kl_per_dim": found.kl.numpy(), "mean_variance": found.mean_variance.numpy()}
    arrays |= pictures.draw(model, test, run, mean.to(test.images.device))
    spread = sample_spread(model, mean.shape[1], run.seed, test.images.device)
    if math.isfinite(spread):  # a network may be trained well and give no numbers for some z that no image has
        metrics["sample_spread"] = spread
    return metrics, arrays
