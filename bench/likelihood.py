"""What the decoder must explain: three protocols for turning grey pixels into targets. See docs/science.md."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.streams import generator


def targets(images: Tensor, likelihood: str | None, coins: torch.Generator) -> Tensor:
    """uint8 [B, 28, 28] → float [B, 1, 28, 28] in [0, 1].

    dynamic: a coin per pixel, its grey level the chance of a 1, flipped anew at each call. static: 1 above half grey.
    grey, and None (a classifier): the grey levels themselves.
    """
    images = images.unsqueeze(1)
    if likelihood == "dynamic":
        return (torch.rand(images.shape, generator=coins, device=images.device) * 255 < images).float()
    if likelihood == "static":
        return (images > 127).float()
    return images.float() / 255


def fixed_targets(images: Tensor, likelihood: str | None, split: str) -> Tensor:
    """The targets of a validation or test split: one binarisation, the same for every run and device."""
    return targets(images.cpu(), likelihood, generator(0, f"binarise/{split}"))


def log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """Bernoulli log p(x|z), summed over pixels: [B, 1, 28, 28] → [B], in nats. For grey x it is not a likelihood."""
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
