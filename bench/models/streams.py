"""Named random streams, one for each use of randomness, so that adding a use changes no other number.

Seed k gives every architecture the same data order, binarisation and latent noise: that is what makes differences
between architectures *paired*.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def stream_seed(seed: int, name: str) -> int:
    """Return the seed of the stream `name` of a run's seed, below 2**63, the same on every machine and Python.

    A GPU's generator uses all of it. torch's on the CPU, a Mersenne Twister, takes its lower 32 bits alone. In these no
    two streams of seeds 0 to 999 that bench names coincide (tests/models/test_streams.py).
    """
    digest = hashlib.sha256(f"{name}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator at the start of a stream."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))


@dataclass(frozen=True)
class Streams:
    """The random streams of a training."""

    order: torch.Generator
    """Of the training images; on the CPU."""

    coins: torch.Generator
    """That binarise pixels; on the device."""

    noise: torch.Generator
    """Of the latent samples; on the device."""

    @classmethod
    def of(cls, seed: int, device: torch.device) -> Streams:
        """Return the streams of a seed, each at its start."""
        return cls(generator(seed, "order"), generator(seed, "binarise", device), generator(seed, "latent", device))


def normal(noise: torch.Generator | Tensor, like: Tensor) -> Tensor:
    """Return standard normal noise of the shape of `like`: drawn from `noise`, or `noise` itself if it is a tensor."""
    if isinstance(noise, Tensor):
        return noise
    return torch.randn(like.shape, generator=noise, device=like.device, dtype=like.dtype)
