"""A/A comparisons of real runs: one architecture's seeds, split at random into two that differ in name alone."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, built_in
from bench.statistics.paired import compare_paired
from bench.statistics.settings import SETTINGS

COLUMNS = ["task", "metric", "n", "architectures", "runs", "splits", "false_calls", "coverage", "signflip"]


def real_aa(
    records: pd.DataFrame,
    rng: np.random.Generator,
    sizes: tuple[int, ...] = (3, 5, 10, 30),
    splits: int = 2_000,
    declared: Declared | None = None,
) -> pd.DataFrame:
    """Return the rates of better/worse verdicts, as fractions, by the shipped `compare_paired`.

    Each task is judged by its primary metric. An architecture takes part at size n if it has 2n finished seeds under
    the same settings; the splits are shared out over the architectures of a task. Splits of the same runs are not
    independent, so the rate is about these runs.

    Args:
        records: a report's records.csv.
        sizes: the n.
        splits: of a task at each size, at least.
        declared: the tasks; default: the built-in ones.

    Raises:
        UserError: no architecture has six finished seeds, or a column is missing.
    """
    lacking = {"status", "task", "arch"} - set(records.columns)
    if lacking:
        raise UserError(f"the records have no column {min(lacking)!r}: expected a report's records.csv")
    finished = records[records["status"] == "finished"]
    rows = []
    for task, description in (declared or built_in()).tasks.items():
        metric = description.primary
        of_task = finished[finished["task"] == task]
        if of_task.empty:
            continue
        if metric not in of_task.columns:
            raise UserError(
                f"the records of the task {task} have no column {metric!r}: expected a report's records.csv"
            )
        keys = ["arch", *(k for k in SETTINGS if k in of_task.columns)]
        samples = [group[metric].dropna().to_numpy(dtype=float) for _, group in of_task.groupby(keys, dropna=False)]
        for n in sizes:
            enough = [sample for sample in samples if len(sample) >= 2 * n]
            if not enough:
                continue
            each = math.ceil(splits / len(enough))
            found = [_split(sample, n, rng) for sample in enough for _ in range(each)]
            rates = np.mean(found, axis=0)
            rows.append([task, metric, n, len(enough), sum(map(len, enough)), len(found), *map(float, rates)])
    if not rows:
        raise UserError("no architecture in the records has 6 finished seeds of one task: expected at least that many")
    return pd.DataFrame(rows, columns=COLUMNS)


def _split(sample: np.ndarray, n: int, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Return, for one random split into two arms of n: called better/worse, interval holds 0, sign-flip p below 5 %."""
    shuffled = [float(v) for v in rng.permutation(sample)]
    c = compare_paired(dict(enumerate(shuffled[:n])), dict(enumerate(shuffled[n : 2 * n])))
    return c.verdict in ("better", "worse"), c.low_95 <= 0 <= c.high_95, c.p_signflip < 0.05
