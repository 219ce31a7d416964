"""What is asked of a finished run beyond the metrics of its training: a file per part in `parts/`, found by its name.

A part is planned, run and stored like a run: it has an identity (`bench.spec.run.EvaluationSpec`), a record of its own
beside the run's, and if it fails the run stays finished. So `--evaluate full` after a basic job trains nothing again,
and another `--iwae-samples` computes that part alone.

May import: spec, models, training.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archs.errors import UserError, nearest
from bench.spec.declared import built_in
from bench.spec.defaults import DEFAULT_IWAE_SAMPLES, DEFAULT_LABELS
from bench.spec.run import EvaluationSpec, RunSpec
from bench.spec.task import TaskDescription

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from bench.training.splits import Split

LEVELS = ("basic", "full", "few-labels")
"""Values of `--evaluate`, the default first; each is what the one before it is, and more."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What is asked of the evaluations of a job."""

    level: str = LEVELS[0]
    """One of `LEVELS`."""

    iwae_samples: int = DEFAULT_IWAE_SAMPLES
    """Samples of the importance-weighted bound."""

    iwae_images: int | None = None
    """Test images that it is computed on; None: all."""

    labels: tuple[int, ...] = (DEFAULT_LABELS,)
    """Numbers of labelled training images, of those parts that know few."""


@dataclass(frozen=True)
class Subject:
    """A trained run, and what a part needs to evaluate it. Gradients are off."""

    run: RunSpec
    """Its specification."""

    model: Any
    """In eval mode, on the device."""

    train: Split
    """The images that it was trained on."""

    validation: Split
    """The images that its seed held out."""

    test: Split
    """All test images."""

    device: torch.device
    """Where models and images are."""

    settings: Mapping[str, Any]
    """What `Part.settings` chose."""

    others: Sequence[nn.Module]
    """The models of the runs that `Part.others` named, in eval mode, on the device."""

    report: Callable[[float], None]
    """Takes the share that is done, 0 to 1."""


class Images(NamedTuple):
    """How many there are of each split."""

    train: int
    validation: int
    test: int


class Cost(NamedTuple):
    """What a part takes, roughly, for the time that is left to be told before it was ever done here."""

    encoded: float = 0.0
    """Images that go through the encoder, each as often as it does."""

    decoded: float = 0.0
    """The same of the decoder."""

    seconds: float = 0.0
    """Of one core, for what no network of the job does."""


@dataclass(frozen=True)
class Part:
    """A part of the full evaluation, for the tasks that name it (`bench.spec.task.TaskDescription.evaluations`)."""

    name: str
    """That of its file."""

    summary: str
    """What it is called in messages."""

    run: Callable[[Subject], tuple[dict[str, float], dict[str, np.ndarray]]]
    """run(subject): metrics and arrays, by their names."""

    settings: Callable[[EvaluationRequest], Sequence[Mapping[str, Any]]] = lambda request: ({},)
    """settings(request): what the part depends on, of what is asked; it is computed once for each of these."""

    others: Callable[[RunSpec, Sequence[RunSpec], str], tuple[str, ...] | None] = lambda run, runs, baseline: ()
    """others(run, runs of the job, baseline): the ids of the other runs that it reads; None if the job has none such,
    and the part can't be computed."""

    cost: Callable[[Mapping[str, Any], Images], Cost] = lambda settings, images: Cost(images.test, images.test)
    """cost(one of its settings, images of the run's data)."""

    protocol: int = 1
    """To be raised when the part's own code changes what it computes: old records are no longer taken then."""

    level: str = "full"
    """The first of `LEVELS` that it belongs to."""


def names() -> list[str]:
    """Return the names of all parts, sorted."""
    found = (path.stem for path in (Path(__file__).parent / "parts").glob("*.py"))
    return sorted(name for name in found if not name.startswith("_"))


def get(name: str) -> Part:
    """Return the part of that name."""
    return importlib.import_module(f"bench.evaluation.parts.{name}").PART


def plan(
    runs: Sequence[RunSpec],
    request: EvaluationRequest,
    baseline: str,
    tasks: Mapping[str, TaskDescription] | None = None,
) -> tuple[list[EvaluationSpec], list[str]]:
    """Return the evaluations of `runs`, and a sentence for each that can't be computed in this job.

    Args:
        baseline: the name of the architecture that others are compared with.
        tasks: by their names; default: the built-in ones.

    Raises:
        UserError: a task names a part that does not exist.
    """
    tasks = built_in().tasks if tasks is None else tasks
    for task in tasks.values():
        for name in task.evaluations:
            if name not in names():
                raise UserError(f"task {task.name}: unknown evaluation {name!r}{nearest(name, names())}")
    found: list[EvaluationSpec] = []
    lacking: dict[str, None] = {}
    asked = LEVELS.index(request.level)
    parts = [part for part in map(get, names()) if LEVELS.index(part.level) <= asked] if asked else []
    for run in runs:
        for part in parts:
            if part.name in tasks[run.task].evaluations:
                others = part.others(run, runs, baseline)
                if others is None:
                    lacking[f"{part.summary}: no run of this job gives what it needs"] = None
                    continue
                for settings in part.settings(request):
                    found.append(EvaluationSpec(run, part.name, settings, others, part.protocol))
    return found, list(lacking)
