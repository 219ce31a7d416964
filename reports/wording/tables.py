"""Make the comparison table: a row per architecture in the order of results, and only what differs as a column."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bench.spec.metrics import METRICS
from reports.findings.experiment import Experiment
from reports.findings.ranking import VERDICT_MARKS, Ranking
from reports.findings.sizes import own_task, sizes
from reports.findings.speed_ratios import training_ratios, training_speed
from reports.markup.blocks import Table
from reports.wording.formatting import LIKELIHOOD_IN_WORDS, NO_VALUE, difference, mean_sd, number, ratio, significant
from reports.wording.phrases import mark_of_fewer, seed_counts
from reports.wording.speeds import speed_marks

JOINT_ELBO = "elbo_joint"
"""The metric that makes an ELBO of log p(x|y) comparable with a VAE's; it is shown after the ELBO, in the same cell."""
LONGEST_IN_HEADER = 12
"""Characters; a baseline with a longer name is named under the table, not in every header."""
GREY_ELBO = "grey BCE + KL, not a likelihood"


@dataclass(frozen=True)
class Column:
    """A column that the table may have."""

    header: str
    """Plain text."""

    cell: Callable[[str], str]
    """From an architecture to the text of its cell."""

    bold: frozenset[str] = frozenset()
    """The architectures whose cells are bold."""

    align: str = "r"
    """l or r."""

    always: bool = False
    """Whether the column is shown even if all of its cells are the same."""


def comparison_table(experiment: Experiment, *, compact: bool = False) -> tuple[Table, list[str]]:
    """Make the comparison table.

    Args:
        compact: whether it is for a terminal: the verdict as a mark beside the value, not a column with the difference.

    Returns:
        The table, and what it leaves out because it is the same for every row, such as "params 47,993".
    """
    columns = [Column("architecture", str, align="l", always=True), *_size_columns(experiment)]
    for ranking in experiment.head_rankings:
        columns += _task_columns(experiment, ranking, compact)
        tuned = experiment.tuned.rankings.get(ranking.task) if experiment.tuned else None
        if tuned is not None:
            columns.append(_tuned_column(experiment, tuned))
    columns += _speed_columns(experiment)
    shown, cells_of_shown, common = [], [], []
    for column in columns:
        cells = [column.cell(arch) for arch in experiment.order]
        if set(cells) == {NO_VALUE}:
            continue
        if column.always or len(set(cells)) > 1 or len(cells) == 1:
            shown.append(column)
            cells_of_shown.append(cells)
        else:
            common.append(f"{column.header} {cells[0]}")
    table = Table(
        headers=tuple(column.header for column in shown),
        rows=tuple(zip(*cells_of_shown, strict=True)),
        align="".join(column.align for column in shown),
        bold=frozenset(
            (i, j) for i, arch in enumerate(experiment.order) for j, column in enumerate(shown) if arch in column.bold
        ),
        name="comparison",
    )
    return table, common


def conv_fc_shares(total: float, conv: float, fc: float) -> str:
    """Format the shares of convolutions and fully connected layers, such as "44 / 56 %"."""
    return f"{100 * conv / total:.0f} / {100 * fc / total:.0f} %" if total else NO_VALUE


def _size_columns(experiment: Experiment) -> list[Column]:
    """Return the columns on parameters."""
    counted = sizes(experiment)

    def total(arch: str) -> str:
        return number(counted[arch].total, 0) if arch in counted else NO_VALUE

    def shares(arch: str) -> str:
        size = counted.get(arch)
        return conv_fc_shares(size.total, size.conv, size.fc) if size else NO_VALUE

    return [Column("params", total), Column("conv / FC", shares)]


def value_header(experiment: Experiment, ranking: Ranking) -> str:
    """Return the name of a task's primary metric, with an arrow to where it is better and its unit."""
    metric = ranking.metric
    label = _metric_label(ranking)
    if metric.likelihood and experiment.likelihood == "grey":
        label += f" ({GREY_ELBO if metric.name == 'elbo' else LIKELIHOOD_IN_WORDS['grey']})"
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    return f"{label}{arrow}{f' ({metric.unit})' if metric.unit else ''}"


def baseline_in_header(experiment: Experiment) -> str:
    """Return what stands in a header for the baseline: its name, unless that is long."""
    return experiment.baseline if len(experiment.baseline) <= LONGEST_IN_HEADER else "baseline"


