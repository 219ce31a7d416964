"""The latent codes of a trained VAE: Gaussians q(z|x) of the images of a split."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench.training.scores import EVALUATION_BATCH
from bench.training.splits import Split

LIVE_DEVIATION = 0.1
"""A dimension is live if its posterior mean has a larger standard deviation over the training images, as in the code of
Kingma et al. 2014."""


class Codes(NamedTuple):
    """The Gaussians q(z|x) of N images."""

    mean: Tensor
    """[N, Z]."""

    deviation: Tensor
    """Standard deviations, [N, Z]."""

    def select(self, dimensions: Tensor) -> Codes:
        """Return some of the dimensions, given by index."""
        return Codes(self.mean[:, dimensions], self.deviation[:, dimensions])

    def draw(self, rows: Tensor, noise: Tensor) -> Tensor:
        """Return a sample of some of the codes: [B, Z].

        Args:
            rows: [B].
            noise: standard normal [B, Z].
        """
        return self.mean[rows] + self.deviation[rows] * noise


@torch.no_grad()
def codes_of(model: Any, data: Split, likelihood: str | None, split: str) -> Codes:
    """Encode a split.

    Args:
        likelihood: what is made of its pixels; see `bench.models.likelihood.evaluation_targets`.
        split: "train", "validation" or "test", which names the stream of coins.
    """
    levels, means, deviations = data.target_levels(likelihood, split), [], []
    for some, labels in zip(levels.split(EVALUATION_BATCH), data.labels.split(EVALUATION_BATCH), strict=True):
        mean, log_variance = model.encode(some.float() / 255, labels)
        means.append(mean)
        deviations.append(torch.exp(0.5 * log_variance))
    return Codes(torch.cat(means), torch.cat(deviations))


def live_dimensions(codes: Codes) -> Tensor:
    """Return the indices of the dimensions that vary over the images."""
    return (codes.mean.double().std(0, correction=0) > LIVE_DEVIATION).nonzero().flatten()
