"""Tuned runs in `compare`: those of the common recipe are compared with such, and tuned ones with tuned ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from reports.comparing.metric_change import THROUGHPUT
from reports.comparing.rendered_report import RenderedReport
from reports.wording.formatting import plural

TUNED = "-tuned"
"""What the tuned runs' task is called, behind its own name."""


def apart(a: RenderedReport, b: RenderedReport) -> tuple[RenderedReport, RenderedReport]:
    """Return the reports with their tuned runs as tasks of their own, without other trials.

    They are tasks only if both reports tried each run with as many recipes from the same range: the best of three is
    not compared with the best of ten.
    """
    alike = are_alike(a, b)
    return _apart(a, alike), _apart(b, alike)


def are_alike(a: RenderedReport, b: RenderedReport) -> bool:
    """Return whether what is tuned in A can be compared with what is tuned in B."""
    return _tuning(a.manifest) == _tuning(b.manifest)


def is_tuned(report: RenderedReport) -> bool:
    """Return whether a report has tuned runs."""
    return _tuning(report.manifest)[0] > 1


def left_out(a: RenderedReport, b: RenderedReport) -> str:
    """Say that tuned runs are not compared, and how each report was tuned."""
    said = [f"{name} {_in_words(report.manifest)}" for name, report in (("A", a), ("B", b))]
    return f"Runs are compared with the recipe that they have in common, not tuned: {', '.join(said)}."


def _apart(report: RenderedReport, keep: bool) -> RenderedReport:
    """Return a report without the trials above 0, but for the chosen ones as other tasks if they are kept.

    These have no speed: a rate makes no step slower, and where trial 0 was chosen it is in the comparison already.
    """
    runs = report.runs
    if "trial" not in runs:
        return report
    common, chosen = runs[runs["trial"] == 0], runs[runs["chosen"].astype(bool)]
    names = [row["name"] for row in report.manifest.get("tuning", {}).get("space", ()) if row["name"] in runs]
    of_tuned = chosen.assign(task=chosen["task"] + TUNED, **dict.fromkeys([*names, THROUGHPUT], float("nan")))
    if not keep or of_tuned.empty:
        return dataclasses.replace(report, runs=common)
    tasks = {str(task): f"{task}{TUNED}" for task in dict.fromkeys(chosen["task"])}
    return dataclasses.replace(report, runs=pd.concat([common, of_tuned], ignore_index=True), tuned_tasks=tasks)


def _tuning(manifest: Mapping[str, Any]) -> tuple[int, tuple[tuple[Any, ...], ...]]:
    """Return the number of trials and the space they are drawn from."""
    found = manifest.get("tuning") or {"trials": 1, "space": ()}
    return found["trials"], tuple(tuple(row[name] for name in ("name", "low", "high")) for row in found["space"])


def _in_words(manifest: Mapping[str, Any]) -> str:
    trials, space = _tuning(manifest)
    if trials == 1:
        return "was not tuned"
    ranges = ", ".join(f"{name} from {low:g} to {high:g}" for name, low, high in space)
    return f"was tuned with {plural(trials, 'trial')} ({ranges})"
