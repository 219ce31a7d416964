"""Show what caused the difference: the effects of the factors of a grid or a crossing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from bench.spec.metrics import Metric
from bench.statistics.factors import effect_verdict
from reports.figures import effects
from reports.findings.factor_analysis import FactorAnalysis
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.sections.context import Context
from reports.wording.budget import EQUAL_COMPUTE, at_equal
from reports.wording.formatting import difference, number, plural


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if the architectures are no grid.

    Nor is there one of the two that a race has left, where the race itself has the factors of all that raced.
    """
    found = context.experiment.factor_analyses
    if not found or context.experiment.race_factors is not None:
        return
    yield Heading("What caused the difference")
    if matched := at_equal(context.experiment.matching):
        yield Text(
            f"A{matched[1:]} a step of a factor changes how many training steps there "
            f"are, too (*{EQUAL_COMPUTE}*): what it is worth is that of both together."
        )
    yield from effects_of(context, found)


def effects_of(context: Context, found: Sequence[FactorAnalysis], prefix: str = "") -> Iterator[Block]:
    """Yield what analyses show: sentences, the effects as a figure, the strongest interaction, and a folded table.

    Args:
        prefix: of the names of files, where a page has others of these names.
    """
    for analysis in found:
        n = analysis.common_seeds
        of_common = [] if n is None else [f"Over the {plural(n, 'seed')} that all of the grid have."]
        lines = "\n".join(f"- {md(sentence)}" for sentence in (*of_common, *analysis.sentences))
        yield Text(f"**{md(analysis.label)}, {md(analysis.metric.label)}**\n\n{lines}")
    drawn = [analysis for analysis in found if len(analysis.effects)]
    if drawn:
        panels = [(a.label, a.effects, a.metric, _resolved(a)) for a in drawn]
        alt = "What each step of a factor is worth, with its 95 % interval over seeds"
        yield context.figures.write(f"{prefix}effects", alt, effects.effects, panels)
        yield Text(
            "Steps are compared within a seed, over cells equal in every other factor. Grey: not resolved, or too "
            "small to matter."
        )
    yield from _heatmaps(context, found, prefix)
    rows = [row for analysis in found for row in _rows(analysis)]
    if rows:
        headers = ("task", "effect", "size", "p (Holm)", "cells", "verdict")
        yield Details("Every effect and interaction", [Table(headers, tuple(rows), "llrrrl", name=f"{prefix}effects")])


def _heatmaps(context: Context, found: Sequence[FactorAnalysis], prefix: str) -> Iterator[Block]:
    """Yield the means at the levels of the two factors that interact most."""
    panels = [(a.label, a.strongest_interaction[0], a.metric) for a in found if a.strongest_interaction is not None]
    if not panels:
        return
    settings = {a.strongest_interaction[1] for a in found if a.strongest_interaction is not None}
    yield context.figures.write(
        f"{prefix}interactions", "Means at the levels of the two factors that interact most", effects.heatmaps, panels
    )
    if max(settings) > 1 or any(len(a.factors) > 2 for a in found):
        yield Text(
            "The two factors with the largest interaction, resolved or not; means over "
            f"{plural(max(settings), 'setting')} of the others, run at every combination shown."
        )


def _resolved(analysis: FactorAnalysis) -> list[bool]:
    """Tell of each main effect whether it is resolved and large enough to matter."""
    return [effect_verdict(row, analysis.metric.margin) == "resolved" for _, row in analysis.effects.iterrows()]


def _rows(analysis: FactorAnalysis) -> Iterator[tuple[str, ...]]:
    """Yield a row per main effect and per interaction."""
    for _, row in analysis.effects.iterrows():
        yield _row(analysis, f"{row['factor']} {row['from_level']} → {row['to_level']}", row, analysis.metric)
    for _, row in analysis.interactions.iterrows():
        name = f"{row['factor_a']} {row['from_a']} → {row['to_a']} × {row['factor_b']} {row['from_b']} → {row['to_b']}"
        yield _row(analysis, name, row, analysis.metric)


def _row(analysis: FactorAnalysis, name: str, row: pd.Series, metric: Metric) -> tuple[str, ...]:
    size = f"{difference(metric, row['effect'], row['low'], row['high'])} {metric.unit_of_difference}"
    p = "< 0.001" if row["p_holm"] < 0.001 else number(row["p_holm"], 3)
    return analysis.label, name, size, p, str(int(row["cells"])), effect_verdict(row, metric.margin)
