"""Show how validation quality grew with the epochs."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures import curves
from reports.markup.blocks import Block, Heading, Text
from reports.sections.context import Context
from reports.wording.phrases import elbo_protocol


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
    alt = "Validation quality against epochs, mean over seeds with a band of ± 1 sd"
    yield context.figures.write("curves", alt, curves.draw, history, panels, order, named, context.colours)
    band = "Mean over seeds; the band is ± 1 standard deviation." if experiment.seeds > 1 else "One seed, so no band."
    protocol = elbo_protocol(experiment)
    about_elbo = f" ELBO: {protocol}." if protocol else ""
    yield Text(f"{band} Validation images only: the test set was used once, at the end.{about_elbo}")
