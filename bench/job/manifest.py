"""What a job writes of itself into its report folder: its design before the first run, its manifest at the end.

Neither holds a result. Those are in the records that the manifest names, from which the page is made.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from archs.errors import UserError
from bench.data.dataset import DataDescription
from bench.job.plan import JobPlan
from bench.job.policies.policy import Records
from bench.job.recipe import Recipe
from bench.job.report_folder import runs_path
from bench.job.request import Request
from bench.machine.environment import COMMAND
from bench.spec.run import PROTOCOL, EvaluationSpec, RunSpec, Work, canonical_json
from bench.spec.search_space import SPACE
from bench.store import design as designs
from bench.store.content import encodable
from bench.store.design import Design
from bench.store.files import replace_file
from bench.training.schedule import warm_up_steps

SHOWN = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "digits": "scikit-learn's digits"}


def design_of(request: Request, plan: JobPlan, data: DataDescription, made: Collection[str]) -> Design:
    """Return what a job is about to do, for a page to be held to.

    Args:
        made: ids of the runs that the store holds already.
    """
    work, recipe = plan.policy.possible(), plan.recipe
    runs = [each for each in work if isinstance(each, RunSpec)]
    parts = [each for each in work if isinstance(each, EvaluationSpec)]
    return Design(
        version=designs.VERSION,
        created=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        architectures=[
            designs.PlannedArchitecture(
                one.name, one.fingerprint, list(dict.fromkeys(run.task for run in runs if run.arch == one.name))
            )
            for one in plan.candidates
        ],
        baseline=plan.baseline,
        dataset=designs.PlannedData(data.name, data.fingerprint),
        tasks=[_task(name, plan, [run for run in runs if run.task == name]) for name in plan.tasks],
        recipe=designs.PlannedRecipe(
            likelihood=recipe.likelihood,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            lr=recipe.lr,
            latent_dim=recipe.latent_dim,
            train_images=recipe.train_images,
            classification_weight=recipe.classification_weight,
            device=str(recipe.device_kind),  # msgspec writes no subclass of str
            threads=recipe.threads,
            deterministic=recipe.deterministic,
            protocol=PROTOCOL,
        ),
        tuning=_planned_tuning(plan),
        match=plan.match.by if plan.match is not None else None,
        seeds=list(range(plan.stopping.seeds)),
        evaluation=designs.PlannedEvaluation(request.evaluate, _parts(parts)),
        stopping=plan.stopping,
        limits=_limits(request),
        left_out=[designs.LeftOut(name, reason) for name, reason in plan.left_out.items()],
        runs=designs.PlannedRuns(_most_runs(plan, runs), sum(run.run_id in made for run in runs)),
    )


def _most_runs(plan: JobPlan, runs: Sequence[RunSpec]) -> int:
    """How many of these there are at most: whoever wins a race is confirmed, and it alone beside the baseline."""
    fresh = [run for run in runs if plan.stopping.kind == "race" and run.seed >= plan.stopping.seeds]
    return len(runs) - len(fresh) + min(len(fresh), 2 * (plan.stopping.confirm or 0))


def _limits(request: Request) -> designs.PlannedLimits | None:
    """How large an architecture may be; None if it doesn't matter."""
    asked = request.max_params, request.max_macs
    return None if asked == (None, None) else designs.PlannedLimits(*asked)


def _planned_tuning(plan: JobPlan) -> designs.PlannedTuning | None:
    """How each run is tuned; None if none is."""
    space = [designs.TunedSetting(**dataclasses.asdict(dimension)) for dimension in SPACE]
    return designs.PlannedTuning(1 + len(plan.trials), space) if plan.trials else None


def _task(name: str, plan: JobPlan, runs: Sequence[RunSpec]) -> designs.PlannedTask:
    """A task of the plan, of which these are the runs."""
    metric = plan.declared.primary(name)
    labels = sorted({run.labels for run in runs if run.labels is not None})
    prints = {run.task_fingerprint for run in runs}
    return designs.PlannedTask(
        name, next(iter(prints), None), metric.name, metric.higher_is_better, metric.margin, labels or None
    )


def _parts(evaluations: Sequence[EvaluationSpec]) -> list[designs.PlannedPart]:
    """Every part of the evaluation, once for each of its settings."""
    found = {canonical_json([one.part, dict(one.settings), one.protocol]): one for one in evaluations}
    return [designs.PlannedPart(one.part, dict(one.settings), one.protocol) for one in found.values()]


