"""How large each architecture is."""

from __future__ import annotations

from typing import NamedTuple

from reports.findings.experiment import Experiment


class Size(NamedTuple):
    """Parameters of an architecture, counted in one finished run."""

    task: str
    """The task of that run."""

    total: float
    """All parameters."""

    conv: float
    """Those of convolutions, transposed ones included."""

    fc: float
    """Those of fully connected layers."""


def sizes(experiment: Experiment) -> dict[str, Size]:
    """Return architecture → its size on the first task that it has a finished run of."""
    found: dict[str, Size] = {}
    columns = ["arch", "params_total", "params_conv", "params_fc"]
    for task in experiment.tasks:
        of_task = experiment.runs[columns][experiment.runs["task"] == task]
        counted = of_task[of_task["params_total"].notna()]
        for row in counted.drop_duplicates("arch").itertuples(index=False):
            found.setdefault(row.arch, Size(task, row.params_total, row.params_conv, row.params_fc))
    return found
