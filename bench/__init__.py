"""How architectures are compared: run specs, data, tasks, training, evaluation, the store of records, statistics.

From Python:

    import bench
    frame = bench.load("runs")                # a tidy data frame, one row per run; needs no torch
    epochs = bench.load("runs", "history")    # the same, one row per epoch of each run
    model = bench.load_model("runs", run_id)  # the trained torch module of a finished run, in eval mode
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def load(runs_dir: str | Path, table: str = "runs") -> pd.DataFrame:
    """A tidy frame of every record in `runs_dir`; failed runs are rows of "runs" only.

    table: "runs" (a row per run with its settings, sizes and metrics, evaluations included: as records.csv), "history"
    (a row per epoch of each run), "summary" (a row per architecture, task and metric: n, mean, std, 95 % interval) or
    "layers" (a row per layer of each architecture and task). Runs of different settings are never averaged: where a
    store holds such, the last three have a further column for each setting that differs. Raises
    `archs.errors.UserError` for another name.
    """
    from archs.errors import UserError, nearest
    from bench.statistics.frames import history_frame, layers_frame, measured, records_frame, summary_frame
    from bench.store.evaluations import gather
    from bench.store.store import Store

    store = Store(runs_dir)
    records = [gather(store, record) for record in store.records()]
    tables = {
        "runs": lambda: records_frame(records),
        "history": lambda: history_frame(records),
        "summary": lambda: summary_frame(records_frame(records), measured(records)),
        "layers": lambda: layers_frame(records),
    }
    if table not in tables:
        raise UserError(f"unknown table {table!r}{nearest(table, tables)}")
    return tables[table]()


def load_model(runs_dir: str | Path, run_id: str, plugins: tuple[str, ...] = ()) -> nn.Module:
    """The trained model of a finished run, on the CPU and in eval mode.

    A VAE or CVAE has `.encoder`, `.head` and `.decoder`; a classifier maps images [B, 1, 28, 28] in [0, 1] to logits
    [B, 10]. Raises `archs.errors.UserError` if there is no such finished run, or if the architecture's definition
    has changed since (the weights would then belong to another network).
    """
    from bench.store.store import Store
    from bench.worker.restore import restore

    return restore(Store(runs_dir).load(run_id), plugins)
