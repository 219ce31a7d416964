"""What the ELBO hides: its two parts, tighter bounds, what the latent code is used for, and what samples are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.spec.metrics import IWAE, Metric
from bench.statistics.comparisons import comparisons_frame
from reports.figures import confusion, kl
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.sanity import collapse
from reports.wording.words import NOTHING, difference, listed, mean_sd, number, signed

GIVES = {
    "iwae": ("iwae",),
    "probe": ("probe_accuracy",),
    "bayes": ("elbo_marginal", "bayes_accuracy"),
    "samples": ("sample_accuracy",),
}
"""What the parts of a full evaluation add; "iwae" stands for the bounds that carry their k and n in their names."""
PUBLISHED = {"m2": {100: 11.97, 600: 4.94, 1000: 3.60, 3000: 3.92}}
"""Test error in % on MNIST by the number of labels: of m2 by Kingma et al. 2014, table 1."""
NAMES = {"iwae": "importance-weighted bound", "elbo_marginal": "marginal bound"}
BASIC = ("reconstruction", "kl", "bits_per_dim", "active_units", "aggregate_kl")
ACCURACIES = ("probe_accuracy", "bayes_accuracy", "sample_accuracy", "judge_accuracy")
MOST_CONFUSIONS = 4
SIDE_BY_SIDE = 4  # architectures up to which a metric has a row of its own, with its meaning
ANCHORS = (
    ("VAE, one stochastic layer of 50 (Burda et al. 2016)", "IWAE-5000", "−86.76"),
    ("IWAE k = 50, one layer (Burda et al. 2016)", "IWAE-5000", "−84.78"),
    ("NVAE (Vahdat & Kautz 2020)", "importance weighted", "−78.01"),
)


def blocks(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    about = experiment.declared.tasks
    tasks = [task for task in experiment.tasks if about[task].has_code and experiment.rankings[task].order]
    if not tasks or not (set(BASIC) & set(experiment.runs)):
        return
    yield Heading("Behind the ELBO" if any(about[task].bounds for task in tasks) else "The latent code")
    for task in tasks:
        yield Text(f"**{md(experiment.label(task))}.** {' '.join(map(md, sentences(experiment, task)))}".strip())
        yield table(experiment, task)
    if text := definitions(experiment, tasks):
        yield Text(text)
    yield from _kl(context, tasks)
    yield from _confusions(context)
    bounds_of_images = any(about[task].bounds == "log p(x)" for task in tasks)
    if experiment.dataset == "mnist" and experiment.likelihood == "dynamic" and bounds_of_images:
        rows = Table(("published, dynamically binarised MNIST", "bound", "nats"), ANCHORS, "llr", name="anchors")
        yield Details("Published numbers to compare the VAEs' bounds with (larger models, trained for longer)", [rows])


def sentences(experiment: Experiment, task: str) -> Iterator[str]:
    """Why the two extremes differ, collapse by its name, and what was not computed."""
    if text := decomposition(experiment, task):
        yield text
    yield from (sentence for sentence in collapse(experiment) if f"({experiment.label(task)})" in sentence)
    present = set(experiment.runs.columns[experiment.runs[experiment.runs["task"] == task].notna().any()])
    lacking = [
        name
        for part in experiment.declared.tasks[task].evaluations
        for name in GIVES.get(part, ())
        if not (any(map(IWAE.fullmatch, present)) if name == "iwae" else name in present)
    ]
    if lacking:
        names = listed([NAMES.get(name) or labelled(experiment, name) for name in lacking], 6)
        yield f"Not computed: {names}" + (". --evaluate full adds them." if _level(experiment) != "full" else ".")


def labelled(experiment: Experiment, name: str) -> str:
    found = experiment.declared.metric(name)
    return found.label if found else name


def _level(experiment: Experiment) -> str:
    return str(experiment.manifest.get("evaluate", "basic"))


def decomposition(experiment: Experiment, task: str) -> str:
    """How much of the ELBO between the best and the last is reconstruction, and how much KL: exact, over paired seeds."""
    order = experiment.rankings[task].order
    if len(order) < 2:
        return ""
    best, last = order[0], order[-1]
    runs = experiment.runs[(experiment.runs["task"] == task) & (experiment.runs["status"] == "finished")]
    parts = runs.pivot_table(index="seed", columns="arch", values=["elbo", "reconstruction", "kl"])
    if any((name, arch) not in parts for name in ("elbo", "reconstruction", "kl") for arch in (best, last)):
        return ""
    change = {name: float((parts[name][best] - parts[name][last]).mean()) for name in ("elbo", "reconstruction", "kl")}
    if not math.isfinite(change["elbo"]):
        return ""
    return (
        f"The {number(abs(change['elbo']), 1)} nats between {best} and {last} are {signed(-change['reconstruction'], 1)} of "
        f"reconstruction and {signed(-change['kl'], 1)} of KL."
    )


def shown_metrics(experiment: Experiment, task: str) -> list[Metric]:
    """The ELBO, the tighter bounds, then the rest: those that some architecture has."""
    present = experiment.declared.metric_columns(experiment.summary.loc[experiment.summary["task"] == task, "metric"])
    bounds = [name for name in present if IWAE.fullmatch(name)]
    marginal = [] if experiment.likelihood == "grey" else ["elbo_marginal"]
    names = ["elbo", *bounds, *marginal, *BASIC, *ACCURACIES]
    return [found for name in names if name in present and (found := experiment.declared.metric(name)) is not None]


def table(experiment: Experiment, task: str) -> Table:
    """Mean ± sd. Few architectures stand side by side, each row with its meaning; many have a row each."""
    cells = experiment.summary[experiment.summary["task"] == task]
    found = {(row.arch, row.metric): row for row in cells.itertuples(index=False)}
    order = [arch for arch in experiment.order if arch in experiment.rankings[task].order]
    metrics = shown_metrics(experiment, task)

    def cell(arch: str, metric: Metric) -> str:
        row = found.get((arch, metric.name))
        return NOTHING if row is None else mean_sd(metric, row.mean, row.std)

    name = f"generative_{task}"
    if len(order) > SIDE_BY_SIDE:
        heads = ("architecture", *(header(experiment, task, metric) for metric in metrics))
        rows = tuple((arch, *(cell(arch, metric) for metric in metrics)) for arch in order)
        return Table(heads, rows, "l" + "r" * len(metrics), name=name)
    apart = differences(experiment, task, order, metrics)
    rows = tuple(
        (
            header(experiment, task, metric),
            *(cell(arch, metric) for arch in order),
            *apart.get(metric.name, ()),
            metric.definition,
        )
        for metric in metrics
    )
    beside = tuple(f"{arch} − {experiment.baseline}" for arch in order if arch != experiment.baseline) if apart else ()
    return Table(("", *order, *beside, "what it is"), rows, "l" + "r" * (len(order) + len(beside)) + "l", name=name)


def differences(experiment: Experiment, task: str, order: list[str], metrics: list[Metric]) -> dict[str, tuple[str]]:
    """Of two architectures, metric → the paired difference from the baseline with its 95 % interval over seeds."""
    if len(order) != 2 or experiment.baseline not in order or experiment.rankings[task].one_seed:
        return {}
    runs = experiment.runs[(experiment.runs["task"] == task) & experiment.runs["arch"].isin(order)]
    names = [metric.name for metric in metrics]
    # a direction is asked for, since a verdict is given; only the difference and its interval are used
    either = {metric.name: metric.higher_is_better is not False for metric in metrics}
    found = comparisons_frame(runs, experiment.baseline, names, directions=either, declared=experiment.declared)
    rows = {row.metric: row for row in found.itertuples(index=False)}
    texts = dict.fromkeys(names, NOTHING)
    for metric in metrics:
        if (row := rows.get(metric.name)) is not None and math.isfinite(row.difference):
            texts[metric.name] = difference(metric, row.difference, row.low, row.high)
    return {name: (text,) for name, text in texts.items()}


def header(experiment: Experiment, task: str, metric: Metric) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    if metric.name == "active_units":
        sizes = experiment.runs.loc[experiment.runs["task"] == task, "latent_dim"].dropna().unique()
        return f"{metric.label} (of {sizes.max():.0f})"
    is_bound = metric.name == "elbo" or (IWAE.fullmatch(metric.name) and metric.higher_is_better)
    about = experiment.declared.tasks[task]
    given = f" of {about.bounds}" if about.naming_cost and is_bound else ""
    unit = f" ({metric.unit})" if metric.unit else ""
    return f"{metric.label}{given}{arrow}{unit}"


def definitions(experiment: Experiment, tasks: list[str]) -> str:
    """What the columns mean, where the tables are too long to say it in a row of their own."""
    if all(len(experiment.rankings[task].order) <= SIDE_BY_SIDE for task in tasks):
        return ""
    found = {metric.label: metric.definition for task in tasks for metric in shown_metrics(experiment, task)}
    return " ".join(f"*{md(label)}*: {md(text)}." for label, text in found.items())


def _kl(context: Context, tasks: list[str]) -> Iterator[Block]:
    """Sorted within each run, then averaged over seeds: which dimension carries what differs from seed to seed."""
    panels: dict[str, dict[str, np.ndarray]] = {}
    for task in tasks:
        curves: dict[str, list[np.ndarray]] = {}
        for record in context.experiment.finished:
            if record.spec["task"] == task and (values := record.arrays("kl_per_dim").get("kl_per_dim")) is not None:
                curves.setdefault(record.spec["arch"], []).append(np.sort(values)[::-1])
        if curves:
            panels[context.experiment.label(task)] = {arch: np.mean(found, axis=0) for arch, found in curves.items()}
    if panels:
        yield context.album.block(
            "kl",
            "KL per latent dimension, sorted",
            kl.draw,
            panels,
            context.experiment.order,
            context.experiment.baseline,
            context.colours,
        )
        yield Text(
            "KL of each latent dimension from the prior, largest first, mean over seeds. A dimension at 0 is not used."
        )


def _confusions(context: Context) -> Iterator[Block]:
    panels: dict[str, np.ndarray] = {}
    about = context.experiment.declared.tasks
    task = next((task for task in context.experiment.tasks if "bayes" in about[task].evaluations), None)
    for arch in context.experiment.order if task else ():
        counts = [
            arrays["bayes_confusion"]
            for record in context.experiment.finished
            if record.spec["arch"] == arch and record.spec["task"] == task
            if "bayes_confusion" in (arrays := record.arrays("bayes_confusion"))
        ]
        if counts and len(panels) < MOST_CONFUSIONS:
            panels[arch] = np.sum(counts, axis=0)
    if task and panels:
        label = about[task].label
        alt = f"Confusion of the {label} as a Bayes classifier, per true label"
        yield context.album.block("confusion", alt, confusion.draw, panels)
        beyond = len(context.experiment.order) - len(panels)
        yield Text(
            f"The {md(label)} as a Bayes classifier: of the test images of a true label (row), the share in % read as another "
            "one (column); "
            "all seeds together, the diagonal left out." + (f" The best {len(panels)} are shown." if beyond > 0 else "")
        )


def semi_supervised(context: Context) -> Iterator[Block]:
    """Test error with few labels, beside the published one where there is one."""
    rankings = [one for one in context.experiment.rankings.values() if one.about.needs_labels and one.order]
    for index, ranking in enumerate(ranking for ranking in rankings if ranking.metric.name == "accuracy"):
        if not index:
            yield Heading("With few labels")
        yield from _error(context.experiment, ranking)


def _error(experiment: Experiment, ranking: Ranking) -> Iterator[Block]:
    runs: pd.DataFrame = experiment.runs[experiment.runs["task"] == ranking.task]
    labels = int(runs["labels"].dropna().iloc[0])
    anchor = PUBLISHED.get(ranking.task, {}).get(labels) if experiment.dataset == "mnist" else None
    yield Text(
        f"{md(ranking.about.label)} with {labels:,} labelled images, as many of each class; the other training images come "
        "without. "
        + (
            f"Published for {labels:,} labels: {anchor:.2f} % (Kingma et al. 2014, table 1)."
            if anchor
            else "There is no published number for this data set and number of labels."
        )
    )
    rows = []
    for arch in ranking.order:
        cell = ranking.cells[arch]
        spread = f" ± {number(100 * cell.std, 2)}" if math.isfinite(cell.std) else ""
        rows.append((arch, f"{number(100 * (1 - cell.mean), 2)}{spread}"))
    yield Table(("architecture", "test error ↓ (%)"), tuple(rows), "lr", name="semi_supervised")
