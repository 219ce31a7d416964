"""The Gaussian latent-variable model of the tasks `vae` and `cvae`: q(z|x), p(z) = N(0, I), Bernoulli p(x|z)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.base import Arch
from archs.foreign.raised import building
from archs.foreign.random_states import seeded
from bench.models.built import check_decoder, feature_count
from bench.models.gaussian import GaussianHead, gaussian_kl, sample
from bench.models.label_input import ONE_HOT, encode_with_labels, repeated, weighs_all_pixels, with_one_hot
from bench.models.likelihood import log_likelihood
from bench.models.streams import normal, stream_seed
from bench.models.trying import takes_channels_last

CLASSES = 10


class Bound(NamedTuple):
    """The evidence lower bound of each image and its parts, in nats: elbo = log_likelihood − kl."""

    elbo: Tensor
    """[B]."""

    log_likelihood: Tensor
    """Of the pixels given the sampled z, [B]."""

    kl: Tensor
    """Of q(z|x) from the prior, [B]."""

    mean: Tensor
    """Of q(z|x), [B, Z]."""

    log_variance: Tensor
    """Of q(z|x), [B, Z]."""


class LatentModel(nn.Module):
    """A VAE or, with `classes` > 0, a CVAE.

    A CVAE gives the label to the encoder as constant image planes or, where it begins with a fully connected layer,
    one-hot beside the pixels (`bench.models.label_input`), and to the decoder one-hot, beside z.
    """

    channels_last = True
    """Whether the encoder is given images with their channels last in memory, where that makes a difference."""

    def __init__(
        self, encoder: nn.Module, head: GaussianHead, decoder: nn.Module, classes: int, label_input: str | None = None
    ):
        super().__init__()
        self.encoder, self.head, self.decoder = encoder, head, decoder
        self.classes, self.label_input = classes, label_input

    def encode(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Map images [B, 1, 28, 28] and their labels to mean and log-variance, each [K·B, Z].

        Args:
            labels: [K·B], K for each image: one for each of them, then another for each, and so on. K is usually 1.
        """
        if self.classes:
            one_hot = self.label_input == ONE_HOT
            features = encode_with_labels(self.encoder, x, labels, self.classes, one_hot, self.laid_out)
        else:
            features = self.encoder(self.laid_out(x))
        mean, log_variance = self.head(features)
        return mean, log_variance

    def laid_out(self, x: Tensor) -> Tensor:
        """Put the channels of images last in memory, where that makes a difference, in a form that vmap keeps."""
        if self.channels_last and (x.device.type == "cuda" or x.shape[1] > 1):
            return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        return x

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Map codes [B, Z] and labels [B] to logits [B, 1, 28, 28]."""
        return self.decoder(torch.cat([z, F.one_hot(labels, self.classes).to(z.dtype)], 1) if self.classes else z)

    def bound(self, x: Tensor, labels: Tensor, noise: torch.Generator | Tensor) -> Bound:
        """Return the ELBO of each image and label with one sample of z.

        Args:
            x: images [B, 1, 28, 28].
            labels: [K·B], as for `encode`.
            noise: standard normal [K·B, Z], or the generator to draw it from.
        """
        mean, log_variance = self.encode(x, labels)
        z = sample(mean, log_variance, normal(noise, mean))
        kl = gaussian_kl(mean, log_variance).sum(1)
        likelihood = log_likelihood(self.decode(z, labels), repeated(x, len(labels) // len(x)))
        return Bound(likelihood - kl, likelihood, kl, mean, log_variance)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Return the reconstruction logits at the posterior mean."""
        return self.decode(self.encode(x, labels)[0], labels)


def build_latent_model(arch: Arch, latent_dim: int, seed: int, classes: int = 0) -> LatentModel:
    """Build and initialise a VAE or, with `classes` > 0, a CVAE.

    Encoder, head and decoder are each initialised from a random stream of their own, so that a crossing starts from
    the very weights of the two architectures that it crosses.

    Raises:
        UserError: the encoder or the decoder gives an output of the wrong form.
    """
    assert arch.decoder is not None
    in_features = latent_dim + classes
    encoder, features, label_input = build_encoder(arch, seed, classes)
    with seeded(stream_seed(seed, "init/head")):
        head = GaussianHead(features, latent_dim)
    with seeded(stream_seed(seed, "init/decoder")), building(arch.name, "decoder"):
        decoder = arch.decoder(in_features)
        check_decoder(arch, decoder, in_features)
    model = LatentModel(encoder, head, decoder, classes, label_input)
    model.channels_last = takes_channels_last(model)
    return model


def build_encoder(arch: Arch, seed: int, classes: int) -> tuple[nn.Module, int, str | None]:
    """Build the encoder of a VAE or, with `classes` > 0, of a CVAE.

    Returns:
        The encoder, the F of its output [B, F], and how it is told the label, if not as planes: see
        `bench.spec.run.RunSpec.label_input`. One that is told it one-hot starts from the weights of the VAE's, but for
        those of the label.
    """
    with seeded(stream_seed(seed, "init/encoder")), building(arch.name, "encoder"):
        encoder = arch.encoder(1 + classes)
        features = feature_count(arch, encoder, 1 + classes)
    if not classes or not weighs_all_pixels(encoder, 1 + classes):
        return encoder, features, None
    with seeded(stream_seed(seed, "init/encoder")), building(arch.name, "encoder"):
        without = arch.encoder(1)
        features_without = feature_count(arch, without, 1)
        told = with_one_hot(without, classes)
    return (encoder, features, None) if told is None else (told, features_without, ONE_HOT)
