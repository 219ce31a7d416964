"""Are parameters the reason? The reference README's idea, tested on whatever was run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reports.figures.curves import highlighted
from reports.figures.scatter import Panel, draw
from reports.findings.matched import OTHER_SHARE, SAME_SIZE, Pair, pairs, points, rank_correlations
from reports.findings.ranking import MARKS, Ranking
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.tables import value_header
from reports.wording.words import difference, number, plural

SHOWN = 12  # pairs in the open; more fold away


def blocks(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.order) > 1]
    if not rankings:
        return
    yield Heading("Are parameters the reason?")
    yield Text(
        "The README's idea is that a network does better when its weights sit in convolutions rather than in fully connected "
        f"layers. A fair test holds the size: pairs within {SAME_SIZE:.0%} of each other's parameters whose conv shares are "
        f"at least {OTHER_SHARE * 100:.0f} points apart.".replace("10%", "10 %")
    )
    panels, rows = [], []
    for ranking in rankings:
        found = pairs(experiment, ranking.task)
        table = points(experiment, ranking.task)
        yield Text(f"**{md(ranking.about.label)}**: {' '.join(_sentences(ranking, found, rank_correlations(table)))}")
        scale = ranking.metric.scale
        panels.append(
            Panel(
                x_label="conv share of the parameters (%)",
                y_label=value_header(experiment, ranking),
                points={row.arch: (100 * row.conv_share, row.quality * scale) for row in table.itertuples(index=False)},
                title=ranking.about.label,
                numbered=highlighted(experiment.order, experiment.baseline),
                links=[(pair.more, pair.less) for pair in found] if len(found) <= SHOWN else [],
            )
        )
        rows += [_row(ranking, pair) for pair in found]
    alt = "Quality against the share of the parameters that sit in convolutions"
    yield context.album.block("conv_share", alt, draw, [panels], experiment.order, context.colours)
    if any(panel.links for panel in panels):
        yield Text("Dotted lines join architectures of the same size.")
    if rows:
        headers = ("task", "more convolution", "conv", "less convolution", "conv", "size ratio", "difference", "")
        table_block = Table(headers, tuple(rows), "llrlrrrl", name="matched")
        yield table_block if len(rows) <= SHOWN else Details(f"All {len(rows)} pairs", [table_block])


def _sentences(ranking: Ranking, found: list[Pair], correlations: tuple[float, float] | None) -> list[str]:
    said = [_verdict(ranking, found)]
    if correlations:
        share, size = (number(value, 2) for value in correlations)
        said.append(
            f"Over all {len(ranking.order)} architectures, rank correlation of the result with the conv share is {share}, "
            f"with the number of parameters {size}; this describes the set that was run and proves no cause."
        )
    return said


def _verdict(ranking: Ranking, found: list[Pair]) -> str:
    if not found:
        return "no two of these architectures are matched like that, so this run can't separate the two."
    counts = Counter(str(pair.comparison.verdict) for pair in found)
    words = {"better": "better", "worse": "worse", "equivalent": "equivalent", "unresolved": "not resolvable"}
    tally = ", ".join(f"{word} in {counts[verdict]}" for verdict, word in words.items() if counts[verdict])
    if len(found) == 1:
        pair, row = found[0], found[0].comparison
        gap = f"{difference(ranking.metric, row.difference, row.low, row.high)} {MARKS[row.verdict]}"
        head = (
            f"at one size, {md(pair.more)} ({100 * pair.shares[0]:.0f} % conv) against {md(pair.less)} "
            f"({100 * pair.shares[1]:.0f} % conv): {gap}."
        )
    else:
        head = f"of {plural(len(found), 'matched pair')}, the one with the larger conv share is {tally}."
    return f"{head} {_conclusion(counts, len(found))}"


def _conclusion(counts: Counter[str], total: int) -> str:
    better, worse = counts["better"], counts["worse"]
    few = (
        " One pair differs in more than this share, so it can refute the rule but not establish one."
        if total == 1
        else ""
    )
    if better and worse:
        return "So the share of convolutions alone does not decide." + few
    if better:
        return "That agrees with the idea." + few
    if worse:
        return "That is the opposite of the idea: more weights in convolutions did not help." + few
    return "So at matched size no effect of the conv share is resolved." + few


def _row(ranking: Ranking, pair: Pair) -> tuple[str, ...]:
    row = pair.comparison
    return (
        ranking.about.label, pair.more, f"{100 * pair.shares[0]:.0f} %", pair.less, f"{100 * pair.shares[1]:.0f} %",
        f"{pair.sizes[0] / pair.sizes[1]:.2f}×", difference(ranking.metric, row.difference, row.low, row.high), MARKS[row.verdict],
    )  # fmt: skip
