"""Say with what recipe the runs were trained, how long, where that is not the default, and whether it was enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.spec.defaults import DEFAULT_EPOCHS, EPOCHS
from bench.spec.metrics import Metric
from reports.findings.experiment import Experiment
from reports.findings.learning import LateGain, late_gains
from reports.findings.ranking import Ranking
from reports.markup.escape import md
from reports.wording.formatting import decimals_for, natural_list, number, plural, signed

FLAT_IS_NO_PROOF = (
    "The learning rate falls to zero at the end, which flattens every curve: a flat end is no proof that a longer "
    "training would gain nothing."
)


def page_title(manifest: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return the title of a report, with the budget where that is not the default; plain text."""
    title, spent = str(manifest.get("title", "report")), budget(manifest, runs)
    return f"{title}, {spent}" if spent else title


def budget(manifest: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return on how many images runs were trained for how many epochs, such as "1,000 images × 3 epochs".

    Empty where both are the data set's defaults, or the runs do not say.

    Args:
        manifest: of their report.
        runs: a row per run, of one data set.
    """
    if runs.empty or not {"epochs", "train_images", "dataset"} <= set(runs):
        return ""
    epochs = sorted({int(count) for count in runs["epochs"].dropna()})
    images = sorted(set(runs["train_images"].astype(float).fillna(math.inf)))  # infinity stands for all
    usual = EPOCHS.get(str(runs["dataset"].iloc[0]), DEFAULT_EPOCHS)
    if not epochs or (images == [math.inf] and epochs == [usual]):
        return ""
    known = (manifest.get("dataset") or {}).get("train_images")
    every = f"all {known:,}" if isinstance(known, int) else "all"
    counts = [every if count == math.inf else f"{count:,.0f}" for count in (images[0], images[-1])]
    span = " to ".join(dict.fromkeys(counts))
    length = plural(epochs[0], "epoch") if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs"
    return f"{span} images × {length}"


def one_recipe(experiment: Experiment, *, compact: bool = False) -> str:
    """Say that one recipe was used for all, and which; empty if each was tuned.

    Args:
        compact: whether it is for the terminal, whose reader has just chosen it or has the page.
    """
    if experiment.tuning is not None:
        return ""
    runs, several = experiment.runs, len(experiment.order) > 1
    rates, sizes = (sorted(set(runs[name].dropna())) for name in ("lr", "batch_size"))
    if len(rates) != 1 or len(sizes) != 1:
        return ""
    if compact:
        return "One recipe for all; `--tune` tunes each." if several else ""
    recipe = f"Adam at a peak learning rate of {rates[0]:g}, batches of {int(sizes[0]):,}"
    if not several:
        return f"Its recipe: {recipe}; `--tune` tunes it."
    has_verdicts = any(len(one.distinct) > 1 and not one.one_seed for one in experiment.rankings.values())
    asked = "whether the verdicts hold when each is tuned, `--tune` asks" if has_verdicts else "`--tune` tunes each"
    return f"One recipe for all: {recipe}; {asked}."


def still_improving(experiment: Experiment) -> str:
    """Say which architectures that the verdicts are about had not come to rest; empty if all had, or it can't be said.

    The verdicts are about the leader, who can't be told from it, who comes next, and the baseline.
    """
    parts = []
    for task, ranking in experiment.rankings.items():
        concerned = {*ranking.order[:2], *ranking.rivals, ranking.baseline}
        archs = [one.arch for one in late_gains(experiment, task) if one.still_improving and one.arch in concerned]
        if archs:
            names = "all" if len(archs) == len(ranking.order) else natural_list([md(arch) for arch in archs], 2)
            parts.append(f"{names} ({md(experiment.label(task))})")
    return f"Still improving when the training ended: {', '.join(parts)}." if parts else ""


def about_late_gains(experiment: Experiment) -> str:
    """Say of each task how much the curves still rose at the end, and what that means; empty if it can't be said."""
    found = {task: late_gains(experiment, task) for task in experiment.rankings}
    sentences = [
        _rising(experiment.rankings[task], [one for one in gains if one.still_improving])
        for task, gains in found.items()
        if any(one.still_improving for one in gains)
    ]
    return " ".join([*sentences, FLAT_IS_NO_PROOF]) if any(found.values()) else ""


def _rising(ranking: Ranking, gains: list[LateGain]) -> str:
    """Say what these architectures gained at the end, and that more epochs may change their place."""
    late, metric = gains[0].late_epochs, ranking.metric
    span = "the last epoch" if late == 1 else f"the last {late} epochs"
    word = "falling" if metric.higher_is_better is False else "rising"
    listed = natural_list([_gain(metric, one) for one in gains], 6)
    return (
        f"**Still {word}** ({md(ranking.description.label)}): over {span} the validation {md(metric.label)} moved more "
        f"than its standard deviation over seeds (in brackets): {listed}. More epochs may change these results."
    )


def _gain(metric: Metric, one: LateGain) -> str:
    """Format a gain as the change of the metric, with the spread over seeds: "cnn3 +5.2 (0.8) nats"."""
    sign = -1 if metric.higher_is_better is False else 1
    spread = one.spread * metric.scale
    digits = decimals_for(spread, metric.digits)
    unit = f" {metric.unit_of_difference}" if metric.unit_of_difference else ""
    return f"{md(one.arch)} {signed(sign * one.gain * metric.scale, digits)}{unit} ({number(spread, digits)})"
