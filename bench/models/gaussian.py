"""The posterior q(z|x), a diagonal Gaussian: its parameters, its samples and its divergence from the prior N(0, I)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GaussianHead(nn.Module):
    """The layers that map features [B, F] to the mean and the log-variance of q(z|x), each [B, Z]."""

    def __init__(self, features: int, latent_dim: int):
        super().__init__()
        self.mean = nn.Linear(features, latent_dim)
        self.log_variance = nn.Linear(features, latent_dim)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(features), self.log_variance(features)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) ‖ N(0, 1)) per dimension, in nats (Kingma & Welling 2013, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def sample(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return the reparametrised sample z = mean + deviation·noise, all [B, Z]; the noise is standard normal."""
    return mean + torch.exp(0.5 * log_variance) * noise
