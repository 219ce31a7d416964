"""q(z|x), a Gaussian with a diagonal covariance: its parameters, a sample and its divergence from the prior N(0, I)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.function import Function


class GaussianHead(nn.Module):
    """Features [B, F] → mean and log-variance of q(z|x), side by side: [B, 2·Z]. Two linear maps, as one product."""

    def __init__(self, features: int, latent_dim: int):
        super().__init__()
        self.mean = nn.Linear(features, latent_dim)
        self.log_variance = nn.Linear(features, latent_dim)

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:  # each of the two by name, for whoever looks at the model's layers
            return torch.cat([self.mean(features), self.log_variance(features)], 1)
        weight = torch.cat([self.mean.weight, self.log_variance.weight])
        return F.linear(features, weight, torch.cat([self.mean.bias, self.log_variance.bias]))


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) ‖ N(0, 1)) per dimension, in nats. Kingma & Welling 2013, appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def sample(posterior: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance side by side [B, 2·Z], standard normal noise [B, Z] → z = mean + deviation·noise [B, Z], and
    KL(q(z|x) ‖ N(0, I)) [B] in nats."""
    z, kl = Sample.apply(posterior, noise)
    return z, kl


class Sample(Function):
    """The reparametrised sample and the divergence; their gradients by hand, a third of the operations. Noise has none."""

    @staticmethod
    def forward(posterior: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = posterior.chunk(2, 1)
        return mean + torch.exp(0.5 * log_variance) * noise, gaussian_kl(mean, log_variance).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (posterior, noise), (of_z, of_kl) = ctx.saved_tensors, upstream
        mean, log_variance = posterior.chunk(2, 1)
        deviation, of_kl = torch.exp(0.5 * log_variance), of_kl[:, None]
        of_mean = torch.addcmul(of_z, of_kl, mean)
        of_log_variance = 0.5 * torch.addcmul(of_z * deviation * noise, of_kl, deviation.square() - 1)
        return torch.cat([of_mean, of_log_variance], 1), None
