"""Mark the training speeds that a reader must not take as they are, and say why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench.statistics.speed_frames import MOST_OTHER_WORK, sessions
from reports.findings.experiment import Experiment
from reports.findings.speed_ratios import SpeedRatio, disturbed_archs, machines_of_speeds, measured_apart
from reports.reading.speeds import MeasuredSpeeds
from reports.wording.formatting import natural_list, plural
from reports.wording.machines import MEASURE_ON_ONE, SEVERAL

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
"""In English, whatever the user's locale."""
DISTURBED = "†"
"""Behind a speed that was taken while the machine had other work, too, or may have had."""
SEVERAL_MACHINES = "‡"
"""Behind speeds that were taken on several machines."""
BUSY = (
    f"measured while other work took more than {100 * MOST_OTHER_WORK:.0f} % of the processors' time, or on a GPU that "
    "was shared or slowed down"
)
MEASURED_BUSY = (
    f"{DISTURBED} {BUSY}: for better numbers remove throughput.json and run the command again on a quiet machine."
)
COULD_HAVE_COMPANY = "when other runs of the job could be in flight"
TRAINED_BUSY = (
    f"{DISTURBED} noted in training, {COULD_HAVE_COMPANY}; what else the machine did is not "
    "recorded. `--throughput quick` measures by itself."
)
SEVERAL_MACHINES_NOTE = (
    f"{SEVERAL_MACHINES} of several {SEVERAL}: not compared, but for a ratio over seeds of the same. {MEASURE_ON_ONE}"
)


def basis_of(found: SpeedRatio, disturbed: bool) -> str:
    """Return in few words what the interval of a ratio is taken over: "rounds of one session".

    Args:
        found: the ratio.
        disturbed: whether one of its speeds has the mark `DISTURBED`. Noted in training, that is all that is known.
    """
    if not found.sessions:
        return f"{plural(found.n, 'seed')}, noted in training{f', {COULD_HAVE_COMPANY}' if disturbed else ''}"
    return "rounds of one session" if found.sessions == 1 else f"{found.sessions} sessions"


def about_sessions(measured: MeasuredSpeeds) -> str:
    """Say of how many sessions, and when, the intervals of measured speeds are, and what they do not cover."""
    dates = [when for each in sessions(measured.document) if (when := _when(each))]
    on = f" ({natural_list(dates, 5)})" if dates else ""
    if len(sessions(measured.document)) == 1:
        return (
            f"All intervals are over rounds of one session{on}: they do not cover how far speeds and ratios move from "
            "one hour or day to another, which on one machine has been a tenth and more. A job that trains more seeds "
            "at another hour adds a session."
        )
    return (
        f"{len(sessions(measured.document))} sessions{on}: the ratio is their geometric mean, and each interval spans "
        "those of all sessions."
    )


def _when(session: Mapping[str, Any]) -> str:
    """Return when a session began, such as "28 November 2026, 04:15 UTC"; empty if that is not known."""
    begun = session.get("environment", {}).get("begun")
    if begun is None:
        return ""
    when = datetime.fromtimestamp(begun, UTC)
    return f"{when.day} {MONTHS[when.month - 1]} {when:%Y, %H:%M} UTC"


def speed_marks(experiment: Experiment, task: str) -> dict[str, str]:
    """Return architecture → what stands behind its training speed on a task, such as " †"; mostly nothing."""
    disturbed = disturbed_archs(experiment, task)
    of_all = SEVERAL_MACHINES if machines_of_speeds(experiment, task) else ""
    marks = {arch: (DISTURBED if arch in disturbed else "") + of_all for arch in experiment.archs}
    return {arch: f" {mark}" if mark else "" for arch, mark in marks.items()}


def speed_notes(experiment: Experiment, task: str) -> list[str]:
    """Return sentences on what the marks behind the training speeds of a task mean, as Markdown."""
    notes = []
    if disturbed_archs(experiment, task):
        notes.append(TRAINED_BUSY if measured_apart(experiment, task) is None else MEASURED_BUSY)
    if machines_of_speeds(experiment, task):
        notes.append(SEVERAL_MACHINES_NOTE)
    return notes
