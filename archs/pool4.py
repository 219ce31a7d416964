"""pool4: four convolutions, each with max-pooling and dropout, the classifier of the reference README. No decoder."""

from __future__ import annotations

from torch import nn

from archs.base import Arch
from archs.blocks import padded_conv2d


def encoder(in_channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    for channels in (8, 16, 32, 64):
        layers += [
            padded_conv2d(in_channels, channels, 4, stride=1, start=1, end=2),  # TensorFlow's SAME for 4×4
            nn.MaxPool2d(2, ceil_mode=True),  # SAME too: 28 → 14 → 7 → 4 → 2
            nn.ReLU(),
            nn.Dropout(0.2),
        ]
        in_channels = channels
    return nn.Sequential(*layers, nn.Flatten())  # [B, 256]


ARCH = Arch(
    name="pool4",
    summary="4 convolutions 4×4 with max-pooling and dropout; classifier only",
    source="reference README (asahi417/ConditionalVariationalAutoEncoder, 2017), CNN",
    encoder=encoder,
)
