"""Reads the CSV tables of a report so that names stay the text that was written.

pandas guesses: it takes an architecture called `null`, `nan` or `na` for a missing value, makes `007` and `7` one
number, and `true` a truth value. A row whose name is missing is then in no group and in no verdict.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from archs.errors import UserError, nearest

FINGERPRINTS = ("arch_fingerprint", "data_fingerprint", "task_fingerprint")
IDENTITIES = ("arch", "task", "dataset", "likelihood", "device", "label_input", *FINGERPRINTS)
TEXT_COLUMNS = {
    "records": (*IDENTITIES, "status", "error", "run_id", "device_name", "torch", "commit", "code"),
    "summary": (*IDENTITIES, "metric"),
    "comparisons": (
        "task",
        "metric",
        "arch",
        "baseline",
        "verdict",
        "same_as",
        "dropped",
        "outliers",
        "collapsed",
        "collapsed_baseline",
        "verdict_without",
    ),
    "layers": (*IDENTITIES, "part", "layer", "kind", "output_shape", "note"),
    "throughput": ("arch", "task", "work"),
}
"""Table → its columns that hold text, of which a file may lack some.

Each table has its own, since a plug-in's metric, which is a column of records.csv, may be called `part`, say.
"""


def read_table(path: str | Path, table: str = "records") -> pd.DataFrame:
    """Return the frame that a CSV table of a report holds; only an empty field is a missing value.

    Args:
        path: the file, under whatever name.
        table: which table it is: one of `TEXT_COLUMNS`.

    Raises:
        UserError: there is no such table.
        OSError: the file can't be read.
        ValueError: it is no CSV file, or not in UTF-8.
    """
    if table not in TEXT_COLUMNS:
        raise UserError(f"unknown table {table!r}{nearest(table, TEXT_COLUMNS)}")
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS[table], str), keep_default_na=False, na_values=[""])
