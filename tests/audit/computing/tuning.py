"""Tuned runs: the best of each run's trials by validation, chosen anew from the histories of the records."""

from __future__ import annotations

import math
from functools import cache, cached_property

import numpy as np
import pandas as pd

from tests.audit.facts import TASKS, Facts, Wrong

OUTER = 0.1
"""The share of a range's logarithm that its edge is."""


class Tuned(Facts):
    """The same report with each run replaced by its best trial; a run without all of its trials has none."""

    @cached_property
    def all_runs(self) -> pd.DataFrame:
        return chosen(Facts(self.folder))


@cache
def tuned(facts: Facts) -> Tuned | None:
    """Return the tuned runs of a report, which may have none."""
    if "tuning" not in facts.manifest or isinstance(facts, Tuned) or chosen(facts).empty:
        return None
    return Tuned(facts.folder)


def with_tuned(facts: Facts) -> list[Facts]:
    """Return the runs with the common recipe and, if there are such, the tuned ones."""
    own = tuned(facts)
    return [facts, own] if own else [facts]


def of_tuned(facts: Facts) -> Tuned:
    """Return the tuned runs, of which something is said."""
    own = tuned(facts)
    if own is None:
        raise Wrong("nothing was tuned")
    return own


def trial_count(facts: Facts) -> int:
    if "tuning" not in facts.manifest:
        raise Wrong("nothing was tuned")
    return int(facts.manifest["tuning"]["trials"])


@cache
def scored(facts: Facts) -> pd.DataFrame:
    """Return records.csv with the validation score of each trial, NaN of one that failed."""

    def score(row: pd.Series) -> float:
        if row["status"] != "finished":
            return math.nan
        return float(facts.record(row["run_id"])["history"][-1][f"val_{TASKS[row['task']].metric}"])

    table = facts.trials
    return table.assign(validation=[score(row) for _, row in table.iterrows()])


def best_trial(own: pd.DataFrame) -> int | None:
    """Return the number of the best of a run's trials; None if all failed."""
    seen = own[own["validation"].notna()].sort_values("trial")
    return None if seen.empty else int(seen["trial"].iloc[int(np.argmax(seen["validation"]))])


@cache
def chosen(facts: Facts) -> pd.DataFrame:
    """Return the row of the best trial of each run that has all of them; where all failed that of the run itself."""
    rows = []
    for _, own in scored(facts).groupby(["arch", "task", "seed"], sort=False):
        if len(own) == trial_count(facts):
            rows.append(own[own["trial"] == (best_trial(own) or 0)])
    return pd.concat(rows) if rows else facts.trials.iloc[:0]


@cache
def rates(facts: Facts, task: str, arch: str) -> list[float]:
    """Return the chosen peak learning rates, the smallest first."""
    return sorted(float(rate) for rate in of_tuned(facts).of(task, arch)["lr"])


@cache
def places(facts: Facts, task: str, arch: str) -> list[tuple[float, int]]:
    """Return of each chosen trial where its rate lies on the range's logarithm, 0 and 1 its ends, and its number."""
    (space,) = facts.manifest["tuning"]["space"]
    width, own = math.log(space["high"] / space["low"]), of_tuned(facts).of(task, arch)
    return [
        (round(math.log(rate / space["low"]) / width, 9), int(trial))
        for rate, trial in zip(own["lr"], own["trial"], strict=True)
    ]


@cache
def at_edges(facts: Facts, task: str) -> dict[tuple[str, str], list[int]]:
    """Return (architecture, end of the range) → the numbers of its chosen trials there."""
    found = {}
    for arch in facts.ranked(task):
        own = places(facts, task, arch)
        found[arch, "lower"] = [trial for share, trial in own if 0 <= share < OUTER]
        found[arch, "upper"] = [trial for share, trial in own if 1 - OUTER < share <= 1]
    return {key: trials for key, trials in found.items() if trials}


def outside(facts: Facts, task: str) -> dict[str, int]:
    """Return architecture → how many of its chosen rates lie outside of the range."""
    found = {arch: sum(not 0 <= share <= 1 for share, _ in places(facts, task, arch)) for arch in facts.ranked(task)}
    return {arch: n for arch, n in found.items() if n}


def counts(facts: Facts) -> list[int]:
    """Return how many seeds the results are of, common and tuned, fewest first."""
    return sorted({n for one in with_tuned(facts) for n in one.counts})


def wrong_trials(facts: Facts) -> list[str]:
    """Return what is wrong in the columns of records.csv on trials."""
    if "tuning" not in facts.manifest:
        return [f"column {name}" for name in ("trial", "chosen") if name in facts.trials]
    table, found = scored(facts), []
    for (arch, task, seed), own in table.groupby(["arch", "task", "seed"]):
        is_whole = len(own) == trial_count(facts)
        expected = [best_trial(own)] if is_whole and own["validation"].notna().any() else []
        printed = list(own.loc[own["chosen"].astype(bool), "trial"])
        if printed != expected:
            found.append(f"{arch} {task} seed {seed}: chosen {printed}, expected {expected}")
    for (trial, seed), own in table.groupby(["trial", "seed"]):
        if own["lr"].nunique() != 1:
            found.append(f"trial {trial} of seed {seed}: several rates")
    return found
