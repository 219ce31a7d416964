"""Where and how a job's runs are executed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.machine.provenance import Provenance
from bench.spec.device import CPU, Device

if TYPE_CHECKING:
    from bench.data.dataset import Dataset


@dataclass(frozen=True)
class Site:
    """What all runs of a job share on one machine. None of it can change a number, or it would be in the spec."""

    runs_dir: str
    """The store that records go to."""

    data_dir: str

    plugins: tuple[str, ...] = ()
    """Paths of the files with further architectures and tasks."""

    device: Device = CPU
    """Where a run is computed."""

    devices: tuple[Device, ...] = ()
    """Several GPUs, taken in turn by the workers; else empty, or the one device."""

    workers: int = 1
    """Processes that do runs at the same time."""

    provenance: Provenance = field(default_factory=Provenance)
    """Which version of this project's code the job runs."""

    stack: int = 1
    """Seeds of one architecture that are trained together, at most."""

    graph: bool = False
    """Whether training steps are CUDA graphs."""

    side_by_side: int = 1
    """Groups of such seeds that a worker trains side by side, at most; on a CPU one."""

    dataset: Dataset | None = None
    """The data where they came with the work, as on a cluster; else they are read from `data_dir`."""
