"""On which machine each run was trained: what a speed is of, and what moves the last digits of every other number."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import pandas as pd


class Machine(NamedTuple):
    """What two speeds must have in common to be compared; None where a record does not say."""

    device: str | None
    """The kind of device: "cpu" or "cuda"."""

    device_name: str | None
    """The name of the processor, or of the GPU."""

    threads: int | None
    """Threads of the CPU that a run has."""

    torch: str | None
    """Its version."""


def machine_of(run: Mapping[Hashable, Any]) -> Machine:
    """Return the machine of a row of a frame of runs, in which what is not known is missing, None or NaN."""
    device, name, threads, torch = (None if pd.isna(value) else value for value in map(run.get, Machine._fields))
    return Machine(device, name, None if threads is None else int(threads), torch)


def machines_of(runs: pd.DataFrame) -> dict[Machine, tuple[str, ...]]:
    """Return each machine on which some of these runs were trained, with the architectures that were."""
    found: dict[Machine, dict[str, None]] = {}
    shown = runs.reindex(columns=[*Machine._fields, "arch"])
    for *values, arch in dict.fromkeys(zip(*(shown[name].tolist() for name in shown), strict=True)):
        found.setdefault(machine_of(dict(zip(Machine._fields, values, strict=True))), {})[arch] = None
    return {machine: tuple(archs) for machine, archs in found.items()}


def machines_by_seed(runs: pd.DataFrame) -> dict[Hashable, dict[int, Machine]]:
    """Return architecture → seed → machine of the finished runs of one task."""
    finished = runs[runs["status"] == "finished"].reindex(columns=[*Machine._fields, "arch", "seed"])
    found: dict[Hashable, dict[int, Machine]] = {}
    for run in finished.to_dict("records"):
        found.setdefault(run["arch"], {})[int(run["seed"])] = machine_of(run)
    return found
