"""Say which kind of interval stands on a page, what it promises and what it assumes."""

from __future__ import annotations

from reports.findings.experiment import Experiment
from reports.markup.escape import md

SEQUENCES = "confidence sequences"
NORMALITY_NOTE = (
    "Fewer than 6 seeds: the verdicts rest on paired t intervals, that is on roughly normal differences "
    "(below 6 pairs a distribution-free sign-flip test can't reach 5 %)."
)
ANYTIME_NOTE = (
    "Verdicts are on means, and assume roughly symmetric differences, however many seeds there are. Every other "
    "interval on this page, as of a single mean, a factor or a speed, is an ordinary one for the number of seeds "
    "reached."
)
ANY_LOOK = "they hold at every number of seeds at once, so that seeds could be added in sight of them"


def interval_kind(experiment: Experiment, otherwise: str = "intervals") -> str:
    """Return what the intervals of paired differences over seeds are called.

    Args:
        otherwise: with a number of seeds that was fixed beforehand.
    """
    return SEQUENCES if experiment.anytime else otherwise


def assumption(experiment: Experiment) -> str:
    """Return what the verdicts assume; empty where there is none, or none of few seeds.

    The t intervals of six seeds and more agree with a test that assumes less. Confidence sequences have no such test.
    """
    rows = [row for ranking in experiment.shown_rankings for row in ranking.versus_baseline.values()]
    if experiment.anytime:
        return ANYTIME_NOTE if rows else ""
    return NORMALITY_NOTE if any(row.normal_assumption and row.verdict != "unresolved" for row in rows) else ""


def about_brackets(experiment: Experiment) -> str:
    """Say what the intervals in the table at the top are and claim; empty where it has none.

    Of tuned runs it has the verdicts alone.
    """
    families = [row.family for one in experiment.rankings.values() for row in one.versus_baseline.values()]
    if not families:
        return ""
    of = f"{interval_kind(experiment)} of the paired difference from {md(experiment.baseline)}, over seeds"
    of += f": {ANY_LOOK}" if experiment.anytime else ""
    if max(families) < 2:
        return f"brackets are 95 % {of}"
    each, out = ("; each is", "ever leaves") if experiment.anytime else (": each", "leaves")
    return (
        f"brackets are {of}{each} as wide as its verdict among all of its column takes (Holm's method at 5 %), and "
        f"95 % or more; with 95 % confidence none of a column {out} out a true 0 (comparisons.csv has plain 95 % ones)"
    )
