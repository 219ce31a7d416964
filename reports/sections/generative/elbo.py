"""Show what the ELBO hides: its two parts, tighter bounds, what the latent code is used for, what samples are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bench.spec.metrics import IWAE, Metric
from bench.statistics.comparisons import compare_paired, values_by_arch
from reports.figures import confusion, kl
from reports.findings.experiment import Experiment
from reports.findings.sizes import OF_IMAGES
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.reading.arrays import each_array
from reports.sections.context import Context
from reports.wording.formatting import NO_VALUE, difference, mean_sd
from reports.wording.generative import sentences
from reports.wording.phrases import mark_of_fewer
from reports.wording.stopping.intervals import interval_kind

BASIC = ("reconstruction", "kl", "bits_per_dim", "active_units", "kl_units", "sample_spread", "aggregate_kl")
UNITS = ("active_units", "kl_units")
"""Metrics that count latent dimensions."""
ACCURACIES = ("probe_accuracy", "bayes_accuracy", "sample_accuracy", "judge_accuracy")
MOST_CONFUSIONS = 4
"""Architectures whose confusions are shown."""
LONGEST = 1_000
"""Characters of a sentence, which may name several architectures with their numbers."""
SIDE_BY_SIDE = 4
"""Architectures up to which they stand side by side, so that a metric has a row of its own, with its meaning."""
PUBLISHED_BOUNDS = (
    ("VAE, one stochastic layer of 50 (Burda et al. 2016)", "IWAE-5000", "−86.76"),
    ("IWAE k = 50, one layer (Burda et al. 2016)", "IWAE-5000", "−84.78"),
    ("NVAE (Vahdat & Kautz 2020)", "importance weighted", "−78.01"),
)
"""(Model, bound on log p(x), nats per image) on dynamically binarised MNIST."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no task has a latent code."""
    experiment = context.experiment
    described = experiment.declared.tasks
    tasks = [task for task in experiment.tasks if described[task].has_code and experiment.rankings[task].order]
    if not tasks or not (set(BASIC) & set(experiment.runs)):
        return
    yield Heading("Behind the ELBO" if any(described[task].bounds for task in tasks) else "The latent code")
    for task in tasks:
        said = " ".join(md(sentence, LONGEST) for sentence in sentences(experiment, task))
        yield Text(f"**{md(experiment.label(task))}.** {said}".strip())
        yield table(experiment, task)
    if text := " ".join(filter(None, [spreads(experiment, tasks), definitions(experiment, tasks)])):
        yield Text(text)
    yield from _kl(context, tasks)
    yield from _confusions(context)
    bounds_of_images = any(described[task].bounds == OF_IMAGES for task in tasks)
    if experiment.dataset == "mnist" and experiment.likelihood == "dynamic" and bounds_of_images:
        headers = ("published, dynamically binarised MNIST", "bound", "nats")
        published = Table(headers, PUBLISHED_BOUNDS, "llr", name="anchors")
        yield Details(
            "Published numbers to set the VAEs' bounds beside: other networks and trainings, and a bound with more "
            "samples is the tighter one",
            [published],
        )


def shown_metrics(experiment: Experiment, task: str) -> list[Metric]:
    """Return the metrics that some architecture has: the ELBO, the tighter bounds, then the rest."""
    present = experiment.declared.metric_columns(experiment.summary.loc[experiment.summary["task"] == task, "metric"])
    bounds = [name for name in present if IWAE.fullmatch(name)]
    marginal = [] if experiment.likelihood == "grey" else ["elbo_marginal"]
    names = ["elbo", *bounds, *marginal, *BASIC, *ACCURACIES]
    return [found for name in names if name in present and (found := experiment.declared.metric(name)) is not None]


def table(experiment: Experiment, task: str) -> Table:
    """Return the table of means ± sd.

    Few architectures stand side by side, and each metric has a row with its meaning; many have a row each.
    """
    cells = experiment.summary[experiment.summary["task"] == task]
    found = {(row.arch, row.metric): row for row in cells.itertuples(index=False)}
    order = [arch for arch in experiment.order if arch in experiment.rankings[task].order]
    metrics = shown_metrics(experiment, task)

    def cell(arch: str, metric: Metric) -> str:
        row = found.get((arch, metric.name))
        if row is None:
            return NO_VALUE
        mark = mark_of_fewer(row.n, row.n_failed, experiment.seeds, experiment.asked)
        return mean_sd(metric, row.mean, row.std) + mark

    name = f"generative_{task}"
    if len(order) > SIDE_BY_SIDE:
        heads = ("architecture", *(header(experiment, task, metric) for metric in metrics))
        rows = tuple((arch, *(cell(arch, metric) for metric in metrics)) for arch in order)
        return Table(heads, rows, "l" + "r" * len(metrics), name=name)
    compared = differences(experiment, task, order, metrics)
    rows = tuple(
        (
            header(experiment, task, metric),
            *(cell(arch, metric) for arch in order),
            *([compared[metric.name]] if compared else []),
            metric.definition,
        )
        for metric in metrics
    )
    versus = [f"{arch} − {experiment.baseline}" for arch in order if arch != experiment.baseline] if compared else []
    align = "l" + "r" * (len(order) + len(versus)) + "l"
    return Table(("", *order, *versus, "what it is"), rows, align, name=name)