def value_cell(
    ranking: Ranking, arch: str, failed: int, joint_elbo: str | None = None, *, most: int = 0, asked: int | None = 0
) -> str:
    """Format an architecture's mean ± sd; where seeds failed or have not been run, with how many have.

    Args:
        failed: number of failed runs.
        joint_elbo: shown after the mean, if given.
        most: seeds of the best-supplied cell of the table.
        asked: seeds that were asked for; None where each has as many as settled it.
    """
    cell = ranking.cells.get(arch)
    if cell is None or cell.n == 0:
        return f"failed ({failed} of {failed})" if failed else NO_VALUE
    text = mean_sd(ranking.metric, cell.mean, cell.std) + (f" / {joint_elbo}" if joint_elbo else "")
    return text + mark_of_fewer(int(cell.n), failed, most, asked)


def versus_cell(ranking: Ranking, arch: str) -> str:
    """Format the difference from the baseline with its interval and verdict, such as "+15.6 [12.1, 19.0] ▲".

    For an architecture that is the same network as another one: which.
    """
    if arch in ranking.same_as:
        return f"{VERDICT_MARKS['same network']} {ranking.same_as[arch]}"
    row = ranking.versus_baseline.get(arch)
    if row is None or row.n == 0 or not math.isfinite(row.difference):
        return NO_VALUE
    return f"{difference(ranking.metric, row.difference, row.low, row.high)} {VERDICT_MARKS[row.verdict]}"


def _task_columns(experiment: Experiment, ranking: Ranking, compact: bool) -> list[Column]:
    """Return the columns of one task: the value and, unless compact, the difference from the baseline."""
    failed = experiment.failed_runs(ranking.task)
    header, joint = value_header(experiment, ranking), dict[str, str]()
    most = max(seed_counts(experiment), default=0)
    if (
        JOINT_ELBO in ranking.description.scores
        and ranking.metric.name == "elbo"
        and experiment.likelihood != "grey"
        and not compact
    ):
        header, joint = header.replace(" ↑", " ↑ / − ln 10"), _joint_elbos(experiment, ranking)

    def value(arch: str) -> str:
        text = value_cell(ranking, arch, failed.get(arch, 0), joint.get(arch), most=most, asked=experiment.asked)
        mark = (
            VERDICT_MARKS[ranking.versus_baseline[arch].verdict] if compact and arch in ranking.versus_baseline else ""
        )
        return f"{text} {mark}".rstrip() if arch in ranking.order else text

    best = {arch for arch in ranking.order if ranking.best and ranking.same_as.get(arch, arch) == ranking.best}
    columns = [Column(header, value, frozenset(best), always=True)]
    if compact:
        return columns
    if len(experiment.order) > 1:
        base = baseline_in_header(experiment)
        columns.append(Column(f"{_metric_label(ranking)} vs {base}", lambda arch: versus_cell(ranking, arch)))
    return columns


def _tuned_column(experiment: Experiment, tuned: Ranking) -> Column:
    """Return the column of a task's tuned runs: the value and the verdict against the baseline.

    Its differences are in the section on tuning: with a column of them for each task no line would fit a screen.
    """
    assert experiment.tuned is not None
    failed = experiment.tuned.failed_runs(tuned.task)
    asked, most = experiment.asked, max(seed_counts(experiment), default=0)

    def value(arch: str) -> str:
        text = value_cell(tuned, arch, failed.get(arch, 0), most=most, asked=asked)
        row = tuned.versus_baseline.get(arch)
        return f"{text} {VERDICT_MARKS[row.verdict]}" if row is not None and arch in tuned.order else text

    best = frozenset(arch for arch in tuned.order if tuned.best and tuned.same_as.get(arch, arch) == tuned.best)
    return Column(f"{value_header(experiment, tuned)}, tuned", value, best, always=True)


def _metric_label(ranking: Ranking) -> str:
    """Return the label of a task's primary metric, with the task's prefix where it has one."""
    return f"{ranking.description.prefix or ''}{ranking.metric.label}"


def _joint_elbos(experiment: Experiment, ranking: Ranking) -> dict[str, str]:
    """Return architecture → its mean bound on log p(x, y), which compares with a VAE's bound on log p(x)."""
    rows = experiment.summary
    rows = rows[(rows["task"] == ranking.task) & (rows["metric"] == JOINT_ELBO)]
    return {row.arch: number(row.mean, METRICS[JOINT_ELBO].digits) for row in rows.itertuples(index=False)}


def _speed_columns(experiment: Experiment) -> list[Column]:
    """Return the column of the training speed on the page's own task.

    The ratio to the baseline has a question mark where it is not resolved.
    """
    if not experiment.tasks:
        return []
    task = own_task(experiment)
    means, against = training_speed(experiment, task), training_ratios(experiment, task)
    marks = speed_marks(experiment, task)

    def cell(arch: str) -> str:
        text = significant(means.get(arch, math.nan))
        found = against.get(arch)
        if found:
            text += f" ({ratio(found.value)}{'' if found.resolved else ' ?'})"
        return text if text == NO_VALUE else text + marks[arch]

    return [Column("train ↑ (images/s)", cell)]
