"""Show how validation quality grew with the epochs."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.spec.defaults import DEFAULT_LR
from reports.figures import curves
from reports.findings.experiment import Experiment
from reports.findings.matching import FLOPS
from reports.markup.blocks import Block, Details, Heading, Text
from reports.sections.context import Context
from reports.wording.budget import EQUAL_COMPUTE, about_late_gains, how_matched, shares_table, unit_of
from reports.wording.phrases import FIRST_CHOSEN_BY_VALIDATION, elbo_protocol, seeds_in_words

MOST_OPEN = 12
"""Rows of a table up to which it is shown at once."""


def equal_compute(context: Context) -> Iterator[Block]:
    """Yield what each architecture's trainings were given; nothing where all have the same epochs."""
    experiment, matched = context.experiment, context.experiment.matching
    if matched is None:
        return
    yield Heading(EQUAL_COMPUTE)
    yield Text(how_matched(experiment, matched))
    table = shares_table(experiment, matched)
    many = f"{len(table.rows)} architectures and tasks: cost of a step, steps and epochs"
    yield table if len(table.rows) <= MOST_OPEN else Details(many, [table])


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no run noted validation quality while it trained."""
    experiment = context.experiment
    history = experiment.history
    panels = {
        task: (ranking.description.label, ranking.metric)
        for task, ranking in experiment.rankings.items()
        if f"val_{ranking.metric.name}" in history
        and history.loc[history["task"] == task, f"val_{ranking.metric.name}"].notna().any()
    }
    if not panels:
        return
    present = set(history["arch"].unique())
    order = [arch for arch in experiment.order if arch in present]
    named = curves.highlighted(order, experiment.baseline)
    yield Heading("Learning curves")
    shown = history[history["task"].isin(panels)]
    seeds = set(shown.groupby(["arch", "task"])["seed"].nunique())
    matched = experiment.matching
    against = "epochs" if matched is None else f"training {'FLOPs' if matched.by == FLOPS else 'time'}"
    alt = f"Validation quality against {against}"
    alt += ", mean over seeds with a band of ± 1 sd" if max(seeds) > 1 else ""
    drawn, units = _by_cost(experiment, shown)
    yield context.figures.write("curves", alt, curves.draw, drawn, panels, order, named, context.colours, units)
    band = f"Mean over {seeds_in_words(seeds)}; the band is ± 1 standard deviation."
    band = band if max(seeds) > 1 else "One seed, so no band."
    protocol = elbo_protocol(experiment)
    about_elbo = f" ELBO: {protocol}." if protocol else ""
    yield Text(f"{band} Validation images only: {_use_of_test_set(experiment)}{about_elbo}")
    if matched is not None:
        yield Text(
            "The axis is what a training had cost so far, and not its epochs, of which one architecture has more than "
            f"another: all curves end at the same cost (*{EQUAL_COMPUTE}*)."
        )
    if text := about_late_gains(experiment):
        yield Text(text)


def _by_cost(experiment: Experiment, history: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the history with what a training had cost by the end of each epoch, and task → what that is, and its unit.

    Of nothing where all have the same epochs.
    """
    matched, spent, units = experiment.matching, history["epoch"].astype(float), dict[str, str]()
    for task in history["task"].unique():
        shares = experiment.shares(task)
        if matched is None or not shares:
            continue
        factor, unit = unit_of(max(share.total for share in shares.values()), matched)
        units[task] = f"training ({unit})" if matched.by == FLOPS else f"training steps ({unit})"
        for arch, share in shares.items():
            own = (history["task"] == task) & (history["arch"] == arch)
            spent[own] = [share.spent(epoch) / factor for epoch in history.loc[own, "epoch"]]
    return history.assign(spent=spent), units


def _use_of_test_set(experiment: Experiment) -> str:
    """Say when the test set was used, and how what all runs share was chosen."""
    used = "these runs used the test set once, at the end."
    oldest, rates = int(experiment.runs["protocol"].min()), sorted(set(experiment.runs["lr"]))
    if oldest < FIRST_CHOSEN_BY_VALIDATION:
        return f"{used} The default learning rate and warm-up of protocol {oldest} had been chosen by test figures."
    if rates == [DEFAULT_LR]:
        other = (
            "what other rates are worth is under *When each is tuned*"
            if experiment.tuning
            else "another rate may suit one of them better"
        )
        return (
            f"{used} The learning rate and the warm-up are the defaults, which were chosen by validation, once for all "
            f"architectures: {other}."
        )
    return f"{used} How the learning rate ({', '.join(f'{rate:g}' for rate in rates)}) was chosen is not recorded."
