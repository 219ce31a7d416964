"""How fast the architectures train on a task, and how that compares with the baseline.

Speeds that were measured after training are used where there are any: those were measured on one machine, in turns.
Otherwise it is what the runs noted while they trained, and the ratio comes from the paired test on logarithms. A store
may hold runs of several machines, whose speeds say nothing about the architectures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from bench.statistics.comparisons import compare_paired, holm_family, values_by_arch
from bench.store.record import Record
from reports.findings.experiment import Experiment
from reports.findings.machines import Machine, machines_by_seed, machines_of
from reports.reading.once import once


@dataclass(frozen=True)
class SpeedRatio:
    """Images/s of an architecture over the baseline's."""

    value: float
    """Above 1: the architecture is faster."""

    low: float
    """Lower end of the 95 % interval; NaN for n = 1."""

    high: float
    """Upper end of the 95 % interval; NaN for n = 1."""

    n: int
    """Seeds in common with the baseline, or rounds of a measurement after training."""

    resolved: bool
    """Whether it is faster or slower, also after correction for the number of architectures."""

    sessions: int = 0
    """How many sessions apart in time the rounds are of; 0 for what runs noted while they trained."""


def measured_apart(experiment: Experiment, task: str) -> pd.DataFrame | None:
    """Return the speeds of a training step on a task that were measured after training; None if none were.

    Its columns are those of `bench.statistics.speed_frames.speeds_frame`, indexed by architecture.
    """
    measured = experiment.measured_speeds
    timed = experiment.task_run(task)  # once, whatever the number of labels
    return measured.of(timed, "train") if measured is not None and timed in measured.tasks else None


@once
def machines_of_speeds(experiment: Experiment, task: str) -> dict[Machine, tuple[str, ...]]:
    """Return the machines of the training speeds of a task, with their architectures; empty if it is one machine.

    Speeds of several machines are compared only where an architecture and the baseline share a machine for a seed.
    """
    runs = experiment.runs_of(task)
    runs = runs[runs["status"] == "finished"]
    found = machines_of(runs) if measured_apart(experiment, task) is None else {}
    return found if len(found) > 1 else {}


def disturbed_archs(experiment: Experiment, task: str) -> frozenset[str]:
    """Return the architectures whose training speed on a task was taken while the machine had other work, too.

    Of a measurement after training it is known how much that was. Of a training it is known whether other runs of the
    job could go on beside it; what else the machine did is not.
    """
    rows = measured_apart(experiment, task)
    if rows is not None:
        return frozenset(rows.loc[rows["disturbed"], "arch"])
    trained = (record for record in experiment.finished if record.spec["task"] == task)
    return frozenset(record.spec["arch"] for record in trained if had_company(record))


def had_company(record: Record) -> bool:
    """Tell whether other runs of the job could be in flight on the run's device."""
    around = record.environment
    return bool(around.get("beside")) if record.spec["device"] != "cpu" else (around.get("workers") or 1) > 1


def training_speed(experiment: Experiment, task: str) -> dict[str, float]:
    """Return architecture → training images/s."""
    measured = measured_apart(experiment, task)
    if measured is not None:
        return dict(measured["images_per_s"])
    rows = experiment.summary
    rows = rows[(rows["task"] == task) & (rows["metric"] == "train_images_per_s")]
    return dict(zip(rows["arch"], rows["mean"], strict=True))


def training_ratios(experiment: Experiment, task: str) -> dict[str, SpeedRatio]:
    """Return architecture → its training speed over the baseline's, for those that can be compared with it."""
    rows = measured_apart(experiment, task)
    if rows is not None:
        return {
            row.arch: SpeedRatio(row.ratio, row.ratio_low, row.ratio_high, row.rounds, row.resolved, row.sessions)
            for row in rows[rows["ratio"].notna()].itertuples(index=False)
        }
    return ratios_while_training(experiment, task)


@once
def ratios_while_training(experiment: Experiment, task: str) -> dict[str, SpeedRatio]:
    """Return architecture → its speed ratio on one task, for those that share a finished seed with the baseline.

    The test is paired by seed, on logarithms of the images/s that the runs noted while they trained. A seed that the
    two were trained with on different machines is left out.
    """
    runs = experiment.runs_of(task)
    logs = {
        arch: {seed: math.log(speed) for seed, speed in speeds.items() if speed > 0}
        for arch, speeds in values_by_arch(runs, "train_images_per_s").items()
    }
    machines = machines_by_seed(runs)
    of_baseline, where = logs.pop(experiment.baseline, {}), machines.get(experiment.baseline, {})
    compared = {
        arch: compare_paired(
            {seed: value for seed, value in values.items() if machines[arch][seed] == where.get(seed)}, of_baseline
        )
        for arch, values in logs.items()
    }
    family = dict(holm_family({arch: row for arch, row in compared.items() if row.n}))
    return {
        str(arch): SpeedRatio(
            value=math.exp(row.difference),
            low=math.exp(row.low_95),
            high=math.exp(row.high_95),
            n=row.n,
            resolved=row.verdict in ("better", "worse"),
        )
        for arch, row in family.items()
    }
