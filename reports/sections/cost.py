"""Quality against cost, with what is dominated; and training throughput."""

from __future__ import annotations

from collections.abc import Iterator

from bench.metrics import METRICS
from reports.blocks import Block, Heading, Table, Text
from reports.context import Context
from reports.escape import md
from reports.figures import scatter, seeds
from reports.pareto import COSTS, Cost, front, points
from reports.phrases import shown_task
from reports.ranking import Ranking
from reports.speed import ratios
from reports.tables import value_header
from reports.words import listed, ratio, significant


def pareto(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.order) > 1]
    if not rankings:
        return
    yield Heading("Quality against cost")
    rows = [[_panel(context, ranking, cost) for cost in COSTS] for ranking in rankings]
    figure = scatter.draw(rows, experiment.order, context.colours)
    yield context.album.block(
        figure, "cost", "Quality against parameters, multiply-accumulates and throughput; hollow dots are dominated"
    )
    lines = []
    for ranking, panels in zip(rankings, rows, strict=True):
        parts = [
            f"{cost.short}: {listed([md(arch) for arch in panel.front], 6)} ({len(panel.points) - len(panel.front)} dominated)"
            for cost, panel in zip(COSTS, panels, strict=True)
            if panel.points
        ]
        lines.append(f"- **{md(shown_task(ranking.task))}** – {'; '.join(parts)}")
    numbers = "" if len(experiment.order) <= 8 else " Numbers are rows of the comparison table."
    yield Text(
        f"No other architecture beats those on the line on both axes, by their means; hollow ones are dominated.{numbers}\n\n"
        + "\n".join(lines)
    )


def _panel(context: Context, ranking: Ranking, cost: Cost) -> scatter.Panel:
    found = points(context.experiment, ranking.task, cost)
    higher = ranking.metric.higher_is_better is not False
    best = front(found, lower_is_better=cost.lower_is_better, higher_is_better=higher)
    return scatter.Panel(
        x_label=cost.label,
        y_label=value_header(context.experiment, ranking),
        points=found,
        title=f"{shown_task(ranking.task)} against {cost.short}",
        log=cost.lower_is_better and bool(found) and _spread(found) > 3,
        counts=cost.lower_is_better,
        front=best,
        numbered=best,
    )


def _spread(found: dict[str, tuple[float, float]]) -> float:
    costs = [x for x, _ in found.values()]
    return max(costs) / max(min(costs), 1e-9)


def throughput(context: Context) -> Iterator[Block]:
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
            shown_task(task),
            "training (images/s) ↑",
            metric,
            finished[finished["task"] == task],
            summary[summary["task"] == task],
        )
        for task in tasks
    ]
    present = set(finished["arch"].unique())
    shown = [arch for arch in experiment.order if arch in present]
    yield context.album.block(
        seeds.draw(panels, shown, context.colours), "throughput", "Training images per second, per run and mean"
    )
    yield Text(_how(context))
    if 1 < len(shown) <= 12:
        yield _table(context, tasks, shown)


def _how(context: Context) -> str:
    workers = int(context.experiment.manifest.get("workers") or 1)
    runs = context.experiment.runs
    device, threads = runs["device"].iloc[0], int(runs["threads"].iloc[0])
    beside = f"up to {workers} runs at a time shared the machine" if workers > 1 else "one run at a time"
    return (
        f"Measured while training, evaluation excluded: {md(device)}, {threads} thread{'s' if threads > 1 else ''} per run, {beside}. "
        "A ratio is of the same seeds, with the 95 % interval that they give; it holds for this machine and load."
    )


def _table(context: Context, tasks: list[str], shown: list[str]) -> Table:
    experiment = context.experiment
    summary = experiment.summary[experiment.summary["metric"] == "train_images_per_s"]
    means = {(row.arch, row.task): row.mean for row in summary.itertuples(index=False)}
    against = {task: ratios(experiment.runs, task, experiment.baseline) for task in tasks}
    rows = []
    for arch in shown:
        cells = [arch]
        for task in tasks:
            found = against[task].get(arch)
            text = significant(means.get((arch, task), float("nan")))
            if found is not None:
                brackets = f" [{found.low:.2f}, {found.high:.2f}]" if found.n > 1 else ""
                text += f" ({ratio(found.value)}{brackets})"
            cells.append(text)
        rows.append(tuple(cells))
    headers = ("architecture", *(f"{shown_task(task)} (images/s)" for task in tasks))
    return Table(headers, tuple(rows), "l" + "r" * len(tasks), name="speed")
