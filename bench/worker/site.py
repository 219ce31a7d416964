"""Where and how a job's runs are executed, and where a run in flight is. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.data.known_files import KnownFiles


@dataclass(frozen=True)
class Site:
    """What all runs of a job share on one machine. None of it can change a number, or it would be in the spec."""

    runs_dir: str
    data_dir: str
    plugins: tuple[str, ...] = ()
    device: str = "cpu"  # "cpu" or "cuda:n"
    workers: int = 1
    commit: str | None = None
    dirty: bool | None = None
    devices: tuple[str, ...] = ()  # several GPUs, taken in turn by the workers
    stack: int = 1  # seeds of one architecture trained together, at most
    graph: bool = False  # training steps as CUDA graphs
    beside: int = 1  # groups of such seeds that a worker trains side by side, at most; on a CPU one
    known_files: KnownFiles | None = None  # what the job knows of the files in data_dir
    dataset: Dataset | None = (
        None  # where it came with the work (bench.launchers.ray_cluster); else it is read from data_dir
    )
