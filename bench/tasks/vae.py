"""vae: a variational autoencoder, scored by the ELBO of log p(x). Kingma & Welling 2013."""

from __future__ import annotations

import torch
from torch import Tensor

from archs.base import Arch
from bench.models.latent import LatentModel, build_latent_model
from bench.tasks import Task


def build(arch: Arch, latent_dim: int | None, seed: int) -> LatentModel:
    """Build the VAE of a seed."""
    assert latent_dim is not None
    return build_latent_model(arch, latent_dim, seed)


def loss(model: LatentModel, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> Tensor:
    """Return the mean negative ELBO, in nats."""
    return -model.bound(x, labels, noise).elbo.mean()


def score(model: LatentModel, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> dict[str, Tensor]:
    """Return the ELBO and its terms, in nats, and the Gaussian q(z|x)."""
    bound = model.bound(x, labels, noise)
    scores = {"elbo": bound.elbo, "reconstruction": -bound.log_likelihood, "kl": bound.kl}
    return {**scores, "mean": bound.mean, "log_variance": bound.log_variance}


TASK = Task(
    name="vae",
    summary="variational autoencoder; test ELBO of log p(x)",
    primary="elbo",
    scores=("elbo", "reconstruction", "kl"),
    has_code=True,
    bounds="log p(x)",
    evaluations=("iwae", "probe", "few_labels"),
    label="VAE",
    prefix="",
    subject="As VAEs",
    better="{winner} models the images better",
    best="{winner} models the images best",
    build=build,
    loss=loss,
    score=score,
)
