"""Speeds that were measured after training by `--throughput`, as far as they are of a report's architectures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.statistics.speed_frames import rounds_frame, speeds_frame
from bench.store.speed_file import read


@dataclass(frozen=True)
class MeasuredSpeeds:
    """What throughput.json says of the tasks on which every architecture was measured."""

    document: Mapping[str, Any]
    """The file's content, as it was read."""

    rounds: pd.DataFrame
    """A row per round, in the columns of `bench.statistics.speed_frames.rounds_frame`."""

    speeds: pd.DataFrame
    """A row per architecture, task and kind of work, in the columns of `bench.statistics.speed_frames.speeds_frame`."""

    tasks: tuple[str, ...]
    """The tasks on which every architecture with a finished run was measured."""

    def of(self, task: str, work: str) -> pd.DataFrame:
        """Return the rows of `speeds` of one task and kind of work, indexed by architecture."""
        chosen = self.speeds[(self.speeds["task"] == task) & (self.speeds["work"] == work)]
        return chosen.set_index("arch", drop=False)


def read_speeds(folder: Path, runs: pd.DataFrame, tasks: tuple[str, ...], baseline: str) -> MeasuredSpeeds | None:
    """Read the speeds in a report folder; None where none can be used.

    A task counts if every architecture with a finished run was measured on it, in the code that was trained: one column
    must not mix speeds measured after training with those noted while training.

    Raises:
        UserError: throughput.json is malformed.
    """
    document = read(folder)
    if document is None:
        return None
    finished = runs[runs["status"] == "finished"]
    trained = {code_identity(run) for run in finished.to_dict("records")}
    works = [work for work in document["works"] if code_identity(work) in trained]
    measured = {code_identity(work) for work in works if work["work"] == "train"}
    complete = []
    for task in tasks:
        needed = {identity for identity in trained if identity[2] == task}
        if needed and needed <= measured:
            complete.append(task)
    if not complete:
        return None
    kept = {
        **_restricted(document, trained, complete),
        "earlier": [_restricted(session, trained, complete) for session in document.get("earlier", [])],
    }
    return MeasuredSpeeds(document, rounds_frame(kept), speeds_frame(kept, baseline), tuple(complete))


def _restricted(session: Mapping[str, Any], trained: set[Any], tasks: list[str]) -> dict[str, Any]:
    """Return a session with those of its speeds alone that are of code that was trained, on these tasks."""
    works = [work for work in session["works"] if code_identity(work) in trained and work["task"] in tasks]
    return {**session, "works": works}


def code_identity(row: Mapping[Hashable, Any]) -> tuple[str, str, str, str | None]:
    """Return which code a run or a measurement is of.

    Returns:
        (architecture, its fingerprint, task, the task's fingerprint if it came as a plug-in).
    """
    task_fingerprint = row.get("task_fingerprint")
    known = task_fingerprint if isinstance(task_fingerprint, str) else None  # a frame has NaN where there is none
    return row["arch"], row["arch_fingerprint"], row["task"], known
