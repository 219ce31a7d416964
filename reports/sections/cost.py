"""Quality against cost, with what is dominated."""

from __future__ import annotations

from collections.abc import Iterator

from reports.figures import scatter
from reports.findings.pareto import COSTS, Cost, front, points
from reports.findings.ranking import Ranking
from reports.markup.blocks import Block, Heading, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.tables import value_header
from reports.wording.words import listed


def pareto(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.order) > 1]
    if not rankings:
        return
    yield Heading("Quality against cost")
    rows = [[_panel(context, ranking, cost) for cost in COSTS] for ranking in rankings]
    alt = "Quality against parameters, multiply-accumulates and throughput; hollow dots are dominated"
    yield context.album.block("cost", alt, scatter.draw, rows, experiment.order, context.colours)
    lines = []
    for ranking, panels in zip(rankings, rows, strict=True):
        parts = [
            f"{cost.short}: {listed([md(arch) for arch in panel.front], 6)} ({len(panel.points) - len(panel.front)} dominated)"
            for cost, panel in zip(COSTS, panels, strict=True)
            if panel.points
        ]
        lines.append(f"- **{md(ranking.about.label)}** – {'; '.join(parts)}")
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
        title=f"{ranking.about.label} against {cost.short}",
        log=cost.lower_is_better and bool(found) and _spread(found) > 3,
        counts=True,
        front=best,
        numbered=best,
    )


def _spread(found: dict[str, tuple[float, float]]) -> float:
    costs = [x for x, _ in found.values()]
    return max(costs) / max(min(costs), 1e-9)
