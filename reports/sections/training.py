"""Learning curves, and what the models reconstruct."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reports.blocks import Block, Heading, Text
from reports.context import Context
from reports.escape import md
from reports.figures import curves, pictures
from reports.phrases import shown_task
from reports.words import PROTOCOL, plural


def learning(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    history = experiment.history
    panels = {
        task: (shown_task(task), ranking.metric)
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
    figure = curves.draw(history, panels, order, named, context.colours)
    yield context.album.block(
        figure, "curves", "Validation quality against epochs, mean over seeds with a band of ± 1 sd"
    )
    band = "Mean over seeds; the band is ± 1 standard deviation." if experiment.seeds > 1 else "One seed, so no band."
    protocol = PROTOCOL.get(experiment.likelihood or "")
    yield Text(
        f"{band} Validation images only: the test set was used once, at the end.{f' ELBO: {protocol}.' if protocol else ''}"
    )


def reconstructions(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    panels: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
    seed = None
    for task in experiment.tasks:
        found: dict[str, np.ndarray] = {}
        originals = None
        for record in sorted(experiment.finished, key=lambda record: record.spec["seed"]):
            arch = record.spec["arch"]
            if record.spec["task"] != task or arch in found:
                continue
            arrays = record.arrays()
            if "reconstructions" in arrays and "originals" in arrays:
                originals = arrays["originals"] if originals is None else originals
                found[arch] = arrays["reconstructions"]
                seed = record.spec["seed"] if seed is None else seed
        if originals is not None:
            panels[shown_task(task)] = (originals, found)
    if not panels:
        return
    yield Heading("What the models reconstruct")
    figure = pictures.draw(panels, experiment.order)
    many = plural(max(len(found) for _, found in panels.values()), "architecture")
    yield context.album.block(
        figure, "reconstructions", f"The same test images as {many} reconstruct them, originals on top"
    )
    yield Text(f"The same ten test images for every architecture, originals on top; models of seed {md(seed)}.")
