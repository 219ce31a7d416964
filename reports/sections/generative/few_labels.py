"""Show what few labels are enough for: test errors beside published ones, and what the other images were worth."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.spec.metrics import Metric
from reports.figures import curves
from reports.figures import few_labels as by_labels
from reports.findings.few_labels import ERROR, FewLabels, few_labels, in_frame, over_passes
from reports.markup.blocks import Block, Details, Heading, Text
from reports.sections.context import Context
from reports.wording import few_labels as wording
from reports.wording.phrases import seeds_in_words

MOST_OPEN = 24
"""Rows up to which the table of test errors is open; a longer one is folded."""
VALIDATION_ERROR = Metric("error", "error", "%", False, "share of validation images classified wrongly, in per cent")


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section on test error with few labels, beside published ones where there are such."""
    experiment = context.experiment
    few = few_labels(experiment)
    if few is None:
        return
    yield Heading("With few labels")
    yield Text(wording.introduction(experiment, few))
    in_per_cent = in_frame(few)
    in_per_cent[["mean", "low", "high"]] *= ERROR.scale
    if in_per_cent["labels"].nunique() > 1:
        yield _errors_by_labels(context, few, in_per_cent)
    shown = wording.error_table(experiment, few)
    yield shown if len(shown.rows) <= MOST_OPEN else Details(f"Test errors in {len(shown.rows)} rows", [shown])
    yield Text(wording.how_to_read(experiment, few))
    if text := wording.worth(experiment, few):
        yield Text(text)
    yield from _over_passes(context)
    for text in (*wording.collapsed(experiment, few), wording.choices(experiment)):
        yield Text(text)


def _errors_by_labels(context: Context, few: FewLabels, in_per_cent: pd.DataFrame) -> Block:
    """Draw the figure of test error against the number of labels."""
    experiment = context.experiment
    order = [arch for arch in experiment.order if arch in set(in_per_cent["arch"])]
    named = curves.highlighted(order, experiment.baseline)
    known = few.methods if experiment.dataset == "mnist" else ()
    published = {
        method.label: points
        for method in known
        if (points := {count: method.published[count] for count in few.numbers if count in method.published})
    }
    alt = "Test error against the number of labels"
    alt += ", mean over seeds with its 95 % interval" if in_per_cent["low"].notna().any() else ""
    alt += f"; {len(named)} of {len(order)} architectures" if len(named) < len(order) else ""
    return context.figures.write(
        "few_labels",
        alt,
        by_labels.draw,
        in_per_cent,
        published,
        [method.label for method in few.methods],
        named,
        context.colours,
    )


def _over_passes(context: Context) -> Iterator[Block]:
    """Yield M1+M2's validation error over its passes; nothing where no code was read."""
    experiment = context.experiment
    found = over_passes(experiment).sort_values("labels", kind="stable")
    if found.empty:
        return
    panel = found["labels"].map("{:,} labels".format)
    if found["task"].nunique() > 1:
        panel += found["task"].map(lambda task: f" ({experiment.label(task)})")
    order = [arch for arch in experiment.order if arch in set(found["arch"])]
    yield context.figures.write(
        "few_labels_passes",
        "Validation error of M1+M2 against its passes",
        curves.draw,
        found.assign(task=panel, epoch=found["passes"], spent=found["passes"], val_error=found["error"]),
        {title: (title, VALIDATION_ERROR) for title in panel.unique()},
        order,
        curves.highlighted(order, experiment.baseline),
        context.colours,
        dict.fromkeys(panel.unique(), "passes over the codes"),
    )
    counts = set(found.groupby(["arch", panel])["seed"].nunique())
    band = f"mean over {seeds_in_words(counts)}; the band is ± 1 standard deviation" if max(counts) > 1 else "one seed"
    yield Text(f"M1+M2 on the validation images over its passes, {band}.")
