"""Reports whose seeds were added until settled, with invented numbers of seeds and what ended it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.reports.synthetic import TASKS, write_experiment


def stopping(ended: str = "settled", most: int = 30, minutes: float | None = None) -> dict[str, Any]:
    """The manifest's entry on seeds that were added until settled."""
    return {"kind": "until sure", "first_seeds": 3, "max_seeds": most, "max_minutes": minutes, "ended": ended}


def numbers_of_seeds(archs: Sequence[str], numbers: Sequence[int]) -> dict[tuple[str, str], int]:
    """(Architecture, task) → its seeds, on all tasks as many."""
    return {(arch, task): n for arch, n in zip(archs, numbers, strict=True) for task in TASKS}


def write_until_sure(
    folder: Path, seeds: Mapping[str, int], ended: str = "settled", most: int = 30, **options: Any
) -> Path:
    """Write a report of architecture → its seeds, the first of which is the baseline."""
    entry = {"stopping": stopping(ended, most, options.pop("minutes", None)), **options.pop("manifest", {})}
    options = {"tasks": ("vae",), "n_test": 10, **options}
    return write_experiment(
        folder,
        list(seeds),
        seeds=max(seeds.values()),
        seeds_of=numbers_of_seeds(list(seeds), list(seeds.values())),
        manifest=entry,
        **options,
    )
