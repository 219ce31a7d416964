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
    """An encoder/decoder architecture for 28×28 images."""

    name: str
    """What it is called on the command line."""

    summary: str
    """What it is, in a few words, for lists and reports."""

    source: str
    """Where it comes from: a publication, say."""

    encoder: Builder
    """`encoder(in_channels)` builds a module [B, in_channels, 28, 28] → flat features [B, F].

    It is built for the image alone, or for ten label planes beside it. One that begins with `nn.Flatten` and
    `nn.Linear` is always built for the image, and the harness gives that layer ten inputs more, for the label.
    """

    decoder: Builder | None = None
    """`decoder(in_features)` builds a module [B, in_features] → image logits [B, 1, 28, 28]; None for a classifier."""

    factors: Mapping[str, str] = field(default_factory=dict)
    """The design choices that its name spells out, for the ablation: `{"depth": "2", …}`."""


@dataclass(frozen=True)
class Family:
    """A family of architectures, spelled `name:key=value,…`."""

    name: str
    """What stands before the colon."""

    summary: str
    """What it is, in a few words, with an example of its spelling."""

    source: str
    """Where it comes from."""

    build: Callable[[Mapping[str, str]], Arch]
    """Builds the architecture that has the given options, as they were written: `{"depth": "3"}`.

    It checks them and returns an `Arch` whose name is the canonical spelling. It raises `archs.errors.UserError` for an
    option that is unknown or illegal.
    """
