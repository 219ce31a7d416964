"""What is asked of a finished run beyond the metrics of its training: a file per part in `parts/`, found by its name.

A part is planned, run and stored like a run: it has an identity (`bench.spec.run.EvaluationSpec`), a record of its own beside
the run's, and if it fails the run stays finished. So `--evaluate full` after a basic job trains nothing again, and another
`--iwae-samples` computes that part alone.

May import: spec, models, training.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError, nearest
from bench.spec.declared import built_in
from bench.spec.defaults import DEFAULT_IWAE_SAMPLES
from bench.spec.run import EvaluationSpec, RunSpec
from bench.spec.task import TaskDescription

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from bench.training.scores import Split

LEVELS = ("basic", "full")


@dataclass(frozen=True)
class EvaluationRequest:
    """What is asked of the evaluations of a job."""

    level: str = LEVELS[0]
    """One of `LEVELS`."""

    iwae_samples: int = DEFAULT_IWAE_SAMPLES
    """Samples of the importance-weighted bound."""

    iwae_images: int | None = None
    """Test images that it is computed on; None: all."""


@dataclass(frozen=True)
class Subject:
    """A trained run and what may be asked of it. Models are in eval mode, on the device; gradients are off.

    test_elbo: the run's recorded one-sample ELBO per test image, float32 [N]. others: the models that it `needs`.
    report: takes the share done, 0 to 1.
    """

    run: RunSpec
    model: Any
    train: Split
    test: Split
    device: torch.device
    test_elbo: np.ndarray | None
    settings: Mapping[str, Any]
    others: Sequence[nn.Module]
    report: Callable[[float], None]


@dataclass(frozen=True)
class Part:
    """It applies to the runs of tasks that name it (`bench.spec.task.TaskDescription.evaluations`).

    settings: what it depends on, of what is asked.
    others: the ids of the other runs that it reads, or None if the job has none such: then it can't be computed.
    run: subject → (metrics, arrays).
    """

    name: str
    summary: str
    run: Callable[[Subject], tuple[dict[str, float], dict[str, np.ndarray]]]
    settings: Callable[[EvaluationRequest], dict[str, Any]] = lambda asked: {}
    others: Callable[[RunSpec, Sequence[RunSpec], str], tuple[str, ...] | None] = lambda run, runs, baseline: ()
    protocol: int = 1


def names() -> list[str]:
    found = (path.stem for path in (Path(__file__).parent / "parts").glob("*.py"))
    return sorted(name for name in found if not name.startswith("_"))


def get(name: str) -> Part:
    return importlib.import_module(f"bench.evaluation.parts.{name}").PART


def plan(
    runs: Sequence[RunSpec],
    asked: EvaluationRequest,
    baseline: str,
    tasks: Mapping[str, TaskDescription] | None = None,
) -> tuple[list[EvaluationSpec], list[str]]:
    """The evaluations of `runs`, and a sentence for each that can't be computed in this job.

    tasks: by their names; default: the built-in ones. Raises `UserError` for a part that they name and that is none.
    """
    tasks = built_in().tasks if tasks is None else tasks
    for task in tasks.values():
        for name in task.evaluations:
            if name not in names():
                raise UserError(f"task {task.name}: unknown evaluation {name!r}{nearest(name, names())}")
    found: list[EvaluationSpec] = []
    lacking: dict[str, None] = {}
    for run in runs if asked.level == "full" else ():
        for part in map(get, names()):
            if part.name in tasks[run.task].evaluations:
                others = part.others(run, runs, baseline)
                if others is None:
                    lacking[f"{part.summary}: no run of this job gives what it needs"] = None
                else:
                    found.append(EvaluationSpec(run, part.name, part.settings(asked), others, part.protocol))
    return found, list(lacking)
