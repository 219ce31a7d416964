"""A rendered report folder as `compare` reads it: its manifest and records.csv, without the runs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, of_manifest
from reports.reading.manifest import read_manifest

NEEDED = ("arch", "task", "seed", "status", "dataset", "run_id")


@dataclass(frozen=True)
class Report:
    folder: Path
    manifest: dict[str, Any]
    runs: pd.DataFrame

    def settings(self, column: str) -> tuple[str, ...]:
        values = self.runs[column].dropna() if column in self.runs else []
        return tuple(sorted({f"{value:g}" if isinstance(value, float) else str(value) for value in values}))

    @cached_property
    def declared(self) -> Declared:
        return of_manifest(self.manifest)

    def fingerprint(self, arch: str) -> tuple[str, ...]:
        rows = self.runs[self.runs["arch"] == arch]
        return tuple(sorted(set(rows["arch_fingerprint"].dropna().astype(str)))) if "arch_fingerprint" in rows else ()

    def task_fingerprint(self, task: str) -> tuple[str, ...]:
        """Of a task that came as a plug-in."""
        rows = self.runs[self.runs["task"] == task]
        return tuple(sorted(set(rows["task_fingerprint"].dropna().astype(str)))) if "task_fingerprint" in rows else ()


def read(folder: Path) -> Report:
    """A report folder's manifest and records.csv; UserError when either can't be read."""
    manifest = read_manifest(folder)
    path = folder / "records.csv"
    try:
        texts = ("run_id", "error", "arch_fingerprint", "task_fingerprint", "data_fingerprint")
        runs = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no records.csv: expected a rendered report; run python -m reports render {folder}"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())}") from None
    lacking = [column for column in NEEDED if column not in runs]
    if lacking or runs.empty:
        raise UserError(f"{path} {'lacks ' + ', '.join(lacking) if lacking else 'is empty'}: expected a row per run")
    return Report(folder, manifest, runs)
