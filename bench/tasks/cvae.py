"""cvae: a VAE given the label, as image planes for the encoder and beside z for the decoder; ELBO of log p(x|y).

log p(x|y) is not comparable with a VAE's log p(x). Subtracting ln 10, the cost of naming one of ten equally likely
labels, gives a bound on log p(x, y) ≤ log p(x): `elbo_joint`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from archs.base import Arch
from bench.models.latent import CLASSES, LatentModel, build_latent_model
from bench.tasks import Task
from bench.tasks.vae import loss
from bench.tasks.vae import score as vae_score


def build(arch: Arch, latent_dim: int | None, seed: int) -> LatentModel:
    """Build the CVAE of a seed."""
    assert latent_dim is not None
    return build_latent_model(arch, latent_dim, seed, classes=CLASSES)


def score(model: LatentModel, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> dict[str, Tensor]:
    """Return the bound on log p(x|y) and its terms, in nats, and the bound on log p(x, y)."""
    scores = vae_score(model, x, labels, noise)
    return {**scores, "elbo_joint": scores["elbo"] - math.log(CLASSES)}


TASK = Task(
    name="cvae",
    summary="conditional VAE; test ELBO of log p(x|y), and of log p(x, y) beside it",
    primary="elbo",
    scores=("elbo", "reconstruction", "kl", "elbo_joint"),
    has_code=True,
    bounds="log p(x|y)",
    # no probe: the encoder is told the label, so its code would be graded on an answer that it was given
    evaluations=("iwae", "bayes", "samples"),
    label="CVAE",
    subject="As CVAEs",
    better="Given the label, {winner} models the images better",
    best="{winner} models the images best given the label",
    measured="test ELBO of log p(x|y)",
    build=build,
    loss=loss,
    score=score,
)
