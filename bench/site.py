"""Where and how a job's runs are executed, and where a run in flight is. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.data import Dataset
    from bench.known_files import KnownFiles


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
    dataset: Dataset | None = None  # where it came with the work (bench.cluster); else it is read from data_dir


@dataclass(frozen=True)
class Progress:
    """Where a run in flight is.

    done: the share of its steps, 0 to 1. epoch: from 1. loss: mean over the steps since the last report (of a stack's
    seeds: their mean), in nats; NaN where there is none.
    """

    done: float
    epoch: int
    loss: float
