"""A/A comparisons of real runs: one architecture's seeds, split at random into two that differ in name alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.declared import Declared, built_in
from bench.spec.search_space import SPACE
from bench.statistics.estimates import ALPHA
from bench.statistics.paired import compare_paired
from bench.statistics.settings import SETTINGS, none_for_missing, setting_text
from bench.studies.calibration_sim import judge

COLUMNS = ("task", "metric", "n", "architectures", "runs", "splits", "false_calls", "coverage", "signflip")
TUNED_COLUMNS = ("recipe", "trials", "archs", "dataset", "epochs", *COLUMNS, "error")
"""Of a tuned job: `recipe` is as in summary.csv, `error` what `rate_error` returns."""

COMMON_SPACE = tuple(dimension.name for dimension in SPACE)


def real_aa(
    records: pd.DataFrame,
    rng: np.random.Generator,
    sizes: tuple[int, ...] = (3, 5, 10, 30),
    splits: int = 2_000,
    declared: Declared | None = None,
    tuned: Iterable[str] = COMMON_SPACE,
) -> pd.DataFrame:
    """Return the rates of better/worse verdicts, as fractions, by the shipped `compare_paired`.

    Each task is judged by its primary metric. An architecture takes part at size n if it has 2n finished seeds under
    the same settings; the splits are shared out over the architectures of a task. Splits of the same runs are not
    independent, so the rate is about these runs.

    Of a tuned job there are rows of both recipes: the common one, and of each seed the trial that the report chose by
    validation. A seed that lacks a trial has none, as on the page.

    Args:
        records: a report's records.csv.
        sizes: the n.
        splits: of a task at each size, at least.
        declared: the tasks; default: the built-in ones.
        tuned: the settings in which the chosen trials of an architecture may differ.

    Raises:
        UserError: no architecture has six finished seeds, or a column is missing or is not what a report writes.
    """
    needed = ["status", "task", "arch", *(["chosen", "dataset", "epochs"] if "trial" in records else [])]
    for lacking in sorted(set(needed) - set(records.columns)):
        raise UserError(f"the records have no column {lacking!r}: expected a report's records.csv")
    if "trial" in records and pd.to_numeric(records["trial"], errors="coerce").isna().any():
        raise UserError("a row of the records has no number of its trial: expected the records.csv of one report")
    finished = records[records["status"] == "finished"]
    rows = list[dict[str, object]]()
    for task, description in (declared or built_in()).tasks.items():
        metric = description.primary
        of_task = finished[finished["task"] == task]
        if of_task.empty:
            continue
        if metric not in of_task.columns:
            raise UserError(
                f"the records of the task {task} have no column {metric!r}: expected a report's records.csv"
            )
        for of_recipe, runs, settings in _recipes(of_task, set(tuned)):
            samples = [
                group[metric].dropna().to_numpy(dtype=float) for _, group in runs.groupby(settings, dropna=False)
            ]
            for n in sizes:
                enough = [sample for sample in samples if len(sample) >= 2 * n]
                if not enough:
                    continue
                each = math.ceil(splits / len(enough))
                found = [_split(sample, n, rng) for sample in enough for _ in range(each)]
                counts = (n, len(enough), sum(map(len, enough)), len(found))
                row = (task, metric, *counts, *map(float, np.mean(found, axis=0)))
                error = {"error": rate_error([len(sample) for sample in enough], n, each)} if of_recipe else {}
                rows.append({**of_recipe, **dict(zip(COLUMNS, row, strict=True)), **error})
    if not rows:
        raise UserError("no architecture in the records has 6 finished seeds of one task: expected at least that many")
    return pd.DataFrame(rows)


def _recipes(runs: pd.DataFrame, tuned: set[str]) -> Iterator[tuple[dict[str, object], pd.DataFrame, list[str]]]:
    """Yield what a row says of a recipe, the runs with it, and in what runs of one sample must not differ.

    A run that has drawn the common rate stands twice in the records of a tuned job, as trial 0 and as the other.
    """
    settings = ["arch", *(name for name in SETTINGS if name in runs)]
    if "trial" not in runs:
        yield {}, runs, settings
        return
    shared = {
        "trials": 1 + int(runs["trial"].max()),
        **{name + "s" * (name == "arch"): _values(runs, name) for name in ("arch", "dataset", "epochs")},
    }
    yield {"recipe": "common", **shared}, runs[runs["trial"] == 0], settings
    yield {"recipe": "tuned", **shared}, runs[runs["chosen"].eq(True)], [s for s in settings if s not in tuned]


def _values(runs: pd.DataFrame, name: str) -> str:
    """Return the values of a setting as text, several with "and" between them."""
    return " and ".join(sorted({setting_text(value) for value in none_for_missing(runs[name])}))


def _split(sample: np.ndarray, n: int, rng: np.random.Generator) -> tuple[bool, bool, bool]:
    """Return, for one random split into two arms of n: called better/worse, interval holds 0, sign-flip p below 5 %."""
    shuffled = [float(v) for v in rng.permutation(sample)]
    c = compare_paired(dict(enumerate(shuffled[:n])), dict(enumerate(shuffled[n : 2 * n])))
    return c.verdict in ("better", "worse"), c.low_95 <= 0 <= c.high_95, c.p_signflip < 0.05


def rate_error(runs: Sequence[int], n: int, splits: int, sets: int = 150) -> float:
    """Return how far from 5 % the rate of false calls lies in 95 of 100 sets of normal runs without a difference.

    It is simulated (seeded), since splits of the same runs are not independent: the rate of many splits of few runs is
    farther from 5 % than that of as many splits of runs of their own.

    Args:
        runs: of each architecture.
        n: of an arm.
        splits: of each architecture.
    """
    variances = {}
    for count in set(runs):
        rng, rates = np.random.default_rng([count, n, splits]), list[float]()
        for _ in range(sets):
            order = rng.random((splits, count)).argsort(axis=1)[:, : 2 * n]
            arms = rng.normal(size=count)[order].reshape(splits, 2, n)
            rates.append(float((judge(arms)[2] < ALPHA).mean()))
        variances[count] = np.var(rates)
    return 1.96 * math.sqrt(sum(variances[count] for count in runs)) / len(runs)
