"""Show quality against cost, and which architectures are dominated."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures import scatter
from reports.findings.pareto import COSTS, Cost, cost_and_quality, pareto_front
from reports.findings.ranking import Ranking
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.formatting import natural_list
from reports.wording.tables import value_header


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no task has two architectures to compare."""
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.order) > 1]
    if not rankings:
        return
    yield Heading("Quality against cost")
    rows = [[_panel(context, ranking, cost) for cost in COSTS] for ranking in rankings]
    alt = "Quality against parameters, multiply-accumulates and throughput; hollow dots are dominated"
    yield context.figures.write("cost", alt, scatter.draw, rows, experiment.order, context.colours)
    lines = []
    for ranking, panels in zip(rankings, rows, strict=True):
        parts = [
            f"{cost.short}: {natural_list([md(arch) for arch in panel.front], 6)} "
            f"({len(panel.points) - len(panel.front)} dominated)"
            for cost, panel in zip(COSTS, panels, strict=True)
            if panel.points
        ]
        lines.append(f"- **{md(ranking.description.label)}** – {'; '.join(parts)}")
    numbers = "" if len(experiment.order) <= 8 else " Numbers are rows of the comparison table."
    yield Text(
        "No other architecture beats those on the line on both axes, by their means; hollow ones are dominated."
        f"{numbers}\n\n" + "\n".join(lines)
    )


def _panel(context: Context, ranking: Ranking, cost: Cost) -> scatter.Panel:
    """Return one task's quality against one cost."""
    points = cost_and_quality(context.experiment, ranking.task, cost)
    higher = ranking.metric.higher_is_better is not False
    front = pareto_front(points, lower_is_better=cost.lower_is_better, higher_is_better=higher)
    return scatter.Panel(
        x_label=cost.label,
        y_label=value_header(context.experiment, ranking),
        points=points,
        title=f"{ranking.description.label} against {cost.short}",
        log=cost.lower_is_better and bool(points) and _spread(points) > 3,
        counts=True,
        front=front,
        numbered=front,
    )


def _spread(points: dict[str, tuple[float, float]]) -> float:
    """Return how many times the lowest cost the highest is."""
    costs = [cost for cost, _ in points.values()]
    return max(costs) / max(min(costs), 1e-9)
