"""A rendered report folder as `compare` reads it: its manifest and records.csv, without the runs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from archs.errors import UserError
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

    def fingerprint(self, arch: str) -> tuple[str, ...]:
        rows = self.runs[self.runs["arch"] == arch]
        return tuple(sorted(set(rows["arch_fingerprint"].dropna().astype(str)))) if "arch_fingerprint" in rows else ()


def read(folder: Path) -> Report:
    """A report folder's manifest and records.csv; UserError when either can't be read."""
    manifest = read_manifest(folder)
    path = folder / "records.csv"
    try:
        runs = pd.read_csv(path, dtype={"run_id": str, "error": str, "arch_fingerprint": str, "data_fingerprint": str})
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
