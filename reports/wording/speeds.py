"""Mark the training speeds that a reader must not take as they are, and say why."""

from __future__ import annotations

from bench.statistics.speed_frames import MOST_OTHER_WORK
from reports.findings.experiment import Experiment
from reports.findings.speed_ratios import disturbed_archs, machines_of_speeds, measured_apart
from reports.wording.machines import MEASURE_ON_ONE, SEVERAL

DISTURBED = "†"
"""Behind a speed that was taken while the machine had other work, too."""
SEVERAL_MACHINES = "‡"
"""Behind speeds that were taken on several machines."""
MEASURED_BUSY = (
    f"{DISTURBED} measured while other work took more than {100 * MOST_OTHER_WORK:.0f} % of the processors' time, or "
    "on a GPU that was shared or slowed down: for better numbers remove throughput.json and run the command again on "
    "a quiet machine."
)
TRAINED_BUSY = (
    f"{DISTURBED} noted in training, when other runs of the job could be in flight; what else the machine did is not "
    "recorded. `--throughput quick` measures by itself."
)
SEVERAL_MACHINES_NOTE = (
    f"{SEVERAL_MACHINES} of several {SEVERAL}: not compared, but for a ratio over seeds of the same. {MEASURE_ON_ONE}"
)


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
