"""Speeds that were measured apart from training, as far as they are of this page's architectures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.statistics.speed_frames import rounds_frame, speeds_frame
from bench.store.speed_file import read


@dataclass(frozen=True)
class Apart:
    """document: throughput.json. rounds, speeds: the frames of `bench.statistics.speed_frames`. tasks: those measured whole."""

    document: Mapping[str, Any]
    rounds: pd.DataFrame
    speeds: pd.DataFrame
    tasks: tuple[str, ...]

    def of(self, task: str, work: str) -> pd.DataFrame:
        """The rows of `speeds` of one task and work, by architecture."""
        chosen = self.speeds[(self.speeds["task"] == task) & (self.speeds["work"] == work)]
        return chosen.set_index("arch", drop=False)


def read_apart(folder: Path, runs: pd.DataFrame, tasks: tuple[str, ...], baseline: str) -> Apart | None:
    """None where nothing was measured. A task counts if every architecture that finished it was, in its present code:
    numbers measured apart and while training don't mix in a column. Raises UserError for a malformed file."""
    document = read(folder)
    if document is None:
        return None
    finished = runs[runs["status"] == "finished"]
    wanted = {key_of(run) for run in finished.to_dict("records")}
    works = [one for one in document["works"] if key_of(one) in wanted]
    found = {key_of(one) for one in works}
    whole = tuple(
        t for t in tasks if {key for key in wanted if key[2] == t} <= found and any(k[2] == t for k in wanted)
    )
    if not whole:
        return None
    kept = {**document, "works": [one for one in works if one["task"] in whole]}
    return Apart(document, rounds_frame(kept), speeds_frame(kept, baseline), whole)


def key_of(one: Mapping[Hashable, Any]) -> tuple[str, str, str, str | None]:
    """What a run or a measured work is of: architecture and its code, task and, of a plug-in, its code."""
    code = one.get("task_fingerprint")
    return one["arch"], one["arch_fingerprint"], one["task"], code if isinstance(code, str) else None
