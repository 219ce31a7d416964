"""How large each architecture is."""

from __future__ import annotations

from reports.findings.experiment import Experiment


def sizes(experiment: Experiment) -> dict[str, tuple[str, float, float, float]]:
    """arch → (task counted, parameters, conv, FC): of the first task that it has a finished run of."""
    found: dict[str, tuple[str, float, float, float]] = {}
    for task in experiment.tasks:
        frame = experiment.runs[(experiment.runs["task"] == task) & experiment.runs["params_total"].notna()]
        for row in frame.drop_duplicates("arch").itertuples(index=False):
            found.setdefault(row.arch, (task, row.params_total, row.params_conv, row.params_fc))
    return found
