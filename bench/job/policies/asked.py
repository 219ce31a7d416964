"""Which policy a command asks for, and what the runs of a job have to be for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archs.base import Arch
from archs.errors import UserError
from bench.job.policies.fixed import EachOnce
from bench.job.policies.policy import Policy
from bench.job.policies.race import Racing
from bench.job.policies.until_sure import UntilSure
from bench.job.request import Request
from bench.spec.declared import Declared
from bench.spec.output.counts import plural
from bench.spec.run import EvaluationSpec, RunSpec
from bench.store.design import Stopping
from bench.tasks import Task

MOST_RUNS = 10_000
"""That a job plans unless --yes says that more are meant: at a second each on two cores, an hour and a half."""


def stopping_of(request: Request, epochs: int) -> Stopping:
    """Return when there are enough seeds, for a job whose recipe has these epochs."""
    if request.race:
        return Stopping(
            "race",
            request.max_seeds,
            first_seeds=request.seeds,
            max_minutes=request.max_minutes,
            race_epochs=request.race_epochs or epochs,
            confirm=request.confirm,
        )
    if request.until_sure:
        return Stopping("until sure", request.max_seeds, first_seeds=request.seeds, max_minutes=request.max_minutes)
    return Stopping("fixed", request.seeds)


def seeds_of(stopping: Stopping) -> int:
    """Return how many seeds there may be in all, those of a confirmation after the others."""
    return stopping.seeds + (stopping.confirm or 0)


def parts_of(runs: Sequence[RunSpec], stopping: Stopping) -> Parts:
    """Tell apart what is raced, for as long as that takes, from what is reported."""
    if stopping.kind != "race":
        return Parts((), tuple(runs))
    raced = [run for run in runs if run.seed < stopping.seeds]
    return Parts(
        tuple(replace(run, epochs=stopping.race_epochs or run.epochs) for run in raced),
        tuple(run for run in runs if run.seed >= stopping.seeds),
    )


@dataclass(frozen=True)
class Parts:
    """The runs of a job."""

    raced: tuple[RunSpec, ...]
    """Those by which a winner is found."""

    reported: tuple[RunSpec, ...]
    """The others, with their evaluations."""

    @property
    def all(self) -> tuple[RunSpec, ...]:
        return (*self.raced, *self.reported)


def policy_of(
    stopping: Stopping,
    parts: Parts,
    trials: Sequence[RunSpec],
    evaluations: Sequence[EvaluationSpec],
    baseline: str,
    declared: Declared,
    stack: int,
) -> Policy:
    """Return what decides which of these are run, and when.

    Args:
        stack: seeds that are trained together, at most.
    """
    if stopping.first_seeds is None:
        return EachOnce((*dict.fromkeys([*parts.reported, *trials]), *evaluations))
    at_once = min(stack, stopping.first_seeds)
    if stopping.kind == "race":
        return Racing(
            runs=parts.raced,
            confirmations=parts.reported,
            evaluations=tuple(evaluations),
            baseline=baseline,
            declared=declared,
            first_seeds=stopping.first_seeds,
            max_seeds=stopping.seeds,
            seeds_at_once=at_once,
        )
    return UntilSure(
        runs=parts.reported,
        trials=tuple(trials),
        evaluations=tuple(evaluations),
        baseline=baseline,
        declared=declared,
        first_seeds=stopping.first_seeds,
        max_seeds=stopping.seeds,
        seeds_at_once=at_once,
    )


def check_count(archs: Sequence[str], request: Request) -> None:
    """Raise `UserError` if there is nothing to compare, and that is asked for."""
    if (option := _option(request)) and len(archs) == 1:
        what = "verdict to reach" if request.until_sure else "race"
        raise UserError(
            f"{option}: {archs[0]} is the only architecture, so there is no {what}; name another in --archs, or leave "
            f"{option} out"
        )


def check_size(archs: Sequence[Arch], wanted: Sequence[Task], request: Request) -> None:
    """Raise `UserError` for a plan so large that it is hardly meant, unless that was said."""
    able = sum(arch.decoder is not None or not task.needs_decoder for arch in archs for task in wanted)
    labels = sum(
        len(request.labels) - 1
        for arch in archs
        for task in wanted
        if task.needs_labels and (arch.decoder is not None or not task.needs_decoder)
    )
    seeds = seeds_of(stopping_of(request, 1))
    planned = (able + labels) * seeds * (request.tune or 1)
    if planned <= MOST_RUNS or request.yes:
        return
    most = "up to " if _option(request) else ""
    recipes = f", {plural(request.tune, 'recipe')} each" if request.tune else ""
    raise UserError(
        f"{most}{planned:,} runs are planned ({plural(len(archs), 'architecture')}, {plural(len(wanted), 'task')}, "
        f"{plural(seeds, 'seed')}{recipes}), more than {MOST_RUNS:,}; ask for fewer, or add --yes if they are meant"
    )


def check_comparable(runs: Sequence[RunSpec], baseline: str, declared: Declared, request: Request) -> None:
    """Raise `UserError` if what is asked for can't be compared, or is not one result where a race needs that."""
    if (option := _option(request)) is None:
        return
    able: dict[str, set[str]] = {}
    for run in runs:
        able.setdefault(run.task, set()).add(run.arch)
    if not any(baseline in archs and len(archs) > 1 for archs in able.values()):
        what = "verdict to reach" if request.until_sure else "race"
        raise UserError(
            f"{option}: no other architecture has a task in common with the baseline {baseline}, so there is no "
            f"{what}; name another in --archs, or leave {option} out"
        )
    if not request.race:
        return
    labels = sorted({run.labels for run in runs if run.labels is not None})
    if len(labels) > 1:
        raise UserError(
            f"--race finds the best by one result, but {len(labels)} numbers of labels are asked for "
            f"({', '.join(map(str, labels))}); name one: --labels {labels[0]}"
        )
    metric = declared.primary(runs[0].task)
    if metric.higher_is_better is None:
        raise UserError(
            f"--race: {metric.label}, by which {runs[0].task} is judged, is neither better nor worse; name another task"
        )


def _option(request: Request) -> str | None:
    """Return the option by which seeds are added; None if their number is fixed."""
    return "--race" if request.race else "--until-sure" if request.until_sure else None
