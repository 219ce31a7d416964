"""What a measured speed is of, and what it depends on; no torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.device import Device


@dataclass(frozen=True)
class Setting:
    """What a speed depends on beside the architecture and the task."""

    batch_size: int

    latent_dim: int

    likelihood: str
    """What the pixels of a batch are drawn by: as in a run's spec."""

    device: Device

    threads: int
    """Of the CPU."""

    labels: int = DEFAULT_LABELS
    """Of a task that needs them: it adds as many labelled images to a batch, but no more than the batch has."""


@dataclass(frozen=True)
class Cell:
    """An architecture on a task: what a speed is measured of."""

    arch: str
    """Its canonical name."""

    fingerprint: str
    """Of the architecture's code."""

    task: str
    """Its name."""

    task_fingerprint: str | None = None
    """Of the task's code; None of a built-in one."""
