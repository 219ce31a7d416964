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


@dataclass(frozen=True)
class Effort:
    """How long to measure. Each thing is timed once in each round, for a block of calls."""

    block_seconds: float
    """A block is as many calls as take this long."""

    seconds: float
    """Rounds go on until each thing has had so many seconds …"""

    min_rounds: int
    """… but there are no fewer than this …"""

    max_rounds: int
    """… and no more than this."""

    energy: bool = False
    """Whether a GPU's energy is measured too, which takes a second for each thing, its counter being so coarse."""


EFFORTS = {
    ("quick", "cpu"): Effort(0.02, 0.45, 5, 15),
    ("full", "cpu"): Effort(0.05, 4.0, 10, 80),
    ("quick", "cuda"): Effort(0.004, 0.05, 9, 15),
    ("full", "cuda"): Effort(0.02, 2.0, 20, 80, energy=True),
}
"""By --throughput and the kind of device. A GPU's time is its own: short blocks tell as much."""
