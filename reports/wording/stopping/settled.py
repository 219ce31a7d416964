"""Say how seeds were added until comparisons were settled, which are still open, and what these would take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.statistics.sequential.confidence import FIRST_LOOK
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.findings.settling import Settling
from reports.markup.escape import md
from reports.wording.formatting import NO_VALUE, natural_list, plural

MOST_NAMED = 3
"""Open comparisons that a sentence of the answer names."""
ENDED = {
    "settled": "settled",
    "most seeds": "most seeds reached",
    "minutes": "time used up",
    "stopped": "stopped before all was settled",
}
"""What ended the adding of seeds, as manifests have it → in words."""
IN_A_RACE = "in a race: intervals hold at any look"
HOW_TO_READ = (
    "*Settled at*: the paired seeds after which the interval, at the level that its verdict is read from, first said "
    "what it says now. *Would settle at*: where an open one comes to a verdict if the difference and its spread stay "
    "as they are; in about half of all cases it is sooner."
)


def how_added(experiment: Experiment) -> str:
    """Say behind a number of seeds that they were added, until when, and that intervals allow it; mostly empty."""
    stopping = experiment.stopping
    if stopping is None:
        return f"added {IN_A_RACE}" if experiment.anytime else ""
    until = {
        "settled": "until settled",
        "most seeds": f"until settled or {stopping['max_seeds']:,}",
        "minutes": f"until settled or {_minutes(stopping)} were over",
        "stopped": "until the job was stopped",
    }[stopping["ended"]]
    return f"added {until}: intervals hold at any look"


def about_rounds(stopping: Mapping[str, Any]) -> str:
    """Say by what rule seeds were added, and what ended it."""
    limit = f", for at most {_minutes(stopping)}" if stopping.get("max_minutes") else ""
    ended = {
        "settled": "when all were settled",
        "most seeds": "when the most seeds were reached",
        "minutes": "when the time was used up",
        "stopped": "when the job was stopped",
    }[stopping["ended"]]
    return (
        f"Seeds were added to the comparisons that were still open, from {stopping['first_seeds']:,} on and up to "
        f"{stopping['max_seeds']:,}{limit}; it ended {ended}."
    )


def as_planned(stopping: Mapping[str, Any]) -> str:
    """Return the rule and what ended it, as the line on the plan has it: "until sure, at most 30 seeds; ended: …"."""
    limit = f" or {_minutes(stopping)}" if stopping.get("max_minutes") else ""
    return f"until sure, at most {stopping['max_seeds']:,} seeds{limit}; ended: {ENDED[stopping['ended']]}"


def _minutes(stopping: Mapping[str, Any]) -> str:
    return minutes_in_words(float(stopping.get("max_minutes") or 0))


def minutes_in_words(value: float) -> str:
    """Return a number of minutes with its unit."""
    return f"{value:,g} minute{'' if value == 1 else 's'}"


def about_figure(experiment: Experiment, drawn: int, total: int) -> str:
    """Say what the figure of confidence sequences shows, and of how many comparisons where that is not all."""
    which = f" ({drawn} of {total} comparisons: open ones first, then those that took most seeds)"
    return (
        f"Dots{which if drawn < total else ''}: the mean difference from {md(experiment.baseline)} after each paired "
        "seed; the band is what its confidence sequence leaves open by then, cut where it would flatten the rest; "
        "grey: differences said not to matter; a ring: settled."
    )


def verdict_at(one: Settling) -> str:
    """Return the verdict on a comparison with the seeds that it took, such as "worse at 4 seeds"."""
    at, n = one.settled_at, int(one.row.n)
    return f"open at {plural(n, 'seed')}" if at is None else f"{one.row.verdict} at {plural(at, 'seed')}"


def would_settle_at(one: Settling) -> str:
    """Return at how many seeds an open comparison is settled if nothing changes, for a table."""
    if one.settled_at is not None or one.row.n < FIRST_LOOK or not one.row.std > 0:
        return NO_VALUE
    return "above 10,000" if pd.isna(one.row.seeds_needed) else f"about {int(one.row.seeds_needed):,}"


def to_settle(row: Any) -> str:
    """Say of an unresolved row, whose interval holds at any look, with how many seeds it is open, and what would do.

    It is a clause that follows the difference.
    """
    if row.n < FIRST_LOOK:
        return f"; fewer than {FIRST_LOOK} paired seeds: no interval, no verdict"
    text = f"; not settled with {int(row.n)} seeds"
    if not row.std > 0:
        return text
    if pd.isna(row.seeds_needed):
        return f"{text}, nor would 10,000 do if the difference and its spread stay as they are"
    return f"{text}, about {int(row.seeds_needed):,} would do if the difference and its spread stay as they are"


def what_is_open(ranking: Ranking) -> str:
    """Say which comparisons with the baseline are open, and what each would take; empty if none is.

    Those of a fixed number of seeds are left out, of which the table says enough.
    """
    rows = {arch: ranking.versus_baseline[arch] for arch in ranking.with_verdict("unresolved")}
    found = [
        f"{md(arch)} ({int(row.n)} seeds; {_would_do(row)})"
        for arch, row in rows.items()
        if row.anytime and row.n >= FIRST_LOOK and row.std > 0
    ]
    if not found:
        return ""
    return f"Not settled: {natural_list(found, MOST_NAMED)}, if differences and their spreads stay as they are."


def _would_do(row: Any) -> str:
    return "10,000 would not do" if pd.isna(row.seeds_needed) else f"about {int(row.seeds_needed):,} would do"
