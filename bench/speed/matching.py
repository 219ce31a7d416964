"""Equal compute: how many steps each architecture trains, so that its training costs what the baseline's does.

No torch: costs are counted or measured in a child process (`bench.speed.step_costs`), before anything is trained.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from archs.errors import UserError
from bench.machine.child import call_in_child
from bench.spec.defaults import FLOPS, TIME
from bench.spec.device import Device
from bench.spec.run import RunSpec
from bench.store.step_seconds import Measured, StepSeconds

IN_WORDS = {FLOPS: "equal training FLOPs", TIME: "equal training time"}

MOST_TIMES = 100
"""How many times the baseline's steps an architecture may have: more is taken for a mistake."""

MOST_OFF = 0.05
"""How far from the baseline's the cost of a training may be, which has a whole number of steps, relative to it."""

MOST_NAMED = 6
"""Architectures up to which a line on stderr names each."""

Cell = tuple[str, str, int | None]
"""(Architecture, task, number of labels)."""


class Cost(NamedTuple):
    """Of a training step; fields as those of `Share`."""

    cost: float
    ratio: float
    disturbed: bool = False


Costs = dict[str, Cost]
"""By run id."""


@dataclass(frozen=True)
class Share:
    """What an architecture gets on a task."""

    arch: str
    task: str
    labels: int | None

    cost: float
    """Of a training step, forward and backward: floating-point operations, or seconds."""

    ratio: float
    """The same over that of a training step of the baseline; of seconds, as they were measured in turns."""

    steps: int
    """Of each of its trainings."""

    disturbed: bool = False
    """Whether its steps were timed while the device had other work too."""


@dataclass(frozen=True)
class Match:
    """What was matched, and what each architecture gets."""

    by: str
    """FLOPS or TIME."""

    steps: int
    """Of the baseline's trainings, which are whole epochs."""

    steps_per_epoch: int

    shares: tuple[Share, ...]
    """None on a task that nothing but the baseline can do."""

    def applied(self, run: RunSpec) -> RunSpec:
        """Return a run with the steps that are its architecture's own; one of as many as the baseline's is as it was.

        So the baseline's runs, and those of the same network under another name, are shared with any other job.
        """
        steps = self._steps.get((run.arch, run.task, run.labels), self.steps)
        if steps == self.steps:
            return run
        return dataclasses.replace(run, steps=steps, epochs=math.ceil(steps / self.steps_per_epoch))

    @cached_property
    def _steps(self) -> Mapping[Cell, int]:
        return {(share.arch, share.task, share.labels): share.steps for share in self.shares}

    def as_dict(self) -> dict[str, Any]:
        """Return what a manifest keeps."""
        return dataclasses.asdict(self)


def match_runs(
    by: str,
    runs: Sequence[RunSpec],
    baseline: str,
    images: int,
    device: Device,
    device_name: str,
    runs_dir: str,
    plugins: Sequence[str] = (),
    without_decoder: Collection[str] = (),
) -> Match | None:
    """Find how many steps each architecture gets on each task; None if there is none but the baseline.

    Args:
        by: FLOPS or TIME.
        runs: of whole epochs, all of one recipe.
        images: that a run is trained on.
        runs_dir: the store, which keeps measured seconds.
        without_decoder: tasks that need none, where a crossing A+B is A's network: it gets the steps of A.

    Raises:
        UserError: a cost can't be known, or the steps would be too many or none; the message names the architecture.
    """
    if {run.arch for run in runs} == {baseline}:
        return None
    batch = min(runs[0].batch_size, images)
    per_epoch = images // batch
    steps = per_epoch * runs[0].epochs
    groups = _by_task(runs, baseline, by)
    known = _counted(groups, batch, plugins) if by == FLOPS else {}
    shares = []
    for group in groups:
        if by == TIME:
            alike = _alike(group, group[0].task in without_decoder)
            known = _measured(group, alike, batch, device, device_name, Path(runs_dir), plugins)
        own = [_share(run, known[run.run_id], steps, baseline, by) for run in group]
        print(_in_a_line(by, own, per_epoch), file=sys.stderr, flush=True)
        shares += own
    return Match(by, steps, per_epoch, tuple(shares))


def _by_task(runs: Sequence[RunSpec], baseline: str, by: str) -> list[list[RunSpec]]:
    """Return for each task and number of labels a run of each architecture, the baseline's first.

    One that nothing but the baseline can do is left out.
    """
    found: dict[tuple[str, int | None], list[RunSpec]] = {}
    for run in dict.fromkeys(dataclasses.replace(run, seed=0) for run in runs):
        found.setdefault((run.task, run.labels), []).append(run)
    for (task, _), group in found.items():
        group.sort(key=lambda run: run.arch != baseline)
        if group[0].arch != baseline:
            raise UserError(
                f"--match {by}: the baseline {baseline} can't do {task}, so there is nothing to match "
                f"{group[0].arch} with; name another --baseline, or leave {task} out of --tasks"
            )
    return [group for group in found.values() if len(group) > 1]


def _counted(groups: Sequence[Sequence[RunSpec]], batch: int, plugins: Sequence[str]) -> Costs:
    flops = call_in_child(flops_of_steps, [run for group in groups for run in group], batch, tuple(plugins))
    return {
        run.run_id: Cost(flops[run.run_id], flops[run.run_id] / flops[group[0].run_id])
        for group in groups
        for run in group
    }


