"""Say what was planned of a race, and in what it is not as planned."""

from __future__ import annotations

from bench.store.design import Design
from reports.findings.deviations import Deviation
from reports.findings.racing.raced import Raced
from reports.wording.formatting import plural
from reports.wording.stopping.settled import ENDED as ENDED_IN_WORDS
from reports.wording.stopping.settled import minutes_in_words

ENDED = {
    "one left": "one left",
    "close": "no other can be better by more than the margin",
    "most seeds": ENDED_IN_WORDS["most seeds"],
    "budget": ENDED_IN_WORDS["minutes"],
    "all failed": "every run failed",
}
"""What ended a race that was not stopped, as manifests have it → in words."""


def as_planned(raced: Raced, design: Design) -> str:
    """Return the rule and what ended it, as the line on the plan has it: "a race of 9, from 3 to at most 12 seeds"."""
    limit = "" if raced.max_minutes is None else f" or {minutes_in_words(raced.max_minutes)}"
    confirm = design.stopping.confirm
    ended = ENDED.get(raced.as_written[0], raced.as_written[0])
    if raced.as_written[0] == "close" and not raced.metric.margin:
        ended = "no other can be better"
    then = f"its winner to be confirmed at {plural(confirm, 'fresh seed')}" if confirm else "without a confirmation"
    return (
        f"a race of {len(raced.candidates):,}, from {raced.first_seeds:,} to at most {raced.max_seeds:,} seeds{limit}, "
        f"{plural(raced.epochs, 'epoch')} a run, {then}; ended: {ended}"
    )


def clause(one: Deviation) -> str:
    """Return what is not as planned of a race or its confirmation."""
    found, planned = (int(value) if isinstance(value, int) else 0 for value in (one.found, one.planned))
    if one.kind == "confirmation":
        if not found:
            return f"no confirmation at {plural(planned, 'fresh seed')}"
        return f"confirmed at {plural(found, 'fresh seed')} instead of {planned:,}"
    return {
        "first seeds": f"race from {plural(found, 'seed')} on instead of {planned:,}",
        "most seeds": f"race of at most {plural(found, 'seed')} instead of {planned:,}",
        "epochs": f"race of {plural(found, 'epoch')} a run instead of {planned:,}",
    }[one.subject]
