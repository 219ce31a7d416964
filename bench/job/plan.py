"""What a job will do, settled before anything is trained: in a process that has torch, for one that need not.

The job's own process never loads torch. So it starts sooner, imports what the report needs while torch loads elsewhere,
can fork to draw figures, and whatever torch does to a process it does not do to the one that keeps the results.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

from bench.data.known_files import KnownFiles
from bench.spec.run import EvaluationSpec, RunSpec


@dataclass(frozen=True)
class Agreed:
    """archs, tasks, baseline: names. device: "cpu" or "cuda:n", device_name what it is sold as, devices all that take
    runs.
    skipped: what was asked for and can't be done, with reasons; illegal: of a grid, cell → reason. measurable: whether
    speeds can be measured here. stack, graph, beside: as in `bench.worker.site.Site`."""

    archs: tuple[str, ...]
    tasks: tuple[str, ...]
    baseline: str
    factors: dict[str, dict[str, str]]
    illegal: dict[str, str]
    skipped: tuple[dict[str, str], ...]
    specs: tuple[RunSpec, ...]
    evaluations: tuple[EvaluationSpec, ...]
    dataset: dict[str, Any]  # Dataset.describe()
    warnings: tuple[str, ...]
    device: str
    device_name: str
    devices: tuple[str, ...]
    stack: int
    graph: bool
    beside: int
    measurable: bool


def agree(options: argparse.Namespace, device: str | None, known: KnownFiles | None = None) -> Agreed:
    """Looks at the registry, the data set (which may be downloaded now) and the devices. device: if it is settled
    already.
    known: what is known of the data set's files.

    Raises `UserError` for whatever can't be done as asked.
    """
    import torch  # here and below: whoever is only given an `Agreed` imports this file too

    from archs.registry import discover
    from bench import evaluation
    from bench.data.fetch import choose
    from bench.job import runs
    from bench.job.settings import baseline_of, device_of, devices_of, enough_labels, settings_of, together_of
    from bench.machine.cuda import device_name
    from bench.tasks import get

    registry = discover(options.plugin)
    resolved = registry.resolve(options.archs)
    baseline = baseline_of(options.baseline, registry, resolved)
    measurable = device in (None, "cpu") or torch.cuda.is_available()  # not on the GPUs of other machines
    device = device or device_of(options.device)
    dataset, warnings = choose(options.dataset, options.data_dir, known=known)
    settings = settings_of(options, device, dataset)
    tasks = [get(task) for task in options.tasks]
    if any(task.needs_labels for task in tasks):
        enough_labels(options.labels, dataset, settings.train_images)
    planned = runs.make(resolved.archs, tasks, options.seeds, settings, dataset)
    evaluations, lacking = evaluation.plan(planned.specs, options.evaluate, vars(options), baseline)
    stack, graph, beside = together_of(options, device)
    return Agreed(
        archs=tuple(arch.name for arch in resolved.archs),
        tasks=tuple(task.name for task in tasks),
        baseline=baseline,
        factors=runs.factors(resolved.archs),
        illegal=dict(resolved.illegal),
        skipped=(*planned.skipped, *({"reason": reason} for reason in lacking)),
        specs=planned.specs,
        evaluations=tuple(evaluations),
        dataset=dataset.describe(),
        warnings=tuple(warnings),
        device=device,
        device_name=device_name(device) if measurable else "",
        devices=devices_of(options.device, device),
        stack=stack,
        graph=graph,
        beside=beside,
        measurable=measurable,
    )
