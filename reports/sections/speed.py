"""Show how fast the architectures are: as measured after training, else as the runs noted while they trained."""

from __future__ import annotations

from collections.abc import Iterator

from bench.spec.metrics import METRICS
from reports.figures import seeds
from reports.findings.machines import machines_of
from reports.findings.speed_ratios import machines_of_speeds, ratios_while_training
from reports.markup.blocks import Block, Heading, Table, Text
from reports.markup.escape import md
from reports.sections import throughput
from reports.sections.context import Context
from reports.wording.formatting import NO_VALUE, ratio, significant
from reports.wording.machines import machine_in_words, machines_with_archs
from reports.wording.speeds import speed_marks, speed_notes


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no run finished."""
    measured = context.experiment.measured_speeds
    yield from while_training(context) if measured is None else throughput.blocks(context, measured)


def while_training(context: Context) -> Iterator[Block]:
    """Yield the speeds that the runs noted while they trained."""
    experiment = context.experiment
    metric = METRICS["train_images_per_s"]
    finished = experiment.runs[(experiment.runs["status"] == "finished") & experiment.runs[metric.name].notna()]
    tasks = [task for task in experiment.tasks if (finished["task"] == task).any()]
    if not tasks:
        return
    yield Heading("Training speed")
    summary = experiment.summary[experiment.summary["metric"] == metric.name]
    panels = [
        seeds.Panel(
            title=experiment.label(task),
            label="training (images/s) ↑",
            metric=metric,
            runs=finished[finished["task"] == task],
            summary=summary[summary["task"] == task],
        )
        for task in tasks
        if not machines_of_speeds(experiment, task)
    ]
    present = set(finished["arch"].unique())
    shown = [arch for arch in experiment.order if arch in present]
    if panels:
        alt = "Training images per second, per run and mean"
        yield context.figures.write("throughput", alt, seeds.draw, panels, shown, context.colours)
    yield Text(_how(context))
    if 1 < len(shown) <= 12:
        yield _table(context, tasks, shown)
    if notes := list(dict.fromkeys(note for task in tasks for note in speed_notes(experiment, task))):
        yield Text(" ".join(notes))


def _how(context: Context) -> str:
    """Say under what conditions the speeds were noted."""
    manifest = context.experiment.manifest
    workers = int(manifest.get("workers") or 1)
    runs = context.experiment.runs
    machines = machines_of(runs[runs["status"] == "finished"])
    sharing = f"up to {workers} runs at a time shared the machine" if workers > 1 else "one run at a time"
    why = f" Speed was {md(str(manifest['throughput']))}." if manifest.get("throughput") else ""
    is_one = len(machines) == 1
    where = machine_in_words(next(iter(machines))) if is_one else machines_with_archs(machines)
    return (
        f"Measured while training, evaluation excluded: {where}, {sharing}. "
        f"A ratio is of the same seeds{'' if is_one else ' on the same machine'}, with the 95 % interval that they "
        f"give; it holds for {'this' if is_one else 'that'} machine, load and hour.{why}"
    )


def _table(context: Context, tasks: list[str], shown: list[str]) -> Table:
    """Return a row per architecture and a column per task: images/s and the ratio to the baseline."""
    experiment = context.experiment
    summary = experiment.summary[experiment.summary["metric"] == "train_images_per_s"]
    means = {(row.arch, row.task): row.mean for row in summary.itertuples(index=False)}
    against = {task: ratios_while_training(experiment, task) for task in tasks}
    marks = {task: speed_marks(experiment, task) for task in tasks}
    rows = []
    for arch in shown:
        cells = [arch]
        for task in tasks:
            found = against[task].get(arch)
            text = significant(means.get((arch, task), float("nan")))
            if found is not None:
                brackets = f" [{found.low:.2f}, {found.high:.2f}]" if found.n > 1 else ""
                text += f" ({ratio(found.value)}{brackets})"
            cells.append(text if text == NO_VALUE else text + marks[task][arch])
        rows.append(tuple(cells))
    headers = ("architecture", *(f"{experiment.label(task)} (images/s)" for task in tasks))
    return Table(headers, tuple(rows), "l" + "r" * len(tasks), name="speed")
