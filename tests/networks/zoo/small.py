"""What several files of networks use: encoder and decoder that are no matter of their own, and their declaration."""

from __future__ import annotations

from torch import nn

from archs.base import Arch, Builder

FEATURES = 16


def plain(channels: int) -> nn.Module:
    """One linear layer: [B, channels, 28, 28] → [B, FEATURES]."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * channels, FEATURES), nn.ReLU())


def to_image(features: int) -> nn.Module:
    """One linear layer: [B, features] → [B, 1, 28, 28]."""
    return nn.Sequential(nn.Linear(features, 784), nn.Unflatten(1, (1, 28, 28)))


def small(name: str, encoder: Builder = plain, decoder: Builder | None = to_image) -> Arch:
    """Declare a network."""
    return Arch(name=name, summary=name, source="written for the tests", encoder=encoder, decoder=decoder)
