"""What a measured speed is of, and what it depends on. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.device import Device


@dataclass(frozen=True)
class Setting:
    """What a speed depends on beside the architecture. device: "cpu" or "cuda:n"; threads: of the CPU; labels: of a
    task that needs them, which adds as many labelled images to a batch, but no more than the batch has."""

    batch_size: int
    latent_dim: int
    likelihood: str
    device: Device
    threads: int
    labels: int = DEFAULT_LABELS


@dataclass(frozen=True)
class Cell:
    """An architecture on a task, by their names; the fingerprints are of their code, a built-in task's is None."""

    arch: str
    fingerprint: str
    task: str
    task_fingerprint: str | None = None
