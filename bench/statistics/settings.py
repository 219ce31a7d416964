"""Finds the settings in which runs differ, since such runs must not be averaged or paired. No torch."""

from __future__ import annotations

import dataclasses

import pandas as pd

from archs.errors import UserError
from bench.spec.run import RunSpec

OF_AN_ARCHITECTURE = ("arch_fingerprint", "label_input", "steps")
"""Settings that two architectures may have differently: compared only within each. So may they have different `epochs`,
where their steps are their own."""

SETTINGS = tuple(field.name for field in dataclasses.fields(RunSpec) if field.name not in ("arch", "task", "seed"))
"""The fields of a run's identity, without what is compared (architecture, task) and what is averaged over (seed)."""


def differing_settings(runs: pd.DataFrame) -> list[str]:
    """Return the settings that are not the same in all of `runs`, in the order of `RunSpec`.

    A setting that has no meaning for a task is None there, which is no difference from other tasks. What is an
    architecture's own (`OF_AN_ARCHITECTURE`) is compared only with what it has elsewhere.

    Args:
        runs: a row per run, with arch, task and any of `SETTINGS` as columns.
    """
    return [name for name in SETTINGS if name in runs and _differs(runs, name)]


def refuse_mixed(runs: pd.DataFrame, whose: str) -> None:
    """Raise UserError if runs of one task differ in a setting; the message names it, its values and `whose` runs."""
    for task, group in runs.groupby("task", sort=False):
        for name in differing_settings(group):
            of, values, is_own = "", none_for_missing(group[name]), name in OF_AN_ARCHITECTURE
            matched = _of_matched_runs(group)
            if name == "epochs" and matched.any():
                is_own = not _differs(group[~matched], name)
                values = values[matched if is_own else ~matched]
            if is_own:  # of the first architecture that has two
                own = ((arch, codes) for arch, codes in values.groupby(group["arch"]) if len(set(codes)) > 1)
                arch, values = next(own)
                of = f" of {arch}"
            shown = sorted(map(setting_text, set(values)))
            raise UserError(
                f"{whose} mixes {task} runs with {name}{of} {' and '.join(shown)}: expected one, select runs with the "
                "same settings"
            )


def setting_text(value: object) -> str:
    """Return a setting as text, different for any two that differ; 20.0, as a frame with a gap holds 20, is "20"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def none_for_missing(values: pd.Series) -> pd.Series:
    """Return `values` as Python objects, with None for NaN and other missing values."""
    return values.astype(object).where(values.notna(), None)


def _differs(runs: pd.DataFrame, name: str) -> bool:
    if runs[name].nunique(dropna=False) <= 1:  # nearly always; to group all settings takes a quarter of a page's time
        return False
    values = none_for_missing(runs[name])
    if name in OF_AN_ARCHITECTURE:
        return _differs_within_one(runs, values)
    matched = _of_matched_runs(runs)
    if name == "epochs" and matched.any():
        return _differs_within_one(runs[matched], values[matched]) or _differs(runs[~matched], name)
    within_a_task = any(len(set(group)) > 1 for _, group in values.groupby(runs["task"]))
    if name == "task_fingerprint":  # tasks have different ones anyway
        return within_a_task
    return within_a_task or values.nunique() > 1


def _differs_within_one(runs: pd.DataFrame, values: pd.Series) -> bool:
    """Return whether some architecture has two of these values on one task."""
    return any(len(set(group)) > 1 for _, group in values.groupby([runs["arch"], runs["task"]]))


def _of_matched_runs(runs: pd.DataFrame) -> pd.Series:
    """Return of each run whether its steps are its architecture's own, and so its epochs are too."""
    return runs["steps"].notna() if "steps" in runs else pd.Series(False, index=runs.index)
