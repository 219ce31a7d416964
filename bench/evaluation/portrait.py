"""The basic evaluation of a latent model, made right after training: cheap, so that every run has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.evaluation import pictures, posterior
from bench.likelihood import fixed_targets
from bench.spec import RunSpec
from bench.train import EVALUATION_BATCH, Split


@torch.no_grad()
def means(model: Any, data: Split, run: RunSpec, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Posterior means and log-variances of a split's fixed targets, each [N, Z]."""
    x = fixed_targets(data.images, run.likelihood, split).to(data.images.device)
    parts = [
        model.encode(*batch)
        for batch in zip(x.split(EVALUATION_BATCH), data.labels.split(EVALUATION_BATCH), strict=True)
    ]
    mean, log_variance = (torch.cat(part) for part in zip(*parts, strict=True))
    return mean, log_variance


@torch.no_grad()
def portrait(model: Any, test: Split, run: RunSpec) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Metrics of the test set as a whole, and the arrays that pages draw from."""
    mean, log_variance = means(model, test, run, "test")
    found = posterior.describe(mean, log_variance)
    metrics = {"active_units": float(found.active), "aggregate_kl": found.aggregate_kl}
    arrays = {"kl_per_dim": found.kl.cpu().numpy(), "mean_variance": found.variance.cpu().numpy()}
    return metrics, arrays | pictures.draw(model, test, run, mean)
