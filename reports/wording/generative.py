"""Say in words what stands behind a model's ELBO: its two parts, and what was not computed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.spec.metrics import IWAE
from bench.statistics.comparisons import values_by_arch
from bench.statistics.robustness.differences import paired_differences
from reports.findings.experiment import Experiment
from reports.wording.collapse import collapse
from reports.wording.formatting import natural_list, plural, signed

METRICS_OF_EVALUATION = {
    "iwae": ("iwae",),
    "probe": ("probe_accuracy",),
    "bayes": ("elbo_marginal", "bayes_accuracy"),
    "samples": ("sample_accuracy",),
}
"""Part of a full evaluation → the metrics that it adds.

"iwae" stands for all importance-weighted bounds, whose names end in their numbers of samples and images.
"""
NAMES = {"iwae": "importance-weighted bound", "elbo_marginal": "marginal bound"}
"""What a sentence calls a metric, where that is not its label."""


def sentences(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield why the best and the last architecture differ, who collapsed, and what was not computed."""
    if text := decomposition(experiment, task):
        yield text
    yield from collapse(experiment, task)
    present = set(experiment.runs.columns[experiment.runs_of(task).notna().any()])
    lacking = [
        name
        for part in experiment.declared.tasks[task].evaluations
        for name in METRICS_OF_EVALUATION.get(part, ())
        if not (any(map(IWAE.fullmatch, present)) if name == "iwae" else name in present)
    ]
    if lacking:
        names = natural_list([NAMES.get(name) or _label(experiment, name) for name in lacking], 6)
        basic = experiment.manifest.get("evaluate", "basic") == "basic"
        yield f"Not computed: {names}." + ("" if not basic else " --evaluate full adds them.")
    if "sample_spread" not in present:
        yield f"Not recorded: {_label(experiment, 'sample_spread')}."


def _label(experiment: Experiment, name: str) -> str:
    found = experiment.declared.metric(name)
    return found.label if found else name


def decomposition(experiment: Experiment, task: str) -> str:
    """Say how much of the ELBO between the best and the last is reconstruction, and how much KL.

    The means are over the seeds that both finished, so that the two parts add up but for rounding.
    """
    order = experiment.rankings[task].order
    if len(order) < 2:
        return ""
    best, last = order[0], order[-1]
    differences = {}
    for name in ("elbo", "reconstruction", "kl"):
        values = values_by_arch(experiment.runs_of(task), name)
        differences[name] = paired_differences(values[best], values[last])
    if not all(differences.values()):
        return ""
    change = {name: float(np.mean([*found.values()])) for name, found in differences.items()}
    seeds = len(differences["elbo"])
    return (
        f"The ELBO of {best} less that of {last}, {signed(change['elbo'], 1)} nats, is "
        f"{signed(-change['reconstruction'], 1)} of reconstruction and {signed(-change['kl'], 1)} of KL "
        f"({'means over ' if seeds > 1 else ''}{plural(seeds, 'seed')})."
    )
