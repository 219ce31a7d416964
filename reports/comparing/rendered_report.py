"""Read a rendered report for `compare`: its manifest and records.csv, without the runs themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, of_manifest
from reports.reading.manifest import read_manifest

REQUIRED_COLUMNS = ("arch", "task", "seed", "status", "dataset", "run_id")


@dataclass(frozen=True)
class RenderedReport:
    """A report folder after `python -m reports render`."""

    folder: Path
    """The folder itself."""

    manifest: dict[str, Any]
    """manifest.json, checked by `reports.reading.manifest`."""

    runs: pd.DataFrame
    """records.csv: a row per run."""

    def settings(self, column: str) -> tuple[str, ...]:
        """Return the distinct values of a column of `runs` as text; none if there is no such column."""
        values = self.runs[column].dropna() if column in self.runs else []
        return tuple(sorted({f"{value:g}" if isinstance(value, float) else str(value) for value in values}))

    @cached_property
    def declared(self) -> Declared:
        """What is known of the tasks and metrics."""
        return of_manifest(self.manifest)

    def fingerprints(self, kind: str, name: str) -> tuple[str, ...]:
        """Return the fingerprints of the code of an architecture (`kind` "arch") or of a plug-in task ("task")."""
        column = f"{kind}_fingerprint"
        rows = self.runs[self.runs[kind] == name]
        return tuple(sorted(set(rows[column].dropna().astype(str)))) if column in rows else ()


def read_report(folder: Path) -> RenderedReport:
    """Read a report folder's manifest and records.csv.

    Raises:
        UserError: either is missing or can't be read.
    """
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
    lacking = [column for column in REQUIRED_COLUMNS if column not in runs]
    if lacking or runs.empty:
        raise UserError(f"{path} {'lacks ' + ', '.join(lacking) if lacking else 'is empty'}: expected a row per run")
    return RenderedReport(folder, manifest, runs)