def differences(experiment: Experiment, task: str, order: list[str], metrics: list[Metric]) -> dict[str, str]:
    """Return metric → the paired difference of two architectures, with its 95 % interval over seeds, each by itself.

    Empty unless `is_pair`.
    """
    if not is_pair(experiment, task):
        return {}
    runs = experiment.runs_of(task)
    (other,) = (arch for arch in order if arch != experiment.baseline)
    texts = {}
    for metric in metrics:
        values = values_by_arch(runs, metric.name)
        found = compare_paired(values[other], values[experiment.baseline], anytime=experiment.anytime)
        known = math.isfinite(found.difference)
        texts[metric.name] = difference(metric, found.difference, found.low_95, found.high_95) if known else NO_VALUE
    return texts


def spreads(experiment: Experiment, tasks: list[str]) -> str:
    """Return what ± and brackets in the tables mean; empty if there are none."""
    if all(experiment.rankings[task].one_seed for task in tasks):
        return ""
    text = "± is the standard deviation over seeds"
    if any(is_pair(experiment, task) for task in tasks):
        kind = interval_kind(experiment, "t intervals")
        text += f"; brackets are 95 % {kind} of the paired difference over seeds, each for its row alone"
    return f"{text}."


def is_pair(experiment: Experiment, task: str) -> bool:
    """Return whether there are two architectures to compare: the baseline and another."""
    ranking = experiment.rankings[task]
    return len(ranking.order) == 2 and experiment.baseline in ranking.order and not ranking.one_seed


def header(experiment: Experiment, task: str, metric: Metric) -> str:
    """Return the name of a metric, with an arrow to where it is better and its unit."""
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    if metric.name in UNITS:
        sizes = experiment.runs_of(task)["latent_dim"].dropna().unique()
        return f"{metric.label} (of {sizes.max():.0f})"
    is_bound = metric.name == "elbo" or (IWAE.fullmatch(metric.name) and metric.higher_is_better)
    description = experiment.declared.tasks[task]
    given = f" of {description.bounds}" if description.naming_cost and is_bound else ""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.label}{given}{arrow}{unit}"


def definitions(experiment: Experiment, tasks: list[str]) -> str:
    """Return what the columns mean; empty where each metric has a row that says so."""
    if all(len(experiment.rankings[task].order) <= SIDE_BY_SIDE for task in tasks):
        return ""
    found = {metric.label: metric.definition for task in tasks for metric in shown_metrics(experiment, task)}
    return " ".join(f"*{md(label)}*: {md(text)}." for label, text in found.items())


def _kl(context: Context, tasks: list[str]) -> Iterator[Block]:
    """Yield the KL of each latent dimension, sorted within each run and then averaged over seeds.

    Sorted first, since which dimension carries what differs from seed to seed.
    """
    panels: dict[str, dict[str, np.ndarray]] = {}
    for task in tasks:
        curves: dict[str, list[np.ndarray]] = {}
        for record, values in each_array(
            (one for one in context.experiment.finished if one.spec["task"] == task), "kl_per_dim"
        ):
            curves.setdefault(record.spec["arch"], []).append(np.sort(values)[::-1])
        if curves:
            panels[context.experiment.label(task)] = {arch: np.mean(found, axis=0) for arch, found in curves.items()}
    if panels:
        yield context.figures.write(
            "kl",
            "KL per latent dimension, sorted",
            kl.draw,
            panels,
            context.experiment.order,
            context.experiment.baseline,
            context.colours,
        )
        yield Text(
            "KL of each latent dimension from the prior, mean over the test images; largest first in each run, then "
            "the mean over seeds."
        )


def _confusions(context: Context) -> Iterator[Block]:
    """Yield which labels the first task that is a Bayes classifier confuses, of its best architectures."""
    panels: dict[str, np.ndarray] = {}
    described = context.experiment.declared.tasks
    task = next((task for task in context.experiment.tasks if "bayes" in described[task].evaluations), None)
    for arch in context.experiment.rankings[task].order if task else ():
        counts = [
            arrays["bayes_confusion"]
            for record in context.experiment.finished
            if record.spec["arch"] == arch and record.spec["task"] == task
            if "bayes_confusion" in (arrays := record.arrays("bayes_confusion"))
        ]
        if counts:
            panels[arch] = np.sum(counts, axis=0)
    if task and panels:
        label, known = described[task].label, len(panels)
        panels = dict(list(panels.items())[:MOST_CONFUSIONS])
        alt = f"Confusion of the {label} as a Bayes classifier, per true label"
        yield context.figures.write("confusion", alt, confusion.draw, panels)
        yield Text(
            f"The {md(label)} as a Bayes classifier: of the test images of a true label (row), the share in % read as "
            "another one (column); all seeds together; the diagonal, and numbers below "
            f"{confusion.SMALLEST_SHOWN} %, left out."
            + (f" Of {known} architectures the {len(panels)} with the best means." if known > len(panels) else "")
        )
