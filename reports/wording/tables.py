"""The comparison table: a row per architecture in the order of results, and only what differs as a column."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.spec.metrics import METRICS
from reports.findings.experiment import Experiment
from reports.findings.ranking import MARKS, Ranking
from reports.findings.sizes import sizes
from reports.findings.speed_ratios import training_ratios, training_speed
from reports.markup.blocks import Table
from reports.wording.words import NOTHING, PROTOCOL, difference, mean_sd, number, ratio, significant

JOINT = "elbo_joint"
"""The metric that makes an ELBO of log p(x|y) comparable with a VAE's; it stands beside it, in the same cell."""
LONG_NAME = 12  # characters; a longer baseline is named under the table, not in every header
GREY = "grey BCE + KL, not a likelihood"


@dataclass(frozen=True)
class Column:
    header: str
    cell: Callable[[str], str]  # arch → text
    best: str | None = None  # the arch whose cell is bold
    align: str = "r"
    keep: bool = False  # even when all cells are the same


def comparison(experiment: Experiment, *, compact: bool = False) -> tuple[Table, list[str]]:
    """The table, and what it left out because it is the same for every row ("params 47,993").

    compact: for a terminal, a mark beside the value instead of a column with the difference.
    """
    columns = [Column("architecture", str, align="l", keep=True), *_size_columns(experiment)]
    for ranking in experiment.rankings.values():
        columns += _task_columns(experiment, ranking, compact)
    columns += _speed_columns(experiment)
    shown, rows, common = [], [], []  # rows: of each column that is shown, its cells from top to bottom
    for column in columns:
        cells = [column.cell(arch) for arch in experiment.order]
        if set(cells) == {NOTHING}:
            continue
        if column.keep or len(set(cells)) > 1 or len(cells) == 1:
            shown.append(column)
            rows.append(cells)
        else:
            common.append(f"{column.header} {cells[0]}")
    table = Table(
        headers=tuple(column.header for column in shown),
        rows=tuple(zip(*rows, strict=True)),
        align="".join(column.align for column in shown),
        bold=frozenset(
            (i, j) for i, arch in enumerate(experiment.order) for j, column in enumerate(shown) if arch == column.best
        ),
        name="comparison",
    )
    return table, common


def split(total: float, conv: float, fc: float) -> str:
    """Conv and FC share of the parameters: 44 / 56 %."""
    return f"{100 * conv / total:.0f} / {100 * fc / total:.0f} %" if total else NOTHING


def _size_columns(experiment: Experiment) -> list[Column]:
    counted = sizes(experiment)

    def total(arch: str) -> str:
        return number(counted[arch][1], 0) if arch in counted else NOTHING

    def shares(arch: str) -> str:
        return split(*counted[arch][1:]) if arch in counted else NOTHING

    return [Column("params", total), Column("conv / FC", shares)]


def value_header(experiment: Experiment, ranking: Ranking) -> str:
    metric = ranking.metric
    label = _short(ranking)
    if metric.likelihood and experiment.likelihood == "grey":
        label += f" ({GREY if metric.name == 'elbo' else PROTOCOL['grey']})"
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    return f"{label}{arrow}{f' ({metric.unit})' if metric.unit else ''}"


def value_cell(ranking: Ranking, arch: str, failed: int, beside: str | None = None) -> str:
    """Mean ± sd, with the counts where a run failed: never a number in place of one that is not there."""
    cell = ranking.cells.get(arch)
    if cell is None or cell.n == 0:
        return f"failed ({failed} of {failed})" if failed else NOTHING
    text = mean_sd(ranking.metric, cell.mean, cell.std) + (f" / {beside}" if beside else "")
    return f"{text} ({cell.n} of {cell.n + failed})" if failed else text


def versus_cell(ranking: Ranking, arch: str) -> str:
    """+15.6 [12.1, 19.0] ▲ against the baseline."""
    row = ranking.versus.get(arch)
    if row is None or row.n == 0 or not math.isfinite(row.difference):
        return NOTHING
    return f"{difference(ranking.metric, row.difference, row.low, row.high)} {MARKS[row.verdict]}"


def _task_columns(experiment: Experiment, ranking: Ranking, compact: bool) -> list[Column]:
    failed = experiment.failed[experiment.failed["task"] == ranking.task]["arch"].value_counts()
    header, joint = value_header(experiment, ranking), {}
    if (
        JOINT in ranking.about.scores
        and ranking.metric.name == "elbo"
        and experiment.likelihood != "grey"
        and not compact
    ):
        header, joint = header.replace(" ↑", " ↑ / − ln 10"), _joint(experiment, ranking)

    def value(arch: str) -> str:
        text = value_cell(ranking, arch, int(failed.get(arch, 0)), joint.get(arch))
        mark = MARKS[ranking.versus[arch].verdict] if compact and arch in ranking.versus else ""
        return f"{text} {mark}".rstrip() if arch in ranking.order else text

    columns = [Column(header, value, ranking.best, keep=True)]
    if compact:
        return columns
    if len(experiment.order) > 1:
        base = experiment.baseline if len(experiment.baseline) <= LONG_NAME else "baseline"
        columns.append(Column(f"{_short(ranking)} vs {base}", lambda arch: versus_cell(ranking, arch)))
    return columns


def _short(ranking: Ranking) -> str:
    return f"{ranking.about.prefix or ''}{ranking.metric.label}"


def _joint(experiment: Experiment, ranking: Ranking) -> dict[str, str]:
    """arch → mean bound on log p(x, y): what a CVAE's ELBO is when it is to be compared with a VAE's."""
    rows = experiment.summary
    rows = rows[(rows["task"] == ranking.task) & (rows["metric"] == JOINT)]
    return {row.arch: number(row.mean, METRICS[JOINT].digits) for row in rows.itertuples(index=False)}


def _speed_columns(experiment: Experiment) -> list[Column]:
    """Of the first task, with the ratio to the baseline; a question mark where that is not resolved."""
    if not experiment.tasks:
        return []
    task = experiment.tasks[0]
    means, against = training_speed(experiment, task), training_ratios(experiment, task)

    def cell(arch: str) -> str:
        text = significant(means.get(arch, math.nan))
        found = against.get(arch)
        return f"{text} ({ratio(found.value)}{'' if found.resolved else ' ?'})" if found else text

    return [Column("train ↑ (images/s)", cell)]