def _alike(group: Sequence[RunSpec], without_decoder: bool) -> Mapping[str, RunSpec]:
    """Return run id → the first of the group that is the same network, mostly itself.

    Two measurements of one network would differ, and with them the steps of what a page calls one network.
    """
    from bench.statistics.networks import encoder_of  # loads pandas, which a plan needs for nothing else

    first = dict[str, RunSpec]()
    return {run.run_id: first.setdefault(encoder_of(run.arch), run) if without_decoder else run for run in group}


def _measured(
    group: Sequence[RunSpec],
    alike: Mapping[str, RunSpec],
    batch: int,
    device: Device,
    device_name: str,
    runs_dir: Path,
    plugins: Sequence[str],
) -> Costs:
    """Return the costs of a task's architectures in seconds; what has been measured before is not measured again.

    Args:
        alike: as `_alike` returns it. If all are the baseline's network one is timed all the same, for its seconds.
    """
    base = group[0]
    others = [run for run in group[1:] if alike[run.run_id] is run] or group[1:2]
    keys = {run.run_id: key_of(run, base, batch, device_name) for run in others}
    with StepSeconds(runs_dir).alone() as kept:  # two jobs that measure at once would disturb each other
        found = {run_id: kept.find(key) for run_id, key in keys.items()}
        missing = [run for run in others if found[run.run_id] is None]
        if missing:
            new = call_in_child(seconds_of_steps, [base, *missing], batch, device, tuple(plugins), listener=_say)
            for run in missing:
                kept.write(keys[run.run_id], new[run.run_id])
                found[run.run_id] = new[run.run_id]
    known: dict[str, Measured] = {run_id: one for run_id, one in found.items() if one is not None}
    first = next(iter(known.values()))
    costs = {run_id: Cost(one.seconds, one.ratio, _is_disturbed(one, device)) for run_id, one in known.items()}
    costs[base.run_id] = Cost(first.baseline_seconds, 1.0, _is_disturbed(first, device))
    return {run.run_id: costs[alike[run.run_id].run_id] for run in group}


def _is_disturbed(one: Measured, device: Device) -> bool:
    from bench.statistics.speed_frames import is_disturbed  # loads pandas

    return is_disturbed(one.conditions.get("load", {}), device.is_gpu)


def key_of(run: RunSpec, baseline: RunSpec, batch: int, device_name: str) -> dict[str, Any]:
    """Return what the time of a training step beside the baseline's depends on, as far as runs are told apart by it."""
    own, theirs = (
        [one.arch, one.arch_fingerprint, one.task, one.task_fingerprint, one.label_input] for one in (run, baseline)
    )
    names = ("likelihood", "latent_dim", "labels", "device", "threads", "deterministic", "protocol")
    shared = {name: getattr(run, name) for name in names}
    return {"run": own, "baseline": theirs, "batch": batch, "device_name": device_name, **shared}


def _share(run: RunSpec, cost: Cost, steps: int, baseline: str, by: str) -> Share:
    """Give an architecture its steps; raises UserError if no number of them will do, or if they are far too many."""
    ratio = cost.ratio
    own, what = round(steps / ratio), f"--match {by}: a training step of {run.arch} ({run.task}) costs"
    off = abs(own * ratio / steps - 1)
    if off > MOST_OFF:
        raise UserError(
            f"{what} {ratio:.3g} times what one of {baseline} does, so that no whole number of them comes nearer than "
            f"{100 * off:.0f} % to the {steps:,} of {baseline}; train for longer (--epochs), or leave {run.arch} out"
        )
    if own > MOST_TIMES * steps:
        raise UserError(
            f"{what} 1/{1 / ratio:,.0f} of what one of {baseline} does, expected at least 1/{MOST_TIMES}: it would be "
            f"trained for as many times the steps; leave {run.arch} out, or name a cheaper --baseline"
        )
    return Share(run.arch, run.task, run.labels, cost.cost, ratio, own, cost.disturbed)


def _in_a_line(by: str, shares: Sequence[Share], per_epoch: int) -> str:
    """Say what each gets: "equal training FLOPs, vae, steps (epochs): cnn2 20 (10), cnn3 51 (25.5)"."""
    task = shares[0].task if shares[0].labels is None else f"{shares[0].task} {shares[0].labels} labels"
    shown = [f"{one.arch} {one.steps:,} ({one.steps / per_epoch:.3g})" for one in shares[:MOST_NAMED]]
    if len(shares) > MOST_NAMED:
        most = max(shares, key=lambda one: one.steps)
        shown.append(f"and {len(shares) - MOST_NAMED} more; the most {most.arch} {most.steps:,}")
    return f"{IN_WORDS[by]}, {task}, steps (epochs): {', '.join(shown)}"


def flops_of_steps(runs: Sequence[RunSpec], batch: int, plugins: tuple[str, ...]) -> dict[str, float]:
    """Call the function of that name, which loads torch, in the child process."""
    from bench.speed import step_costs

    return step_costs.flops_of_steps(runs, batch, plugins)


def seconds_of_steps(
    runs: Sequence[RunSpec], batch: int, device: Device, plugins: tuple[str, ...], say: Any
) -> dict[str, Measured]:
    """Call the function of that name, which loads torch, in the child process."""
    from bench.speed import step_costs

    return step_costs.seconds_of_steps(runs, batch, device, plugins, say)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
