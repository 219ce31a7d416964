"""Warn whoever would add seeds to a fixed number of them until something is resolved."""

from __future__ import annotations

from reports.findings.experiment import Experiment

WARNING = (
    "Adding seeds and looking again until something is resolved calls up to 31 % of identical pairs different "
    "(simulated, a look after every seed up to 50): `--until-sure` adds seeds with intervals that hold at any look."
)


def peeking(experiment: Experiment) -> str:
    """Return the warning where more seeds may seem to be all that is missing; empty elsewhere."""
    if experiment.anytime:
        return ""
    rows = [row for ranking in experiment.shown_rankings for row in ranking.versus_baseline.values()]
    return WARNING if any(row.verdict == "unresolved" and row.n > 1 for row in rows) else ""
