"""The plan of a job: what will be run, where, and what can't be. Made in a process that has torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archs.errors import UserError, nearest
from archs.registry import Registry, Resolved
from bench import evaluation, tasks
from bench.data.dataset import DataDescription
from bench.evaluation import EvaluationRequest
from bench.job.policies.asked import (
    check_comparable,
    check_count,
    check_size,
    parts_of,
    policy_of,
    seeds_of,
    stopping_of,
)
from bench.job.policies.policy import Policy
from bench.job.recipe import Recipe, recipe_of
from bench.job.request import Request
from bench.job.runs import Candidate, candidates_of, inapplicable, runs_of, trials_of
from bench.job.sharing import Sharing, sharing_of
from bench.spec.declared import Declared
from bench.spec.defaults import TIME
from bench.spec.device import CPU, Device
from bench.spec.run import RunSpec, Work
from bench.spec.status import has_diverged
from bench.speed.matching import Match, match_runs
from bench.store.design import Stopping


@dataclass(frozen=True)
class JobPlan:
    """What a job compares and how, checked against the registry, the data and the devices."""

    candidates: tuple[Candidate, ...]
    """In the order of the command line."""

    illegal: Mapping[str, str]
    """Cells of a grid that can't be built → the reason."""

    left_out: Mapping[str, str]
    """Architectures over the limits on their size → the reason."""

    baseline: str
    """Name of the architecture that the others are compared with."""

    tasks: tuple[str, ...]
    """Names, in the order of the report."""

    skipped: tuple[Mapping[str, str], ...]
    """What was asked for and can't be done, each with its reason."""

    recipe: Recipe

    runs: tuple[RunSpec, ...]
    """Those with the recipe, a race's before those that confirm it; where seeds are added, all that there may be."""

    trials: tuple[tuple[RunSpec, ...], ...]
    """Of each run with the recipe those with others, [K − 1][runs]; empty unless each is tuned."""

    policy: Policy
    """What is run, and when."""

    stopping: Stopping
    """When there are enough seeds."""

    device: Device
    """Where runs are trained; the first of `devices`."""

    devices: tuple[Device, ...]
    """All that take runs."""

    device_name: str
    """What the device is sold as; empty if that can't be known here."""

    sharing: Sharing

    measurable: bool
    """Whether speeds can be measured on this machine."""

    declared: Declared
    """What the page is to say of the tasks, and of the metrics that are theirs alone."""

    match: Match | None = None
    """How many steps each architecture trains, where that is not the same for all."""

    note: str = ""
    """What is to be said before anything is trained; empty for nothing."""

    @property
    def archs(self) -> tuple[str, ...]:
        return tuple(candidate.name for candidate in self.candidates)

    @property
    def raced_for(self) -> str:
        """What tells the report of a race from others of the same runs; empty if this is none."""
        return f"race for {self.recipe.epochs} epochs" if self.stopping.kind == "race" else ""

    def is_only_trial(self, run: RunSpec) -> bool:
        """Whether a run is done for tuning alone, and not with the recipe that all runs have in common."""
        return run.run_id in self._only_trials

    def is_bad_trial(self, work: Work, error: str | None) -> bool:
        """Whether a trial has diverged: that is known of its recipe then, and no failure of the job."""
        return isinstance(work, RunSpec) and self.is_only_trial(work) and has_diverged(error)

    @cached_property
    def _only_trials(self) -> frozenset[str]:
        return frozenset(run.run_id for trial in self.trials for run in trial) - {run.run_id for run in self.runs}


