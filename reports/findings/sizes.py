"""How large each architecture is."""

from __future__ import annotations

from typing import NamedTuple

from reports.findings.experiment import Experiment
from reports.reading.once import once

OF_IMAGES = "log p(x)"
"""What a task bounds whose models are of images alone, such as VAEs."""


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


def own_task(experiment: Experiment) -> str:
    """Return the task whose parameters and speed stand for an architecture's: of images alone, else the first; or "".

    A reader who compares autoencoders expects those of the autoencoder, whatever was named first.
    """
    tasks = experiment.rankings.items()
    of_images = (task for task, ranking in tasks if ranking.description.bounds == OF_IMAGES)
    return next(of_images, next(iter(experiment.tasks), ""))


@once
def sizes(experiment: Experiment) -> dict[str, Size]:
    """Return architecture → its size on the page's own task, or else the first that it has a finished run of."""
    found: dict[str, Size] = {}
    columns = ["arch", "params_total", "params_conv", "params_fc"]
    for task in (own_task(experiment), *experiment.tasks):
        of_task = experiment.runs_of(task)[columns]
        counted = of_task[of_task["params_total"].notna()]
        for row in counted.drop_duplicates("arch").itertuples(index=False):
            found.setdefault(row.arch, Size(task, row.params_total, row.params_conv, row.params_fc))
    return found
