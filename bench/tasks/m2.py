"""m2: semi-supervised learning with a generative model, few labels and many images without (Kingma et al. 2014, M2).

A CVAE beside a classifier q(y|x). With L(x, y) = bound on log p(x, y), uniform labels, the paper maximises

    Σ_labelled L(x, y)  +  Σ_unlabelled [ Σ_y q(y|x) L(x, y) + H(q(y|x)) ]  +  α · mean_labelled log q(y|x)

over N training images, with α = 0.1 N. Here each step takes a batch of unlabelled images and a batch of labelled ones,
and the loss is that sum divided by N: the mean cross-entropy of the labelled images has the weight α / N = 0.1 beside
the mean bound per image, as in the authors' code. The classifier is the same encoder trunk with a linear head, on
weights of its own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from archs.base import Arch
from bench.models.latent import CLASSES, LatentModel, build_latent_model
from bench.models.streams import normal
from bench.tasks import Task
from bench.tasks.classifier import Classifier
from bench.tasks.classifier import build as build_classifier
from bench.tasks.vae import score as vae_score

ALPHA = 0.1
"""The weight of the classification term, times the number of labelled images, in older runs."""


class M2(LatentModel):
    """A CVAE, and the classifier that reads labels for it."""

    def __init__(self, cvae: LatentModel, reader: Classifier):
        super().__init__(cvae.encoder, cvae.head, cvae.decoder, cvae.classes, cvae.label_input)
        self.reader, self.channels_last = reader, cvae.channels_last

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the reconstruction logits at the posterior mean, given the label that the classifier reads."""
        return super().forward(x, self.reader(x).argmax(1))


def build(arch: Arch, latent_dim: int | None, seed: int) -> M2:
    """Build the CVAE and the classifier of a seed."""
    assert latent_dim is not None
    return M2(build_latent_model(arch, latent_dim, seed, classes=CLASSES), build_classifier(arch, None, seed))


def loss(
    model: M2,
    x: Tensor,
    labels: Tensor,
    noise: torch.Generator | Tensor,
    labelled: int,
    known: int,
    images: int,
    weight: float | None = None,
) -> Tensor:
    """Return the loss of the module's docstring, in nats per training image.

    Its value is exact, and so is its gradient for q(y|x). For the CVAE Σ_y q(y|x) ∇L(x, y) is estimated without bias,
    by ∇L(x, y) of one label drawn from q(y|x): of ten labels nine need no backward pass. All labels of an image have
    their noise in common, so that it cancels where they are compared.

    Args:
        x: [B, 1, 28, 28], of which the last `labelled` rows come with a label.
        labels: [B]; those of the other rows are not looked at.
        noise: standard normal, Z to a row: of each image, then of each without a label; or the generator to draw it.
        known: how many images of the training set are labelled.
        images: N, all images of the training set.
        weight: of the mean cross-entropy of the labelled images; None: 0.1 × known, as in runs that are older than the
            setting.
    """
    others, known_labels = len(x) - labelled, labels[-labelled:]
    logits = model.reader(x)
    log_q = F.log_softmax(logits[:others], 1)  # [others, 10]
    q = log_q.exp()
    of_told, chance = (noise[: len(x)], noise[len(x) :]) if isinstance(noise, Tensor) else (noise, noise)
    of_told = normal(of_told, q.new_empty(len(x), model.head.mean.out_features))
    with torch.no_grad():
        every = torch.arange(CLASSES, device=x.device).repeat_interleave(others)
        bounds = joint_bound(model, x[:others], every, of_told[:others].repeat(CLASSES, 1)).view(CLASSES, others).T
        uniform = torch.special.ndtr(normal(chance, q[:, :1])[:, :1])
        drawn = (q.cumsum(1) < uniform).sum(1).clamp(max=CLASSES - 1)
    told = joint_bound(model, x, torch.cat([drawn, known_labels]), of_told)
    value = (q * (log_q - bounds)).sum(1)  # and, without changing it, the gradient of what was drawn:
    unlabelled = (value + (told.detach() - told)[:others]).mean()
    weight = ALPHA * known if weight is None else weight
    read = F.cross_entropy(logits[others:], known_labels)
    return unlabelled - known / images * told[others:].mean() + weight * read


def noise_rows(batch: int, labelled: int) -> tuple[int, ...]:
    """Return one row for each image, and one that draws a label for each without."""
    return batch, batch - labelled


def joint_bound(model: M2, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> Tensor:
    """Return L(x, y), a bound on log p(x, y), of B images with K labels each: [K·B], in nats."""
    return model.bound(x, labels, noise).elbo - math.log(CLASSES)


def score(model: M2, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> dict[str, Tensor]:
    """Return which images q(y|x) classifies correctly, and the bound on log p(x|y) given the true label."""
    return {"accuracy": model.reader(x).argmax(1) == labels, **vae_score(model, x, labels, noise)}


TASK = Task(
    name="m2",
    summary="semi-supervised generative model with few labels; test accuracy of its classifier",
    primary="accuracy",
    scores=("accuracy", "elbo", "reconstruction", "kl"),
    kept={"test_correct": "accuracy", "test_elbo": "elbo"},
    needs_labels=True,
    weighs_labels=True,
    has_code=True,
    bounds="log p(x|y)",
    label="M2",
    subject="With few labels (M2)",
    better="{winner} classifies better with few labels",
    best="{winner} classifies best with few labels",
    measured="semi-supervised test accuracy",
    build=build,
    loss=loss,
    score=score,
    noise_rows=noise_rows,
)
