"""M1+M2 of Kingma et al. 2014 (arXiv 1406.5298): the model M2 on the codes of a VAE, which is M1 and stays as it is.

With x a sample of an image's code q(z₁|image), y its label and z a further latent variable, all by networks of one
hidden layer of softplus:

    p(x, y, z) = p(x|y, z) p(y) p(z),  p(x|y, z) Gaussian, labels equally likely, p(z) = N(0, I)
    q(y, z|x) = q(y|x) q(z|x, y),      q(y|x) is the classifier, q(z|x, y) Gaussian

    L(x, y) = E_q(z|x,y) log p(x|y, z) + log p(y) − KL(q(z|x, y) ‖ p(z)) ≤ log p(x, y)
    U(x) = Σ_y q(y|x) L(x, y) + H(q(y|x)) ≤ log p(x)

Of N images, some of them with a label, and with a standard normal prior on the weights, the loss is per image

    −(1/N) [ Σ_labelled L(x, y) + Σ_others U(x) ] − ALPHA mean_labelled log q(y|x) + ½ |weights|² / N

as in the authors' code, and in their paper, which writes sums over the images and 0.1 N beside the mean over the
labelled.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.models.gaussian import gaussian_kl, sample
from bench.models.latent import CLASSES

ALPHA = 0.1
"""Weight of the classification of the labelled, of their mean."""

SPREAD = 1e-3
"""Standard deviation of the weights at the start."""

LATENT = 50
"""Dimensions of z."""


class LabelledLinear(nn.Module):
    """A layer that is linear in a vector x and in a label y, one-hot: W x + V_y + b.

    Where every label is tried on the same x, W x is computed once for all of them.
    """

    def __init__(self, size: int, out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out, size))
        self.table = nn.Parameter(torch.zeros(CLASSES, out))
        self.bias = nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map vectors to [B, out] or, with every label, to [10, B, out].

        Args:
            x: [B, size] or, where each label has its own, [10, B, size].
            labels: [B]; None: every label on each.
        """
        of_label = self.table.unsqueeze(1) if labels is None else self.table[labels]
        return F.linear(x, self.weight, self.bias) + of_label


class CodeReader(nn.Module):
    """M2 on codes of D dimensions."""

    def __init__(self, size: int, hidden: int):
        super().__init__()
        self.reader = mlp(size, hidden)
        self.code_to_hidden = LabelledLinear(size, hidden)
        self.hidden_to_latent = nn.Linear(hidden, 2 * LATENT)
        self.latent_to_hidden = LabelledLinear(LATENT, hidden)
        self.hidden_to_code = nn.Linear(hidden, 2 * size)

    def bound(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return L(x, y) with one sample of z, in nats: [B] or, for every label, [10, B].

        Args:
            x: codes [B, D].
            noise: standard normal [B, LATENT]. All labels of an image have it in common, so that it cancels where they
                are compared.
            labels: [B]; None: every label.
        """
        mean, log_variance = self.hidden_to_latent(F.softplus(self.code_to_hidden(x, labels))).chunk(2, -1)
        z = sample(mean, log_variance, noise)
        of_code = self.hidden_to_code(F.softplus(self.latent_to_hidden(z, labels))).chunk(2, -1)
        return log_normal(x, *of_code).sum(-1) - gaussian_kl(mean, log_variance).sum(-1) - math.log(CLASSES)

    def unlabelled(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return U(x), the labels summed out: [B], in nats."""
        log_q = F.log_softmax(self.reader(x), 1).T  # [10, B]
        return (log_q.exp() * (self.bound(x, noise) - log_q)).sum(0)

    def loss(
        self, x: Tensor, known: Tensor, few: Tensor, labels: Tensor, noise: Tensor, chance: Tensor, images: int
    ) -> Tensor:
        """Return the loss of the module's docstring, in nats per image.

        Its value is exact, and so is the gradient for q(y|x). For the other networks Σ_y q(y|x) ∇L(x, y) is estimated
        without bias, by ∇L(x, y) of one label drawn from q(y|x): of ten labels nine then need no backward pass.

        Args:
            x: codes of some of all images, [B, D].
            known: their labels where these are known, else −1: [B].
            few: codes of labelled images, to be classified: [L, D].
            labels: their labels, [L].
            noise: standard normal [B, LATENT].
            chance: uniform in 0 to 1, [B], which draw the labels.
            images: N.
        """
        log_q = F.log_softmax(self.reader(x), 1).T  # [10, B]
        q = log_q.exp()
        with torch.no_grad():
            every = self.bound(x, noise)
            drawn = (q.cumsum(0) < chance).sum(0).clamp(max=CLASSES - 1)
        one = self.bound(x, noise, torch.where(known < 0, drawn, known))
        unlabelled = (q * (every - log_q)).sum(0) + (one - one.detach())
        bound = torch.where(known < 0, unlabelled, one).mean()
        return ALPHA * F.cross_entropy(self.reader(few), labels) - bound + prior(self) / images


def mlp(size: int, hidden: int) -> nn.Sequential:
    """Return the reader q(y|x) of codes [B, D]: logits [B, 10]."""
    return nn.Sequential(nn.Linear(size, hidden), nn.Softplus(), nn.Linear(hidden, CLASSES))


def log_normal(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return log N(x; mean, variance) of each dimension, in nats."""
    return -0.5 * (math.log(2 * math.pi) + log_variance + (x - mean).square() * torch.exp(-log_variance))


def prior(model: nn.Module) -> Tensor:
    """Return −log of the standard normal prior on the weights but for a constant, in nats; biases have none."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    return 0.5 * torch.stack([weight.square().sum() for weight in weights]).sum()


def initialise(model: nn.Module, draw: torch.Generator) -> None:
    """Draw the weights; biases are zero. The generator is one of the CPU, so that every device starts alike."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
            if parameter.ndim > 1:
                parameter.copy_(SPREAD * torch.randn(parameter.shape, generator=draw))
