"""How much of what a model draws depends on its latent code: the spread of its samples over z."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.models.streams import generator
from bench.spec.metrics import SPREAD_SAMPLES


@torch.no_grad()
def sample_spread(model: Any, latent_dim: int, seed: int, device: torch.device) -> float:
    """Return the standard deviation of p(x = 1 | z) of a pixel over z ~ N(0, I), as the mean over pixels: 0 to 0.5.

    Of a model that knows labels it is that given the label, as the mean over labels too: what the label changes is not
    counted. It is 0 if, and only if, the decoder draws the same image for every z that was tried.

    Args:
        seed: of the run; every architecture is given the same z.
    """
    draw = generator(seed, "sample spread")
    z = torch.randn(SPREAD_SAMPLES, latent_dim, generator=draw).to(device)
    labels = z.new_zeros(SPREAD_SAMPLES, dtype=torch.long)
    found: list[Tensor] = []
    for label in range(model.classes or 1):
        probabilities = torch.sigmoid(model.decode(z, labels + label)).double()  # [S, 1, 28, 28]
        found.append((probabilities - probabilities[:1]).std(0, correction=0).mean())
    return float(torch.stack(found).mean())
