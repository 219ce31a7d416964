"""A task as a user would write it in a file of one's own: it removes noise, and has a metric that no other task has."""

from __future__ import annotations

from archs.identity.fingerprint import read_module
from bench.worker import restore

DENOISE = '''
"""A denoising autoencoder: the decoder is fed with the encoder's features."""

import torch
import torch.nn.functional as F
from torch import nn

from bench.models.latent import feature_count
from bench.models.streams import normal, stream_seed
from bench.spec.metrics import Metric
from bench.tasks import Task


class Denoiser(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x, labels=None):
        return self.decoder(self.encoder(x))


def build(arch, latent_dim, seed):
    assert latent_dim is None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "init/denoise"))
        encoder = arch.encoder(1)
        return Denoiser(encoder, arch.decoder(feature_count(arch, encoder, 1)))


def error(model, x, noise):
    masked = x * (normal(noise, x.flatten(1)) > 0).view_as(x)
    return F.binary_cross_entropy_with_logits(model(masked), x, reduction="none").flatten(1).sum(1)


def loss(model, x, labels, noise):
    return error(model, x, noise).mean()


def score(model, x, labels, noise):
    return {"denoise_error": error(model, x, noise)}


TASK = Task(
    name="denoise",
    summary="half of the pixels hidden",
    primary="denoise_error",
    uses_latent_dim=False,
    label="denoiser",
    subject="As denoisers",
    better="{winner} sees through noise better",
    best="{winner} sees through noise best",
    build=build,
    loss=loss,
    score=score,
    noise_width=28 * 28,
    metrics=(
        Metric(name="denoise_error", label="denoising error", unit="nats", higher_is_better=False,
               definition="cross-entropy to the clean image", margin=0.5, digits=1, likelihood=True),
    ),
)
'''


def forget() -> None:
    """What was read of files: here those of one name have other contents each time."""
    for cached in (restore.registry, restore.task_and_fingerprint, restore.arch_and_fingerprint):
        cached.cache_clear()
    getattr(read_module, "cache_clear", lambda: None)()
