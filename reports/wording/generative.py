"""Say in words what stands behind a model's ELBO: its two parts, posterior collapse, and what was not computed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.spec.metrics import IWAE
from reports.findings.experiment import Experiment
from reports.wording.formatting import natural_list, number, signed

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
COLLAPSED = 0.5
"""Mean number of active units below which the whole posterior has collapsed."""


def sentences(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield why the best and the last architecture differ, who collapsed, and what was not computed."""
    if text := decomposition(experiment, task):
        yield text
    yield from collapse(experiment, task)
    present = set(experiment.runs.columns[experiment.runs[experiment.runs["task"] == task].notna().any()])
    lacking = [
        name
        for part in experiment.declared.tasks[task].evaluations
        for name in METRICS_OF_EVALUATION.get(part, ())
        if not (any(map(IWAE.fullmatch, present)) if name == "iwae" else name in present)
    ]
    if lacking:
        names = natural_list([NAMES.get(name) or _label(experiment, name) for name in lacking], 6)
        full = experiment.manifest.get("evaluate", "basic") == "full"
        yield f"Not computed: {names}." + ("" if full else " --evaluate full adds them.")


def _label(experiment: Experiment, name: str) -> str:
    found = experiment.declared.metric(name)
    return found.label if found else name


def decomposition(experiment: Experiment, task: str) -> str:
    """Say how much of the ELBO between the best and the last is reconstruction, and how much KL.

    The means are over the seeds that both finished, so that the two parts add up exactly.
    """
    order = experiment.rankings[task].order
    if len(order) < 2:
        return ""
    best, last = order[0], order[-1]
    runs = experiment.runs[(experiment.runs["task"] == task) & (experiment.runs["status"] == "finished")]
    names = ("elbo", "reconstruction", "kl")
    values = runs.pivot_table(index="seed", columns="arch", values=list(names))
    if any((name, arch) not in values for name in names for arch in (best, last)):
        return ""
    change = {name: float((values[name][best] - values[name][last]).mean()) for name in names}
    if not math.isfinite(change["elbo"]):
        return ""
    return (
        f"The {number(abs(change['elbo']), 1)} nats between {best} and {last} are "
        f"{signed(-change['reconstruction'], 1)} of reconstruction and {signed(-change['kl'], 1)} of KL."
    )


def collapse(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield a sentence on architectures whose posterior collapsed wholly, and one on those where it did in part."""
    rows = experiment.summary
    rows = rows[(rows["task"] == task) & (rows["metric"] == "active_units")]
    active = dict(zip(rows["arch"], rows["mean"], strict=True))
    size = experiment.runs.loc[experiment.runs["task"] == task, "latent_dim"].max()
    order, label = experiment.rankings[task].order, experiment.label(task)
    whole = [arch for arch in order if active.get(arch, math.nan) < COLLAPSED]
    part = [arch for arch in order if COLLAPSED <= active.get(arch, math.nan) < size / 2]
    if whole:
        yield (
            f"Posterior collapse ({label}): {natural_list(whole)} {'uses' if len(whole) == 1 else 'use'} "
            "no latent dimension; the decoder draws the same image whatever z is."
        )
    if part:
        named = [f"{arch} ({number(active[arch], 1)} of {size:.0f})" for arch in part]
        yield (
            f"Partial posterior collapse ({label}): fewer than half of the latent dimensions "
            f"are active in {natural_list(named)}."
        )
