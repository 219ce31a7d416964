"""Named random streams: each use of randomness has its own, so that adding one changes no other number.

Seed k gives every architecture the same data order, binarisation and latent noise: that is what makes differences
between architectures *paired*.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def stream_seed(seed: int, name: str) -> int:
    """A 63-bit seed for the stream `name` of run seed `seed`, the same on every machine and Python."""
    digest = hashlib.sha256(f"{name}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator at the start of the stream."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))


@dataclass(frozen=True)
class Streams:
    """What a training draws: the data's order (on the CPU), the pixels' coins and the latent noise (on the device)."""

    order: torch.Generator
    coins: torch.Generator
    noise: torch.Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> Streams:
        return cls(generator(seed, "order"), generator(seed, "binarise", device), generator(seed, "latent", device))


def normal(noise: torch.Generator | Tensor, like: Tensor) -> Tensor:
    """Standard normal noise of the shape of `like`, drawn now; or that which was drawn before."""
    if isinstance(noise, Tensor):
        return noise
    return torch.randn(like.shape, generator=noise, device=like.device, dtype=like.dtype)
