"""The targets of a decoder, made of grey pixels in one of three ways (docs/science.md), and their likelihood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archs.function import Function
from bench.models.streams import generator

PIXELS_PER_LOGARITHM = 16
"""How many numbers from 1 to 2 are multiplied before a logarithm is taken: the product is at most 65,536."""


def targets(images: Tensor, likelihood: str | None, coins: torch.Generator) -> Tensor:
    """Turn images uint8 [B, 28, 28] into training targets, float [B, 1, 28, 28] in [0, 1].

    Args:
        likelihood: "dynamic": each pixel is 1 with the probability of its grey level, drawn anew at each call;
            "static": 1 above half grey; "grey", or None for a classifier: the grey levels themselves.
        coins: the generator that "dynamic" draws from.
    """
    images = images.unsqueeze(1)
    if likelihood == "dynamic":
        return binarise(images, coins).view(torch.uint8).float()  # torch converts uint8 faster than bool
    if likelihood == "static":
        return (images > 127).float()
    return images.float() / 255


def binarise(images: Tensor, coins: torch.Generator) -> Tensor:
    """Draw a bool per pixel that is True with probability grey / 255.

    On a CPU the grey level is compared with a uniform number from 0 to 254: a random byte, drawn again if it is 255. A
    GPU draws floats, since looking for bytes to draw again would make it wait
    (docs/decisions.md#coins-are-drawn-differently-on-a-gpu).
    """
    if images.device.type != "cpu":
        return torch.rand(images.shape, generator=coins, device=images.device) * 255 < images
    uniform = random_bytes(images.numel(), coins)
    shared = uniform.numpy()  # the same memory: numpy finds and replaces a few faster than torch
    again = np.flatnonzero(shared == 255)
    while len(again):
        drawn = random_bytes(len(again), coins).numpy()
        shared[again] = drawn
        again = again[drawn == 255]
    return uniform.view(images.shape) < images


def random_bytes(count: int, coins: torch.Generator) -> Tensor:
    """Return random uint8 [count], eight from each 64-bit draw."""
    words = torch.empty(-(-count // 8), dtype=torch.int64).random_(-(2**63), None, generator=coins)
    return words.view(torch.uint8)[:count]


def evaluation_targets(images: Tensor, likelihood: str | None, split: str) -> Tensor:
    """Return the targets of a validation or test split, uint8 [N, 1, 28, 28] from 0 to 255.

    They are binarised in the same way for every run and device.
    """
    images = images.cpu().unsqueeze(1)
    if likelihood == "dynamic":
        return binarise(images, generator(0, f"binarise/{split}")).view(torch.uint8) * 255
    return (images > 127).view(torch.uint8) * 255 if likelihood == "static" else images


def log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """Return Bernoulli log p(x|z) in nats, summed over pixels: [B, 1, 28, 28] → [B]; for grey x it is no likelihood."""
    return LogLikelihood.apply(logits, x)


class LogLikelihood(Function):
    """Σ x·l − log(1 + eˡ) over the pixels of each image, with the gradient x − sigmoid(l) for the logits l.

    log(1 + eˡ) = (l + |l|)/2 + log(1 + e^−|l|), and the sum of the logarithms of several pixels is the logarithm of
    their product, whereas torch's own function computes a slow log1p for each pixel. There is no gradient for x, which
    is data.
    """

    @staticmethod
    def forward(logits: Tensor, x: Tensor) -> Tensor:
        size = logits.abs().flatten(1)
        linear = ((x - 0.5) * logits).flatten(1).sum(1) - 0.5 * size.sum(1)
        each = size.neg_().exp_().add_(1)  # [B, 784], from 1 to 2
        products = each.view(len(each), math.gcd(PIXELS_PER_LOGARITHM, each.shape[1]), -1).prod(1)
        return linear - products.log().sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        logits, x = ctx.saved_tensors
        return (x - torch.sigmoid(logits)) * upstream[0].view(-1, 1, 1, 1), None
