"""What the odd networks of this folder have in common: most are one odd layer behind a usual one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archs.base import Arch

WIDTH = 16
"""Features of each of these networks."""


def network(encoder: Callable[[int], nn.Module]) -> Arch:
    """Declare what `encoder(channels)` builds as an architecture: "odd-" and the name of that function."""
    name = "odd-" + encoder.__name__.replace("_", "-")
    return Arch(name=name, summary="a test's", source="tests", encoder=encoder)


def first(channels: int) -> list[nn.Module]:
    """The layers before the odd one: [B, channels, 28, 28] → [B, WIDTH]."""
    return [nn.Flatten(), nn.Linear(784 * channels, WIDTH), nn.ReLU()]


def with_layer(channels: int, *layers: nn.Module) -> nn.Sequential:
    """An encoder with `layers` behind its first one."""
    return nn.Sequential(*first(channels), *layers)


def with_image_layer(channels: int, *layers: nn.Module, bias: bool = True) -> nn.Sequential:
    """An encoder with `layers` on feature maps of 4×4×4 pixels."""
    return nn.Sequential(nn.Conv2d(channels, 4, 7, stride=7, bias=bias), *layers, nn.ReLU(), nn.Flatten())


class Layer(nn.Module):
    """A layer of `WIDTH` weights in a row, which its subclasses treat oddly."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, WIDTH) + 0.1 * torch.rand(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
