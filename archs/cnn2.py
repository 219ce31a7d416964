"""cnn2: two convolutions and a wide fully connected head, the "2CNN" of the reference README.

The kernel is 5×5: the only one that gives the 512 features that the README multiplies by 20.
"""

from __future__ import annotations

from torch import nn

from archs.base import Arch
from archs.blocks import Conv2d, Flatten, TransposedConv2d, reshape


def encoder(in_channels: int) -> nn.Module:
    return nn.Sequential(
        Conv2d(in_channels, 16, 5, stride=2), nn.ReLU(),  # [B, 16, 12, 12]
        Conv2d(16, 32, 5, stride=2), nn.ReLU(),  # [B, 32, 4, 4]
        Flatten(),  # [B, 512]
    )  # fmt: skip


def decoder(in_features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(in_features, 8 * 7 * 7), nn.ReLU(), reshape(8, 7),  # [B, 8, 7, 7]
        TransposedConv2d(8, 8, 5, stride=2, in_size=7, size=14), nn.ReLU(),  # [B, 8, 14, 14]
        TransposedConv2d(8, 1, 5, stride=2, in_size=14, size=28),  # [B, 1, 28, 28] logits
    )  # fmt: skip


ARCH = Arch(
    name="cnn2",
    summary="2 convolutions 5×5 stride 2; half of its weights are fully connected",
    source="reference README (asahi417/ConditionalVariationalAutoEncoder, 2017), 2CNN",
    encoder=encoder,
    decoder=decoder,
)
