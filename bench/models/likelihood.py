"""What the decoder must explain: three protocols for turning grey pixels into targets. See docs/science.md."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archs.function import Function
from bench.models.streams import generator

FACTORS = 16  # numbers from 1 to 2 multiplied before one logarithm is taken: at most 65,536, far from any overflow


def targets(images: Tensor, likelihood: str | None, coins: torch.Generator) -> Tensor:
    """uint8 [B, 28, 28] → float [B, 1, 28, 28] in [0, 1].

    dynamic: a coin per pixel, its grey level the chance of a 1, flipped anew at each call. static: 1 above half grey.
    grey, and None (a classifier): the grey levels themselves.
    """
    images = images.unsqueeze(1)
    if likelihood == "dynamic":
        return flips(images, coins).view(torch.uint8).float()  # from bool it is not vectorised
    if likelihood == "static":
        return (images > 127).float()
    return images.float() / 255


def flips(images: Tensor, coins: torch.Generator) -> Tensor:
    """One coin per pixel, True with probability grey / 255.

    On a CPU a uniform whole number from 0 to 254 is compared with the grey level. It is a random byte; where the byte
    is 255 it is drawn again. A GPU draws floats, so that it need not look at what it drew.
    """
    if images.device.type != "cpu":
        return torch.rand(images.shape, generator=coins, device=images.device) * 255 < images
    uniform = random_bytes(images.numel(), coins)
    same = uniform.numpy()  # the same memory: numpy finds and replaces so few in a fraction of the time
    again = np.flatnonzero(same == 255)
    while len(again):
        drawn = random_bytes(len(again), coins).numpy()
        same[again] = drawn
        again = again[drawn == 255]
    return uniform.view(images.shape) < images


def random_bytes(count: int, coins: torch.Generator) -> Tensor:
    """uint8 [count], eight of them from each 64-bit draw."""
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None, generator=coins)
    return words.view(torch.uint8)[:count]


def fixed_levels(images: Tensor, likelihood: str | None, split: str) -> Tensor:
    """The targets of a validation or test split, uint8 [N, 1, 28, 28] in 0 to 255.

    They are binarised once, the same for every run and device.
    """
    images = images.cpu().unsqueeze(1)
    if likelihood == "dynamic":
        return flips(images, generator(0, f"binarise/{split}")).view(torch.uint8) * 255
    return (images > 127).view(torch.uint8) * 255 if likelihood == "static" else images


def log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """Bernoulli log p(x|z), summed over pixels: [B, 1, 28, 28] → [B], in nats. For grey x it is not a likelihood."""
    return LogLikelihood.apply(logits, x)


class LogLikelihood(Function):
    """Σ x·l − log(1 + eˡ) over the pixels of each image, and its gradient x − sigmoid(l) with respect to the logits l.

    log(1 + eˡ) = (l + |l|)/2 + log(1 + e^−|l|), and the logarithms of several pixels are that of their product: torch's
    own function takes one (a slow log1p) for each pixel. Its gradient in x is not defined here: x is data.
    """

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> Tensor:
        size = logits.abs().flatten(1)
        linear = ((x - 0.5) * logits).flatten(1).sum(1) - 0.5 * size.sum(1)
        each = size.neg_().exp_().add_(1)  # [B, 784], from 1 to 2
        products = each.view(len(each), math.gcd(FACTORS, each.shape[1]), -1).prod(1)
        return linear - products.log().sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        logits, x = ctx.saved_tensors
        return (x - torch.sigmoid(logits)) * upstream[0].view(-1, 1, 1, 1), None
