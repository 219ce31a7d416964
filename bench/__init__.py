"""How architectures are compared: data, tasks, training, evaluation, the store of records, statistics, jobs.

From Python:

    import bench
    frame = bench.load("runs")                # a tidy data frame, one row per run; needs no torch
    shown = bench.load("reports/generated/a") # those of one report
    epochs = bench.load("runs", "history")    # the same, one row per epoch of each run
    model = bench.load_model("runs", run_id)  # the trained torch module of a finished run, in eval mode
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def load(folder: str | Path, table: str = "runs") -> pd.DataFrame:
    """Return the records of a folder as a tidy data frame; failed runs are rows of the table "runs" only.

    Runs of different settings are never averaged: if a store holds such, the last three tables have a further column
    for each setting that differs.

    Args:
        folder: a store, for all that was ever run; or a report folder, for the runs that the report shows.
        table: "runs": a row per run with its settings, sizes and metrics, evaluations included, as in records.csv;
            "history": a row per epoch of each run;
            "summary": a row per architecture, task and metric with n, mean, std and 95 % interval;
            "layers": a row per layer of each architecture and task.

    Raises:
        archs.errors.UserError: there is no such table, no such folder, or it holds no records.
    """
    from archs.errors import UserError, nearest
    from bench.statistics.frames import history_frame, layers_frame, records_frame, summary_of_records
    from bench.store.evaluations import with_evaluations
    from bench.store.lookup import open_store, runs_of_report

    tables = {"runs": records_frame, "history": history_frame, "summary": summary_of_records, "layers": layers_frame}
    if table not in tables:
        raise UserError(f"unknown table {table!r}{nearest(table, tables)}")
    is_report = (Path(folder) / "manifest.json").is_file()
    store, shown = runs_of_report(Path(folder)) if is_report else (open_store(folder), None)
    return tables[table](with_evaluations(store, record) for record in store.each(shown))


def load_model(runs_dir: str | Path, run_id: str, plugins: tuple[str, ...] = ()) -> nn.Module:
    """Return the trained model of a finished run, on the CPU and in eval mode.

    A VAE or CVAE has `.encoder`, `.head` and `.decoder`; a classifier maps images [B, 1, 28, 28] in [0, 1] to logits
    [B, 10].

    Args:
        runs_dir: the store.
        run_id: sixteen hex digits, or the first of them; records.csv has them.
        plugins: the files that the run's job was given with `--plugin`.

    Raises:
        archs.errors.UserError: there is no such finished run, several ids begin so, or the code that defines its
            architecture has changed since, so that the weights would belong to another network.
    """
    from bench.store.lookup import find_run
    from bench.store.store import Store
    from bench.worker.restore import restore

    return restore(find_run(Store(runs_dir), run_id), plugins)
