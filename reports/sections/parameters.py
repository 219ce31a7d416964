"""Show where the parameters sit, by kind of layer and layer by layer, and what the reference README says of that."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures.parameters import draw
from reports.findings.experiment import Experiment
from reports.findings.readme_claims import SOURCE, claims
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.sections.context import Context
from reports.wording.counts import PARAMETERS_SECTION, about_unknown_macs, about_zeros, layer_with_note
from reports.wording.formatting import NO_VALUE, number
from reports.wording.tables import conv_fc_shares

HEADERS = ("architecture", "task", "parameters", "conv", "FC", "conv / FC", "MACs per image")
CONV_AND_FC = {"conv", "transposed conv", "fc"}
"""The kinds of layers that have a column."""
LAYER_HEADERS = ("architecture", "task", "part", "layer", "output", "weights", "biases", "MACs")


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no record has a layer table."""
    experiment = context.experiment
    if experiment.layers.empty:
        return
    present = [set(experiment.layers[column].unique()) for column in ("arch", "task")]
    order = [arch for arch in experiment.order if arch in present[0]]
    of_task = {experiment.task_run(task): task for task in reversed(experiment.tasks) if task in present[1]}
    tasks = list(reversed(of_task.values()))  # each once, since the number of labels is no layer's
    yield Heading(PARAMETERS_SECTION)
    yield Text(
        "Counted from the layers of the models that were trained. Conv takes in transposed convolutions; FC is every "
        "fully connected layer: the heads, and the one that feeds a decoder."
        + (" Other layers are in the total alone." if not set(experiment.layers["kind"]) <= CONV_AND_FC else "")
    )
    alt = "Parameters per architecture and task, by kind of layer"
    titles = {task: experiment.label(experiment.task_run(task)) for task in tasks}
    yield context.figures.write("parameters", alt, draw, experiment.layers, titles, order)
    table = _totals(experiment, order, tasks)
    yield table if len(table.rows) <= 12 else Details("Parameters per architecture and task", [table])
    if unknown := about_unknown_macs(experiment.layers):
        yield Text(unknown)
    zeros = about_zeros(experiment.layers)
    yield Details(
        "Every layer (of each architecture's first task; layers.csv has all)",
        [_layers(experiment, order, tasks), *([Text(zeros)] if zeros else [])],
    )


def _totals(experiment: Experiment, order: list[str], tasks: list[str]) -> Table:
    """Return a row per architecture and task."""
    runs = experiment.runs[experiment.runs["params_total"].notna()].drop_duplicates(["arch", "task"])
    found = {(row.arch, row.task): row for row in runs.itertuples(index=False)}
    rows = [
        (
            arch,
            experiment.label(experiment.task_run(task)),
            number(row.params_total, 0),
            number(row.params_conv, 0),
            number(row.params_fc, 0),
            conv_fc_shares(row.params_total, row.params_conv, row.params_fc),
            number(row.macs, 0),
        )
        for arch in order
        for task in tasks
        if (row := found.get((arch, task))) is not None
    ]
    return Table(HEADERS, tuple(rows), "llrrrrr", name="parameters")


def _layers(experiment: Experiment, order: list[str], tasks: list[str]) -> Table:
    """Return a row per layer of the first task that each architecture has: with it most parts are shown."""
    ranks = {task: i for i, task in enumerate(tasks)}
    by_arch = dict(iter(experiment.layers.groupby("arch")))
    rows = []
    for arch in order:
        own = by_arch[arch]
        task = min(set(own["task"]), key=lambda name: ranks.get(name, len(ranks)))
        rows += [
            (
                arch,
                experiment.label(experiment.task_run(task)),
                row.part,
                layer_with_note(row.layer, row.note),
                row.output_shape.replace("x", "×") if isinstance(row.output_shape, str) else NO_VALUE,
                number(row.weights, 0),
                number(row.biases, 0),
                number(row.macs, 0),
            )
            for row in own[own["task"] == task].itertuples(index=False)
        ]
    return Table(LAYER_HEADERS, tuple(rows), "lllllrrr", name="layers")


def readme_claims(context: Context) -> Iterator[Block]:
    """Yield the reference README's claims beside what counting gives; nothing if none of its networks was run."""
    layers = context.experiment.layers
    found = claims(layers) if not layers.empty else []
    if not found:
        return
    yield Heading("What the reference README claimed, and what counting says")
    yield Text(f"Claims of the README ({SOURCE}); counts from the layer tables of the models trained here.")
    yield Table(("claim", "count"), tuple(found), "ll", name="claims")
