"""The importance-weighted bound of Burda et al. 2016 (arXiv 1509.00519), in log space and in chunks that fit memory.

L_k = E log (1/k) Σ p(x, z_i) / q(z_i | x),  z_i ~ q(z | x):   ELBO = L_1 ≤ L_k ≤ L_{k+1} ≤ log p(x)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Bounds(NamedTuple):
    """Two bounds on log p(x) of each image, in nats."""

    iwae: Tensor
    """L_k, float64 [B]."""

    elbo: Tensor
    """The ELBO as the mean over the same k samples, float64 [B]: at most L_k, since a logarithm is concave."""


def importance_bound(
    mean: Tensor,
    log_variance: Tensor,
    log_likelihood: Callable[[Tensor], Tensor],
    samples: int,
    noise: torch.Generator,
    chunk: int,
) -> Bounds:
    """Compute L_k for B images, with a Gaussian q(z|x) and the prior N(0, I); the weights are summed in float64.

    Args:
        mean: of q(z|x), [B, Z].
        log_variance: likewise.
        log_likelihood: z [S, B, Z] → log p(x|z) [S, B].
        samples: k, at least 1.
        chunk: samples per image that are in memory at once. It fixes how the noise is drawn, so it is part of a
            protocol.
    """
    total = torch.full_like(mean[:, 0], -math.inf, dtype=torch.float64)  # log of the sum of the weights so far
    plain = torch.zeros_like(total)
    for first in range(0, samples, chunk):
        count = min(chunk, samples - first)
        epsilon = torch.randn((count, *mean.shape), generator=noise, device=mean.device, dtype=mean.dtype)
        z = mean + torch.exp(0.5 * log_variance) * epsilon  # [S, B, Z]
        # log p(z) − log q(z|x): the constants cancel, and (z − mean)² / variance is epsilon²
        prior_ratio = 0.5 * (epsilon.square() + log_variance - z.square()).sum(-1)
        weights = (log_likelihood(z) + prior_ratio).double()  # [S, B]
        total = torch.logaddexp(total, weights.logsumexp(0))
        plain += weights.sum(0)
    return Bounds(total - math.log(samples), plain / samples)
