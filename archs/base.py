"""What an architecture is: an encoder trunk and, perhaps, a decoder. Heads belong to the task, not to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

IMAGE_SIZE = 28
"""Height and width of every image, in pixels."""

Builder = Callable[[int], "nn.Module"]


@dataclass(frozen=True)
class Arch:
    """An encoder/decoder architecture for 28×28 images.

    encoder: `encoder(in_channels)` builds a module [B, in_channels, 28, 28] → flat features [B, F].
    decoder: `decoder(in_features)` builds a module [B, in_features] → image logits [B, 1, 28, 28],
        or None for an architecture that can only classify.
    factors: the design choices that its name spells out, for the ablation (`{"depth": "2", …}`).
    """

    name: str
    summary: str
    source: str
    encoder: Builder
    decoder: Builder | None = None
    factors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """Architectures spelled `name:key=value,…`.

    build: takes the options as written (`{"depth": "3"}`), checks them, and returns an `Arch` whose name is
        the canonical spelling; raises `archs.errors.UserError` for an option that is unknown or illegal.
    """

    name: str
    summary: str
    source: str
    build: Callable[[Mapping[str, str]], Arch]