def is_as_designed(own: Design, kept: Design) -> bool:
    """Whether a job plans what the design of its report folder does, in whatever order and however long."""
    ours, theirs = (msgspec.to_builtins(each) for each in (own, kept))
    for each in (ours, theirs):
        for name in ("architectures", "tasks"):
            each[name] = sorted(each[name], key=canonical_json)
        for name in ("created", "runs"):  # when it was written, and what was there then
            del each[name]
        del each["stopping"]["max_minutes"]  # what it cuts short, the next job goes on with
    return bool(ours == theirs)


def describe(
    request: Request,
    plan: JobPlan,
    data: DataDescription,
    work: Sequence[Work],
    records: Records,
    folder: Path,
    circumstances: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest's content.

    Args:
        work: all that was planned, of what the report shows.
        records: those of it that have ended.
        circumstances: further entries, such as the number of workers.
    """
    runs = [spec.run_id for spec in work if isinstance(spec, RunSpec) and not plan.is_only_trial(spec)]
    evaluations = [spec.run_id for spec in work if isinstance(spec, EvaluationSpec)]
    shown = [spec for spec in work if isinstance(spec, RunSpec)]
    archs = archs_of(plan, shown)
    return {
        "title": title(archs, data.name),
        "command": shlex.join([*COMMAND.split(), *request.arguments]),
        "runs_dir": runs_path(folder, request.runs_dir),
        "run_ids": [run_id for run_id in runs if run_id in records],
        "planned": len(runs),
        "evaluate": request.evaluate,
        "evaluations": [run_id for run_id in evaluations if run_id in records],
        "evaluations_planned": len(evaluations),
        "archs": archs,
        "tasks": list(plan.tasks),
        "seeds": len({spec.seed for spec in shown}),
        "baseline": plan.baseline,
        "factors": {one.name: dict(one.factors) for one in plan.candidates if one.factors and one.name in archs},
        "illegal": [{"arch": name, "reason": reason} for name, reason in plan.illegal.items()],
        **(
            {"left_out": [{"arch": name, "reason": why} for name, why in plan.left_out.items()]}
            if plan.left_out
            else {}
        ),
        "skipped": [dict(one) for one in plan.skipped],
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": data.as_dict(),
        "schedule": schedule(plan.recipe, data, shown),
        "declared": plan.declared.as_dict(),
        **({"tuning": tuning(plan, records)} if plan.trials else {}),
        **({"match": plan.match.as_dict()} if plan.match else {}),
        **circumstances,
    }


def archs_of(plan: JobPlan, shown: Sequence[RunSpec]) -> list[str]:
    """Return what is compared, in order: all that was planned, or of a race the baseline before what is left beside it.

    Args:
        shown: the runs that the report shows.
    """
    if plan.stopping.kind != "race":
        return list(plan.archs)
    names = {run.arch for run in shown}
    return sorted((name for name in plan.archs if name in names), key=lambda name: name != plan.baseline)


def schedule(recipe: Recipe, data: DataDescription, shown: Sequence[RunSpec] = ()) -> dict[str, int]:
    """Return the number of steps of each run of whole epochs, and how many of them the learning rate rises over.

    Args:
        shown: the runs that the report shows; those of a race have epochs of their own.
    """
    images = recipe.images(data)
    epochs = {run.epochs for run in shown if run.steps is None} or {recipe.epochs}
    steps = max(epochs) * (images // min(recipe.batch_size, images))
    return {"steps": steps, "warm_up_steps": warm_up_steps(steps)}


def tuning(plan: JobPlan, records: Records) -> dict[str, Any]:
    """Return how many recipes each run was tried with, from what range, and which trials have ended, by their number.

    The first trial of a run is the run itself, which is not named again.
    """
    return {
        "trials": 1 + len(plan.trials),
        "space": [dataclasses.asdict(dimension) for dimension in SPACE],
        "run_ids": [[run.run_id for run in trial if run.run_id in records] for trial in plan.trials],
    }


def title(archs: Sequence[str], dataset: str) -> str:
    what = f"{len(archs)} architectures" if len(archs) > 4 else " vs ".join(archs)
    return f"{what} on {SHOWN[dataset]}"


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Replace manifest.json in one step.

    Raises:
        UserError: the folder can't be written to.
    """
    try:
        replace_file(folder / "manifest.json", json.dumps(encodable(content), indent=1))
    except OSError as error:
        raise UserError(
            f"report folder {folder}: {error.strerror or error}; all runs are kept: mend it, or name another with "
            "--out, and the same command goes on to its report"
        ) from error
