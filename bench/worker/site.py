"""Where and how a job's runs are executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.spec.device import CPU, Device

if TYPE_CHECKING:
    from bench.data.dataset import Dataset


@dataclass(frozen=True)
class Site:
    """What all runs of a job share on one machine. None of it can change a number, or it would be in the spec."""

    runs_dir: str
    data_dir: str
    plugins: tuple[str, ...] = ()

    device: Device = CPU
    """Where a run is computed."""

    devices: tuple[Device, ...] = ()
    """Several GPUs, taken in turn by the workers; else empty, or the one device."""

    workers: int = 1

    commit: str | None = None
    dirty: bool | None = None
    """Whether the code has been changed since that commit."""

    stack: int = 1
    """Seeds of one architecture that are trained together, at most."""

    graph: bool = False
    """Whether training steps are CUDA graphs."""

    beside: int = 1
    """Groups of such seeds that a worker trains side by side, at most; on a CPU one."""

    dataset: Dataset | None = None
    """Where it came with the work, as on a cluster; else it is read from data_dir."""
