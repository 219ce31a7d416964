"""How architectures are compared: run specs, data, tasks, training, evaluation, the store of records, statistics.

From Python:

    import bench
    frame = bench.load("runs")                # a tidy data frame, one row per run; needs no torch
    model = bench.load_model("runs", run_id)  # the trained torch module of a finished run, in eval mode
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def load(runs_dir: str | Path) -> pd.DataFrame:
    """Every record in `runs_dir`, with its evaluations, as a tidy frame, one row per run; columns as in records.csv."""
    from bench.gather import gather
    from bench.store import Store
    from bench.summarise import records_frame

    store = Store(runs_dir)
    return records_frame(gather(store, record) for record in store.records())


def load_model(runs_dir: str | Path, run_id: str, plugins: tuple[str, ...] = ()) -> nn.Module:
    """The trained model of a finished run, on the CPU and in eval mode.

    A VAE or CVAE has `.encoder`, `.head` and `.decoder`; a classifier maps images [B, 1, 28, 28] in [0, 1] to logits
    [B, 10]. Raises `archs.errors.UserError` if there is no such finished run, or if the architecture's definition
    has changed since (the weights would then belong to another network).
    """
    from bench.execute import restore
    from bench.store import Store

    return restore(Store(runs_dir).load(run_id), plugins)
