"""The identity of a run: every setting that can change one of its numbers, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

PROTOCOL = 1
"""Raised whenever training or evaluation changes in a way that changes numbers (tests/test_golden.py notices)."""

LIKELIHOODS = ("dynamic", "static", "grey")


@dataclass(frozen=True)
class RunSpec:
    """One training run. A field that has no meaning for the task is None, so that it can't split identities."""

    arch: str  # canonical name
    arch_fingerprint: str  # of the code that defines it
    task: str
    dataset: str
    data_fingerprint: str  # of the images, labels and split
    likelihood: str | None  # one of LIKELIHOODS; None for a classifier
    seed: int
    epochs: int
    batch_size: int
    lr: float  # peak of the schedule
    latent_dim: int | None  # None for a classifier
    train_images: int | None  # only the first so many of the training split; None for all
    device: str  # "cpu" | "cuda"
    threads: int  # per run; the order of floating-point sums depends on it
    protocol: int = PROTOCOL

    @property
    def run_id(self) -> str:
        """Sixteen hex digits: the hash of the canonical JSON."""
        return hashlib.sha256(canonical_json(dataclasses.asdict(self)).encode()).hexdigest()[:16]


def canonical_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
