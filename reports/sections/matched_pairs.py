"""Test the reference README's idea, that weights do better in convolutions, on pairs of about one size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reports.figures.curves import highlighted
from reports.figures.scatter import Panel, draw
from reports.findings.matched_pairs import (
    SAME_SIZE,
    SHARE_APART,
    MatchedPair,
    matched_pairs,
    rank_correlations,
    size_and_quality,
)
from reports.findings.ranking import VERDICT_MARKS, Ranking
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.formatting import difference, number, plural, ratio
from reports.wording.stopping.intervals import interval_kind
from reports.wording.tables import value_header

MOST_OPEN = 12
"""Pairs up to which the table is open and the figure joins them; more are folded away."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if no task has two architectures to compare."""
    experiment = context.experiment
    rankings = [ranking for ranking in experiment.rankings.values() if len(ranking.distinct) > 1]
    if not rankings:
        return
    yield Heading("Are parameters the reason?")
    yield Text(
        "The README's idea is that a network does better when its weights sit in convolutions rather than in fully "
        f"connected layers. A fair test holds the size: pairs within {100 * SAME_SIZE:.0f} % of each other's "
        f"parameters whose conv shares are at least {100 * SHARE_APART:.0f} points apart."
    )
    panels, rows, most = [], [], 0
    for ranking in rankings:
        pairs = matched_pairs(experiment, ranking.task)
        table = size_and_quality(experiment, ranking.task)
        most = max([most, *(pair.comparison.family for pair in pairs)])
        sentences = _sentences(ranking, pairs, rank_correlations(table))
        yield Text(f"**{md(ranking.description.label)}**: {' '.join(sentences)}")
        scale = ranking.metric.scale
        panels.append(
            Panel(
                x_label="conv share of the parameters (%)",
                y_label=value_header(experiment, ranking),
                points={row.arch: (100 * row.conv_share, row.quality * scale) for row in table.itertuples(index=False)},
                title=ranking.description.label,
                numbered=highlighted(experiment.order, experiment.baseline),
                links=[(pair.more_conv, pair.less_conv) for pair in pairs] if len(pairs) <= MOST_OPEN else [],
            )
        )
        rows += [_row(ranking, pair) for pair in pairs]
    alt = "Quality against the share of the parameters that sit in convolutions"
    yield context.figures.write("conv_share", alt, draw, [panels], experiment.order, context.colours)
    if any(panel.links for panel in panels):
        yield Text(f"Dotted lines join such pairs: parameters within {100 * SAME_SIZE:.0f} % of each other, not equal.")
    if rows:
        headers = ("task", "more convolution", "conv", "less convolution", "conv", "size ratio", "difference", "")
        all_pairs = Table(headers, tuple(rows), "llrlrrrl", name="matched")
        yield Text(_about_brackets(most, interval_kind(experiment)))
        yield all_pairs if len(rows) <= MOST_OPEN else Details(f"All {len(rows)} pairs", [all_pairs])


def _sentences(ranking: Ranking, pairs: list[MatchedPair], correlations: tuple[float, float] | None) -> list[str]:
    """Say what the pairs show, and how the results of all architectures go with conv share and size."""
    sentences = [_verdict(ranking, pairs)]
    if correlations:
        share, size = (number(value, 2) for value in correlations)
        sentences.append(
            f"Over all {len(ranking.distinct)} architectures, rank correlation of the result with the conv share is "
            f"{share}, with the number of parameters {size}; this describes the set that was run and proves no cause."
        )
    return sentences


def _verdict(ranking: Ranking, pairs: list[MatchedPair]) -> str:
    """Say how the pairs came out, and what follows for the idea."""
    if not pairs:
        return "no two of these architectures are matched like that, so this run can't separate the two."
    counts = Counter(str(pair.comparison.verdict) for pair in pairs)
    words = {"better": "better", "worse": "worse", "equivalent": "equivalent", "unresolved": "not resolvable"}
    tally = ", ".join(f"{word} in {counts[verdict]}" for verdict, word in words.items() if counts[verdict])
    if len(pairs) == 1:
        pair, row = pairs[0], pairs[0].comparison
        gap = f"{difference(ranking.metric, row.difference, row.low, row.high)} {VERDICT_MARKS[row.verdict]}"
        head = (
            f"{md(pair.more_conv)} ({100 * pair.conv_shares[0]:.0f} % conv) against {md(pair.less_conv)} "
            f"({100 * pair.conv_shares[1]:.0f} % conv), at {ratio(pair.parameters[0] / pair.parameters[1])} its "
            f"parameters: {gap}."
        )
    else:
        matched = f"{plural(len(pairs), 'matched pair')} (within {100 * SAME_SIZE:.0f} % in size)"
        head = f"of {matched}, the one with the larger conv share is {tally}."
    return f"{head} {_conclusion(counts, len(pairs))}"


def _conclusion(counts: Counter[str], total: int) -> str:
    """Say what the verdicts on `total` pairs mean for the idea."""
    better, worse = counts["better"], counts["worse"]
    caution = " One pair differs in more than this share, so it can refute the rule but not establish one."
    caution = caution if total == 1 else ""
    if better and worse:
        return "So the share of convolutions alone does not decide." + caution
    if better:
        return "That agrees with the idea." + caution
    if worse:
        return "That is the opposite of the idea: more weights in convolutions did not help." + caution
    return "So no effect of the conv share is resolved among such pairs." + caution


def _about_brackets(family: int, kind: str) -> str:
    """Say what the intervals of pairs are: those of one difference differ from section to section, as the families do.

    Args:
        family: how many pairs a task has that could be tested, at most.
        kind: what the intervals are called.
    """
    if family < 2:
        return f"Brackets are 95 % {kind} of the paired difference over seeds."
    return (
        f"Brackets are {kind} over seeds, each as wide as its verdict among all pairs of the task takes (Holm's "
        "method at 5 %), and 95 % or more."
    )


def _row(ranking: Ranking, pair: MatchedPair) -> tuple[str, ...]:
    row = pair.comparison
    return (
        ranking.description.label,
        pair.more_conv,
        f"{100 * pair.conv_shares[0]:.0f} %",
        pair.less_conv,
        f"{100 * pair.conv_shares[1]:.0f} %",
        ratio(pair.parameters[0] / pair.parameters[1]),
        difference(ranking.metric, row.difference, row.low, row.high),
        VERDICT_MARKS[row.verdict],
    )
