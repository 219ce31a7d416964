"""The wording of the answer: what a task measures, who wins it, a gap in words."""

from __future__ import annotations

import math
from typing import Any

from bench.spec.metrics import Metric
from bench.spec.task import WINNER
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.markup.escape import prose
from reports.wording.words import PROTOCOL, decimals, interval, number, shorten, signed


def claim(ranking: Ranking, winner: str, best: bool = False) -> str:
    return prose((ranking.about.best if best else ranking.about.better).replace(WINNER, winner))


def elbo_protocol(experiment: Experiment) -> str:
    """What its ELBOs are measured on; empty where no task has one."""
    if not any(ranking.about.bounds for ranking in experiment.rankings.values()):
        return ""
    return PROTOCOL.get(experiment.likelihood or "", "")


def subject(ranking: Ranking) -> str:
    return prose(ranking.about.subject)


def measured(ranking: Ranking) -> str:
    return prose(ranking.about.measured or f"test {ranking.metric.label}")


def shown(metric: Metric, value: float, unit: bool = True) -> str:
    """−106.8 nats · 98.73 %."""
    return f"{number(value * metric.scale, metric.digits)}{f' {metric.unit}' if unit and metric.unit else ''}"


def gap(metric: Metric, value: float, low: float, high: float, of: str = "") -> str:
    """+34.9 nats of test ELBO [34.1, 35.6]."""
    digits = decimals((high - low) / 2 * metric.scale, metric.digits)
    brackets = interval(metric, low, high, digits)
    words = [signed(value * metric.scale, digits), metric.unit_of_difference, f"of {of}" if of else "", brackets]
    return " ".join(filter(None, words))


def won_by(row: Any, metric: Metric, of: str = "") -> str:
    """The gap of a resolved comparison as seen from its winner."""
    value, low, high = (row.difference, row.low, row.high) if row.verdict == "better" else flipped(row)
    return gap(metric, value, low, high, of)


def flipped(row: Any) -> tuple[float, float, float]:
    """(difference, low, high) of b - a."""
    return -row.difference, -row.high, -row.low


def seeds_wanted(row: Any) -> str:
    """ "; about 40 seeds would be needed", where that is known."""
    needed = row.seeds_needed
    known = needed is not None and not _missing(needed)
    return f"; about {int(needed):,} seeds would be needed" if known else ""


def _missing(value: Any) -> bool:
    try:
        return math.isnan(float(value))
    except (TypeError, ValueError):  # pandas' NA
        return True


def finding(ranking: Ranking) -> str:
    """A figure's title: the finding where the verdicts support one, else the quantity."""
    name = ranking.about.label
    if ranking.best:
        return f"{name}: {shorten(ranking.best, 24)} is {'better' if len(ranking.order) == 2 else 'best'}"
    if ranking.one_seed or len(ranking.order) < 2:
        return f"{name}: {ranking.metric.label}"
    if len(ranking.order) == 2:
        row = next(iter(ranking.versus.values()), None)
        equal = row is not None and row.verdict == "equivalent"
        return f"{name}: {'equivalent' if equal else 'no difference resolved'}"
    return f"{name}: no single best"
