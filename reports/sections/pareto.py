"""Show quality against cost, and which architectures are dominated."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures import scatter
from reports.findings.experiment import Experiment
from reports.findings.pareto import COSTS, Cost, cost_and_quality, pareto_front
from reports.findings.ranking import Ranking
from reports.findings.speed_ratios import disturbed_archs, machines_of_speeds, measured_apart
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.counts import about_left_out_macs
from reports.wording.formatting import natural_list
from reports.wording.machines import MEASURE_ON_ONE, SEVERAL
from reports.wording.speeds import COULD_HAVE_COMPANY
from reports.wording.tables import value_header


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no task has two architectures to compare."""
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.distinct) > 1]
    rows = [[_panel(context, ranking, cost) for cost in COSTS] for ranking in rankings]
    known = [i for i in range(len(COSTS)) if any(row[i] is not None for row in rows)]
    if not known:
        return
    yield Heading("Quality against cost")
    shown = [[row[i] for i in known] for row in rows]
    alt = f"Quality against {natural_list([COSTS[i].short for i in known])}; hollow dots are dominated"
    yield context.figures.write("cost", alt, scatter.draw, shown, experiment.order, context.colours)
    lines = []
    for ranking, row in zip(rankings, rows, strict=True):
        parts = [
            f"{cost.short}: {natural_list([md(arch) for arch in panel.front], 6)} "
            f"({len(panel.points) - len(panel.front)} dominated)"
            for cost, panel in zip(COSTS, row, strict=True)
            if panel is not None
        ]
        lines.append(f"- **{md(ranking.description.label)}** – {'; '.join(parts)}")
    numbers = "" if len(experiment.order) <= 8 else " Numbers are rows of the comparison table."
    yield Text(
        "No other architecture beats those on the line on both axes, by their means; hollow ones are dominated."
        f"{numbers}\n\n" + "\n".join(lines)
    )
    compared = [ranking.task for ranking in rankings]
    notes = [about_left_out_macs(experiment, compared), _about_throughput(experiment, compared)]
    if any(notes):
        yield Text(" ".join(filter(None, notes)))


def _about_throughput(experiment: Experiment, tasks: list[str]) -> str:
    """Say of which tasks the throughput is left out or was taken beside other work, or may have been; empty if none."""
    mixed, busy, apart = (
        [md(experiment.label(task)) for task in tasks if is_so(experiment, task)]
        for is_so in (machines_of_speeds, disturbed_archs, _is_measured_apart)
    )
    sentences = []
    if mixed:
        sentences.append(
            f"Throughput is left out ({natural_list(mixed)}): it is of several {SEVERAL}. {MEASURE_ON_ONE}"
        )
    if noted := [label for label in busy if label not in mixed and label not in apart]:
        sentences.append(f"The throughput ({natural_list(noted)}) was noted in training, {COULD_HAVE_COMPANY}.")
    if known := [label for label in busy if label in apart]:
        sentences.append(f"The throughput ({natural_list(known)}) was taken while the machine had other work, too.")
    return " ".join(sentences)


def _is_measured_apart(experiment: Experiment, task: str) -> bool:
    return measured_apart(experiment, task) is not None


def _panel(context: Context, ranking: Ranking, cost: Cost) -> scatter.Panel | None:
    """Return one task's quality against one cost; None where no cost is known that can be compared."""
    points = cost_and_quality(context.experiment, ranking.task, cost)
    if not points:
        return None
    higher = ranking.metric.higher_is_better is not False
    front = pareto_front(points, lower_is_better=cost.lower_is_better, higher_is_better=higher)
    return scatter.Panel(
        x_label=cost.label,
        y_label=value_header(context.experiment, ranking),
        points=points,
        title=f"{ranking.description.label} against {cost.short}",
        log=cost.lower_is_better and _spread(points) > 3,
        counts=True,
        front=front,
        numbered=front,
    )


def _spread(points: dict[str, tuple[float, float]]) -> float:
    """Return how many times the lowest cost the highest is."""
    costs = [cost for cost, _ in points.values()]
    return max(costs) / max(min(costs), 1e-9)
