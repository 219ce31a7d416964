"""In which settings runs differ: numbers of different settings are not averaged or paired with each other. No torch."""

from __future__ import annotations

import dataclasses

import pandas as pd

from archs.errors import UserError
from bench.spec.run import RunSpec

SETTINGS = tuple(field.name for field in dataclasses.fields(RunSpec) if field.name not in ("arch", "task", "seed"))
"""Every field of a run's identity but what is compared (architecture, task) and what is averaged over (seed)."""


def differing_settings(runs: pd.DataFrame) -> list[str]:
    """The settings that are not the same in all of `runs`, in the order of `RunSpec`.

    runs: a row per run, with arch, task and any of `SETTINGS` as columns. A setting that has no meaning for a task is
    None there, which is no difference from other tasks; an architecture's fingerprint can only differ from its own.
    """
    return [name for name in SETTINGS if name in runs and _differs(runs, name)]


def refuse_mixed(runs: pd.DataFrame, whose: str) -> None:
    """Raises UserError, naming the setting and its values, where runs of one task are of different settings."""
    for task, group in runs.groupby("task", sort=False):
        for name in differing_settings(group):
            of, values = "", plain(group[name])
            if name == "arch_fingerprint":  # of the first architecture that was edited between its runs
                own = ((arch, codes) for arch, codes in values.groupby(group["arch"]) if len(set(codes)) > 1)
                arch, values = next(own)
                of = f" of {arch}"
            shown = sorted(f"{value:g}" if isinstance(value, float) else str(value) for value in set(values))
            raise UserError(
                f"{whose} mixes {task} runs with {name}{of} {' and '.join(shown)}: expected one, select runs with the "
                "same settings"
            )


def plain(values: pd.Series) -> pd.Series:
    """`values` as Python objects, with None for whatever stands for a missing one."""
    return values.astype(object).where(values.notna(), None)


def _differs(runs: pd.DataFrame, name: str) -> bool:
    values = plain(runs[name])
    if name == "arch_fingerprint":
        return any(len(set(group)) > 1 for _, group in values.groupby([runs["arch"], runs["task"]]))
    within_a_task = any(len(set(group)) > 1 for _, group in values.groupby(runs["task"]))
    if name == "task_fingerprint":  # of a plug-in's task, which another's has nothing to do with
        return within_a_task
    return within_a_task or values.nunique() > 1