def make_plan(request: Request, data: DataDescription, device: Device | None, match: Match | None = None) -> JobPlan:
    """Plan a job. Everything that can fail early, fails here.

    Args:
        data: what the runs are trained on.
        device: if the launcher has settled it; else this machine does.
        match: the steps of each architecture; None: whole epochs, the same for all.

    Raises:
        UserError: it can't be done as asked.
    """
    import torch  # here: whoever is only given a plan imports this file too

    from bench.job.devices import device_of, devices_of
    from bench.machine.cuda import device_name
    from bench.worker.label_inputs import label_inputs
    from bench.worker.sizes import Limits, within

    registry, resolved, baseline = compared(request)
    measurable = device in (None, CPU) or torch.cuda.is_available()  # not on the GPUs of other machines
    device = device or device_of(request.device)
    wanted = [tasks.get(name, registry.plugins) for name in request.tasks]
    check_size(resolved.archs, wanted, request)
    declared = tasks.declared(wanted)
    prints = {task.name: tasks.fingerprint(task.name, registry.plugins) for task in wanted}
    recipe = recipe_of(request, device, data)
    sized = within(resolved.archs, wanted, recipe.latent_dim, Limits(request.max_params, request.max_macs), baseline)
    candidates = candidates_of(sized.archs)
    told = label_inputs(sized.archs, wanted, recipe.latent_dim)
    stopping = stopping_of(request, recipe.epochs)
    runs = runs_of(candidates, wanted, seeds_of(stopping), recipe, data, prints, told)
    if not runs:
        names = ", ".join(candidate.name for candidate in candidates)
        raise UserError(f"nothing to run: {names} has no decoder; add --tasks classifier, or an architecture with one")
    check_comparable(runs, baseline, declared, request)
    runs = tuple(map(match.applied, runs)) if match else runs
    parts = parts_of(runs, stopping)
    trials = trials_of(runs, request.tune) if request.tune else ()
    asked = EvaluationRequest(request.evaluate, request.iwae_samples, request.iwae_images, request.labels)
    evaluations, lacking = evaluation.plan(parts.reported, asked, baseline, declared.tasks)
    sharing = sharing_of(request, device)
    return JobPlan(
        candidates=candidates,
        illegal=dict(resolved.illegal),
        left_out=sized.left_out,
        baseline=baseline,
        tasks=tuple(task.name for task in wanted),
        skipped=(*inapplicable(candidates, wanted), *({"reason": reason} for reason in lacking)),
        recipe=recipe,
        runs=parts.all,
        trials=trials,
        policy=policy_of(stopping, parts, by_seed(trials), evaluations, baseline, declared, sharing.stack),
        stopping=stopping,
        device=device,
        devices=devices_of(request.device, device),
        device_name=device_name(device) if measurable else "",
        sharing=sharing,
        measurable=measurable,
        declared=declared,
        match=match,
        note="\n".join(filter(None, [*(f"WARNING: {problem}; left out" for problem in resolved.broken), sized.said])),
    )


def matched(request: Request, plan: JobPlan, data: DataDescription) -> Match | None:
    """How many steps each architecture of a plan of whole epochs gets, as it was asked for.

    Raises:
        UserError: a cost can't be known.
    """
    is_here = request.launcher == "local" or request.ray_address == "local"
    if request.match == TIME and not (plan.measurable and is_here):
        raise UserError(
            "--match time: training steps are timed on the device that trains, which is not this machine's; use "
            "--match flops"
        )
    return match_runs(
        request.match,
        plan.runs,
        plan.baseline,
        plan.recipe.images(data),
        plan.device,
        plan.device_name,
        request.runs_dir,
        request.plugins,
        [name for name, task in plan.declared.tasks.items() if not task.needs_decoder],
    )


def by_seed(trials: Sequence[Sequence[RunSpec]]) -> list[RunSpec]:
    """Return all trials, seed by seed, so that a job cut short has whole seeds that are tuned."""
    return sorted((run for runs in trials for run in runs), key=lambda run: run.seed)


def check(request: Request, device: Device | None) -> None:
    """Raise `UserError` for what can be seen to be wrong before there are data."""
    from bench.job.devices import device_of

    registry, resolved, _ = compared(request)
    check_size(resolved.archs, [tasks.get(name, registry.plugins) for name in request.tasks], request)
    if device is None:
        device_of(request.device)


def compared(request: Request) -> tuple[Registry, Resolved, str]:
    """What can be had, the architectures that are asked for, and the name of the baseline among them."""
    registry = tasks.registry(request.plugins)
    resolved = registry.resolve(request.archs)
    check_count([arch.name for arch in resolved.archs], request)
    return registry, resolved, _baseline(request.baseline, registry, resolved)


def _baseline(text: str | None, registry: Registry, resolved: Resolved) -> str:
    names = [arch.name for arch in resolved.archs]
    if text is None:
        return names[0]
    wanted = registry.resolve([text]).archs
    if len(wanted) != 1 or wanted[0].name not in names:
        raise UserError(f"baseline {text!r} is not one of the architectures compared{nearest(text, names)}")
    return wanted[0].name
