"""What the latent code is used for: KL per dimension, active units, and whether the posteriors add up to the prior."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.models.gaussian import gaussian_kl
from bench.spec.metrics import ACTIVE_KL, ACTIVE_VARIANCE


class Posterior(NamedTuple):
    """The posteriors of many images, described per dimension and together."""

    kl: Tensor
    """The mean KL of each dimension from the prior, in nats: float64 [Z]."""

    mean_variance: Tensor
    """The variance of each dimension's posterior mean over the images: float64 [Z]."""

    aggregate_kl: float
    """How far the Gaussian of the aggregate posterior's moments is from the prior, in nats; see `describe`."""

    @property
    def active_units(self) -> int:
        """How many dimensions have a posterior mean that depends on the image."""
        return int((self.mean_variance > ACTIVE_VARIANCE).sum())

    @property
    def kl_units(self) -> int:
        """How many dimensions differ from the prior."""
        return int((self.kl > ACTIVE_KL).sum())


def describe(mean: Tensor, log_variance: Tensor) -> Posterior:
    """Describe the posteriors of N test images, given by mean and log-variance [N, Z].

    aggregate_kl is the divergence from the prior of the Gaussian that has the mean m and covariance S of the aggregate
    posterior q(z) = (1/N) Σ q(z | x_n), in nats: ½ (tr S + |m|² − Z − log det S). q(z) itself is at least as far from
    the prior, since KL(q ‖ p) = KL(q ‖ g) + KL(g ‖ p) for the Gaussian g with q's moments and a Gaussian p.
    """
    mean, log_variance = mean.double(), log_variance.double()
    centre = mean.mean(0)
    deviations = mean - centre
    covariance = deviations.T @ deviations / len(mean) + torch.diag(log_variance.exp().mean(0))
    trace, log_det = covariance.trace(), torch.linalg.slogdet(covariance).logabsdet
    aggregate = 0.5 * (trace + centre.square().sum() - len(centre) - log_det)
    return Posterior(gaussian_kl(mean, log_variance).mean(0), mean.var(0, correction=0), float(aggregate))
