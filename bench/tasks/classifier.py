"""classifier: the encoder trunk and one linear layer, trained by cross-entropy; test accuracy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.base import Arch
from archs.foreign.raised import building
from archs.foreign.random_states import seeded
from bench.models.built import feature_count
from bench.models.latent import CLASSES
from bench.models.streams import stream_seed
from bench.tasks import Task


class Classifier(nn.Module):
    """The encoder trunk and a linear layer: images [B, 1, 28, 28] in 0 to 1 → logits [B, 10]."""

    def __init__(self, encoder: nn.Module, features: int):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(features, CLASSES)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.head(self.encoder(x))


def build(arch: Arch, latent_dim: int | None, seed: int) -> Classifier:
    """Build the classifier of a seed; it has no latent dimension."""
    with seeded(stream_seed(seed, "init/encoder")), building(arch.name, "encoder"):
        encoder = arch.encoder(1)
        features = feature_count(arch, encoder, 1)
    with seeded(stream_seed(seed, "init/head")):
        return Classifier(encoder, features)


def loss(model: Classifier, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> Tensor:
    """Return the mean cross-entropy, in nats."""
    return F.cross_entropy(model(x), labels)


def score(model: Classifier, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> dict[str, Tensor]:
    """Return which images are classified correctly."""
    return {"accuracy": model(x).argmax(1) == labels}


TASK = Task(
    name="classifier",
    summary="encoder trunk and a linear head; test accuracy",
    primary="accuracy",
    kept={"test_correct": "accuracy"},
    needs_decoder=False,
    prefix="",
    subject="As classifiers",
    better="{winner} classifies better",
    best="{winner} classifies best",
    build=build,
    loss=loss,
    score=score,
)
