"""mlp: two hidden layers of 500 softplus units each way and no convolution, the plain VAE of the reference README."""

from __future__ import annotations

from torch import nn

from archs.base import IMAGE_SIZE, Arch
from archs.blocks import reshape

PIXELS = IMAGE_SIZE * IMAGE_SIZE


def encoder(in_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),  # [B, in_channels * 784]
        nn.Linear(in_channels * PIXELS, 500), nn.Softplus(),
        nn.Linear(500, 500), nn.Softplus(),  # [B, 500]
    )  # fmt: skip


def decoder(in_features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(in_features, 500), nn.Softplus(),
        nn.Linear(500, 500), nn.Softplus(),
        nn.Linear(500, PIXELS), reshape(1, IMAGE_SIZE),  # [B, 1, 28, 28] logits
    )  # fmt: skip


ARCH = Arch(
    name="mlp",
    summary="784-500-500 and back, softplus; no convolution",
    source="reference README (asahi417/ConditionalVariationalAutoEncoder, 2017), VAE; Kingma & Welling 2013",
    encoder=encoder,
    decoder=decoder,
)
