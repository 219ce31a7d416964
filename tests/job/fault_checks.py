"""What must hold of a store whose jobs were killed: nothing lost, nothing wrong, the same report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

import reports
from bench.job.manifest import write_manifest
from bench.store.differences import NOT_COMPARED, differences, is_timing
from bench.store.store import Record, Store
from reports.reading import answer_file
from tests.conftest import without_figures


class Fault(AssertionError):
    """Something was lost, wrong, or did not end."""


def check(condition: bool, message: str) -> None:
    if not condition:
        raise Fault(message)


def inspect(folder: Path, theirs: dict[str, Record], before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Every record is sound, those finished `before` are untouched, and all equal the undisturbed ones."""
    kept = {}
    for record in sound_records(folder):
        if record.status == "finished":
            differ = differences(record, theirs[record.run_id])
            check(not differ, f"run {record.run_id} is wrong: {differ}")
            assert record.folder is not None
            stat = (record.folder / "record.json").stat()
            kept[record.run_id] = (stat.st_ino, stat.st_mtime_ns)
    for run_id, stamp in before.items():
        check(kept.get(run_id) == stamp, f"run {run_id} was finished, and is {'changed' if run_id in kept else 'lost'}")
    return kept


def sound_records(folder: Path) -> list[Record]:
    def refuse(error: Exception) -> None:
        raise Fault(f"a record is damaged: {error}")

    found = Store(folder / "runs").records(damaged=refuse)
    for record in found:
        record.verify()
    return found


def timeless(record: Record) -> Record:
    """A copy in which everything that is read off a clock, or off the job around the run, is 1."""

    def still(values: dict) -> dict:
        return {key: 1 if is_timing(key) or key in NOT_COMPARED else value for key, value in values.items()}

    return dataclasses.replace(
        record,
        metrics=still(record.metrics),
        history=[still(epoch) for epoch in record.history],
        environment=still(record.environment),
    )


def neutral_page(folder: Path, copy: Path) -> dict[str, bytes]:
    """The report, made from a timeless copy of the records: text, tables and verdicts, byte by byte, no figures."""
    store = Store(copy / "runs")
    for record in sound_records(folder):
        store.write(timeless(record), {name: np.array(array) for name, array in record.arrays().items()})
    manifest = json.loads((folder / "report" / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"runs_dir": "../runs", "command": "", "created": "2000-01-01T00:00:00+00:00", "wall_seconds": 1}
    (copy / "report").mkdir(parents=True)
    write_manifest(copy / "report", manifest)
    with without_figures():
        reports.build(copy / "report")
    shown = [path for path in (copy / "report").iterdir() if path.suffix in (".md", ".csv")]
    return {path.name: path.read_bytes() for path in (*shown, copy / "report" / answer_file.FILE)}
