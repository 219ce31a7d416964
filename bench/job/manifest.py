"""manifest.json of a report folder: what a job did, for its page to be made from. It holds no result.

The results are in the records that it names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import shlex
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archs.errors import UserError
from bench.data.dataset import DataDescription
from bench.job.plan import JobPlan
from bench.job.policies import Records
from bench.job.recipe import Recipe
from bench.job.report_folder import runs_path
from bench.job.request import Request
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.search_space import SPACE
from bench.training.schedule import warm_up_steps

SHOWN = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "digits": "scikit-learn's digits"}


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
        work: all that was planned.
        records: those of it that have ended.
        circumstances: further entries, such as the number of workers.
    """
    runs = [spec.run_id for spec in work if isinstance(spec, RunSpec) and not plan.is_only_trial(spec)]
    evaluations = [spec.run_id for spec in work if isinstance(spec, EvaluationSpec)]
    return {
        "title": title(plan.archs, data.name),
        "command": shlex.join(["python", "run_ablation.py", *request.arguments]),
        "runs_dir": runs_path(folder, request.runs_dir),
        "run_ids": [run_id for run_id in runs if run_id in records],
        "planned": len(runs),
        "evaluate": request.evaluate,
        "evaluations": [run_id for run_id in evaluations if run_id in records],
        "evaluations_planned": len(evaluations),
        "archs": list(plan.archs),
        "tasks": list(plan.tasks),
        "seeds": request.seeds,
        "baseline": plan.baseline,
        "factors": {candidate.name: dict(candidate.factors) for candidate in plan.candidates if candidate.factors},
        "illegal": [{"arch": name, "reason": reason} for name, reason in plan.illegal.items()],
        "skipped": [dict(one) for one in plan.skipped],
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": data.as_dict(),
        "schedule": schedule(plan.recipe, data),
        "declared": plan.declared.as_dict(),
        **({"tuning": tuning(plan, records)} if plan.trials else {}),
        **({"match": plan.match.as_dict()} if plan.match else {}),
        **circumstances,
    }


def schedule(recipe: Recipe, data: DataDescription) -> dict[str, int]:
    """Return the number of steps of each run of whole epochs, and how many of them the learning rate rises over."""
    images = recipe.images(data)
    steps = recipe.epochs * (images // min(recipe.batch_size, images))
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
    partial = folder / f".manifest-{uuid.uuid4().hex}"
    try:
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.replace(folder / "manifest.json")
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise UserError(
            f"report folder {folder}: {error.strerror or error}; all runs are kept: mend it, or name another with "
            "--out, and the same command goes on to its report"
        ) from error
