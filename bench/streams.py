"""Named random streams: each use of randomness has its own, so that adding one changes no other number.

Seed k gives every architecture the same data order, binarisation and latent noise: that is what makes differences
between architectures *paired*.
"""

from __future__ import annotations

import hashlib

import torch


def stream_seed(seed: int, name: str) -> int:
    """A 63-bit seed for the stream `name` of run seed `seed`, the same on every machine and Python."""
    digest = hashlib.sha256(f"{name}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator at the start of the stream."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, name))
