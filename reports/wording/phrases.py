"""Phrases that sentences are made of: what a task measures, who wins it, a difference with its unit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from bench.spec.metrics import Metric
from bench.spec.task import WINNER
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.markup.escape import md, prose
from reports.wording.formatting import (
    LIKELIHOOD_IN_WORDS,
    decimals_of_interval,
    interval,
    natural_list,
    number,
    plural,
    shorten_middle,
    signed,
)
from reports.wording.stopping.settled import to_settle

FIRST_CHOSEN_BY_VALIDATION = 4
"""The first protocol whose learning rate and warm-up were chosen without the test set."""


def winner_phrase(ranking: Ranking, winner: str, best: bool = False) -> str:
    """Say what the winner is better at; with `best`, at what it is the best of many. The task declares the words."""
    return prose((ranking.description.best if best else ranking.description.better).replace(WINNER, winner))


def elbo_protocol(experiment: Experiment) -> str:
    """Return what the ELBOs are measured on; empty where no task has one."""
    if not any(ranking.description.bounds for ranking in experiment.rankings.values()):
        return ""
    return LIKELIHOOD_IN_WORDS.get(experiment.likelihood or "", "")


def subject(ranking: Ranking) -> str:
    """Return the words with which a sentence on the task opens, such as "As a VAE"."""
    return prose(ranking.description.subject)


def measured_quantity(ranking: Ranking) -> str:
    """Return what the task's primary metric measures, such as "test ELBO"."""
    return prose(ranking.description.measured or f"test {ranking.metric.label}")


def value_with_unit(metric: Metric, value: float) -> str:
    """Format a value with its unit, such as "−106.8 nats"."""
    return f"{number(value * metric.scale, metric.digits)}{f' {metric.unit}' if metric.unit else ''}"


def difference_with_unit(metric: Metric, value: float, low: float, high: float, of: str = "") -> str:
    """Format a difference with its unit and interval, such as "+34.9 nats of test ELBO [34.1, 35.6]"."""
    digits = decimals_of_interval(metric, low, high)
    brackets = interval(metric, low, high, digits)
    words = [signed(value * metric.scale, digits), metric.unit_of_difference, f"of {of}" if of else "", brackets]
    return " ".join(filter(None, words))


def seeds_of(ranking: Ranking) -> str:
    """Return the seeds that a task's verdicts are of, such as "3 paired seeds"; empty where there is one at most."""
    paired = {int(row.n) for arch, row in ranking.versus_baseline.items() if row.n and arch not in ranking.same_as}
    counts = paired or {int(ranking.cells[arch].n) for arch in ranking.order}
    if max(counts, default=0) < 2:
        return ""
    span = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    return f"{span} {'paired ' if paired else ''}seeds"


def winner_lead(row: Any, metric: Metric, of: str = "") -> str:
    """Format the difference of a resolved comparison as seen from its winner."""
    if row.verdict == "better":
        return difference_with_unit(metric, row.difference, row.low, row.high, of)
    return difference_with_unit(metric, -row.difference, -row.high, -row.low, of)


def seeds_needed_note(row: Any) -> str:
    """Say of an unresolved row how many seeds a verdict would take, on what condition, and what these seeds leave open.

    Empty where nothing is known of that.
    """
    if row.anytime:
        return to_settle(row)
    needed, fewest, most = (
        None if _missing(value) else int(value) for value in (row.seeds_needed, row.seeds_fewest, row.seeds_most)
    )
    if fewest is None:  # no spread to judge by
        return "" if needed is None else f"; at least {needed:,} seeds would be needed"
    span = f"{fewest:,} or more" if most is None else f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    told = f"for all that these {int(row.n)} seeds tell"
    if needed is None:
        return f"; for a verdict with 80 % power {span} seeds would be needed, {told}"
    return (
        f"; about {needed:,} seeds would be needed for a verdict with 80 % power if the true difference and its spread "
        f"were those observed, {span} {told}"
    )


def same_network_note(ranking: Ranking) -> str:
    """Say which crossings are the same network as another architecture on the task; empty where none is."""
    pairs = [(md(arch), md(other)) for arch, other in ranking.same_as.items()]
    if not pairs:
        return ""
    if len(pairs) > 3:
        return f"There {len(pairs)} crossings are the same network as another architecture, since no decoder is used."
    (arch, other), *more = pairs
    rest = [f"{name} as {of}" for name, of in more]
    return f"There {natural_list([f'{arch} is the same network as {other}', *rest])}, since no decoder is used."


def _missing(value: Any) -> bool:
    """Tell whether a cell of a frame holds no number."""
    try:
        return math.isnan(float(value))
    except (TypeError, ValueError):  # pandas' NA
        return True


def figure_title(ranking: Ranking) -> str:
    """Return a figure's title: the finding where the verdicts support one, else the metric."""
    name = ranking.description.label
    if ranking.best:
        return f"{name}: {shorten_middle(ranking.best, 24)} is {'better' if len(ranking.distinct) == 2 else 'best'}"
    if ranking.one_seed or len(ranking.distinct) < 2:
        return f"{name}: {ranking.metric.label}"
    if len(ranking.distinct) == 2:
        row = next((row for arch, row in ranking.versus_baseline.items() if arch not in ranking.same_as), None)
        equal = row is not None and row.verdict == "equivalent"
        return f"{name}: {'equivalent' if equal else 'no difference resolved'}"
    return f"{name}: no single best"


def seed_counts(experiment: Experiment) -> list[int]:
    """Return the different numbers of finished seeds that the tasks' primary results are of, fewest first.

    Tuned ones are among them: a run of which a trial is missing is not tuned, one of which a trial failed is.
    """
    return sorted({int(ranking.cells[arch].n) for ranking in experiment.shown_rankings for arch in ranking.order})


def seeds_in_words(counts: Iterable[int]) -> str:
    """Format numbers of seeds, of which there is one at least, such as "6 seeds" or "2 to 6 seeds"."""
    known = set(counts)
    return plural(max(known), "seed") if len(known) == 1 else f"{min(known)} to {max(known)} seeds"


def mark_of_fewer(n: int, failed: int, most: int, asked: int | None) -> str:
    """Return what stands behind a number of fewer seeds than it should be of, such as " (2 of 6)"; mostly nothing.

    Where seeds were added until settled there is no such number: the seeds of fewer than another has are " (4)".

    Args:
        n: seeds that it is of.
        failed: seeds that failed.
        most: seeds of the best-supplied number beside it.
        asked: seeds that were asked for; None where each has as many as settled it.
    """
    if asked is None:
        return f" ({n} of {n + failed})" if failed else f" ({n})" if n < most else ""
    full = max(n + failed, asked if n < most else 0)
    return f" ({n} of {full})" if n < full else ""
