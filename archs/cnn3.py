"""cnn3: three convolutions down to one pixel and a tiny fully connected head, the "3CNN" of the reference README."""

from __future__ import annotations

from torch import nn

from archs.base import Arch
from archs.blocks import Conv2d, TransposedConv2d, reshape


def encoder(in_channels: int) -> nn.Module:
    return nn.Sequential(
        Conv2d(in_channels, 16, 6, stride=3), nn.ReLU(),  # [B, 16, 8, 8]
        Conv2d(16, 32, 4, stride=2), nn.ReLU(),  # [B, 32, 3, 3]
        Conv2d(32, 64, 3), nn.ReLU(),  # [B, 64, 1, 1]
        nn.Flatten(),  # [B, 64]
    )  # fmt: skip


def decoder(in_features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(in_features, 32), nn.ReLU(), reshape(32, 1),  # [B, 32, 1, 1]
        TransposedConv2d(32, 16, 4, stride=3, in_size=1, size=3), nn.ReLU(),  # [B, 16, 3, 3]
        TransposedConv2d(16, 8, 4, stride=3, in_size=3, size=7), nn.ReLU(),  # [B, 8, 7, 7]
        TransposedConv2d(8, 1, 4, stride=4, in_size=7, size=28),  # [B, 1, 28, 28] logits
    )  # fmt: skip


ARCH = Arch(
    name="cnn3",
    summary="3 convolutions down to 1×1; nearly all of its weights are convolutional",
    source="reference README (asahi417/ConditionalVariationalAutoEncoder, 2017), 3CNN",
    encoder=encoder,
    decoder=decoder,
)
