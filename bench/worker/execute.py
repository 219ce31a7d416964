"""One piece of work, from its spec to its record in the store."""

from __future__ import annotations

import dataclasses
import math
import platform
import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from archs.errors import ChangedForAll
from archs.foreign.process_state import Watch
from archs.foreign.random_states import seeded
from bench import evaluation
from bench.evaluation.basic import evaluate_basic
from bench.machine import cuda
from bench.machine.cpu import prepare_cpu
from bench.machine.determinism import deterministic
from bench.machine.environment import numerics, versions
from bench.models.streams import stream_seed
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.store.store import Record, Store
from bench.training.scores import evaluate
from bench.training.splits import split_on_device
from bench.worker.conduct import after_training
from bench.worker.dataset import dataset_of
from bench.worker.failures import check_finite, reason, traceback_of
from bench.worker.restore import arch_of, registry, restore, task_of, to_device
from bench.worker.site import Site
from bench.worker.train import (
    Beginning,
    Neighbours,
    Report,
    TrainingResult,
    raise_if_not_of_the_run,
    train_alone,
    train_group,
)
from bench.worker.weights import to_bytes


def execute_group(
    specs: Sequence[Work], site: Site, graph: bool, report: Report, neighbours: Neighbours
) -> Generator[None, None, list[Record]]:
    """Do one piece of work, or runs that differ in seed and learning rate alone, trained together if they can be.

    It yields when others could be given something to do (see `bench.training.loop.train_in_turns`), and raises what
    `bench.worker.train.train_group` does.

    Args:
        graph: whether training steps may be CUDA graphs.

    Returns:
        The records, which are in the store already.
    """
    runs = [spec for spec in specs if isinstance(spec, RunSpec)]
    if not runs:
        return [execute(spec, site, report, neighbours=neighbours) for spec in specs]
    is_deterministic = bool(runs[0].deterministic)
    assert not (is_deterministic and site.side_by_side > 1), "torch's switch is one for all that a process does"
    cuda.use_device(site.device)
    with deterministic(is_deterministic):
        if runs[0].device == "cpu":
            prepare_cpu(runs[0].threads)
        watch = Watch()
        results = yield from train_group(runs, site, graph, report, neighbours)
        records = []
        for spec, result in zip(runs, results, strict=True):
            records.append(execute(spec, site, report, result, neighbours, watch))
            yield
        return records


def stream_contexts(site: Site) -> list[AbstractContextManager[Any]]:
    """Return, for each group that may be side by side, a context in which its work goes to a CUDA stream of its own.

    They are few and used again: a library keeps a workspace for every stream that it has seen.
    """
    if site.side_by_side == 1 or not site.device.is_gpu:
        return [nullcontext() for _ in range(site.side_by_side)]
    device = torch.device(site.device)
    return [torch.cuda.stream(torch.cuda.Stream(device)) for _ in range(site.side_by_side)]


def execute(
    spec: Work,
    site: Site,
    report: Report = lambda progress: None,
    trained: TrainingResult | None = None,
    neighbours: Neighbours | None = None,
    watch: Watch | None = None,
) -> Record:
    """Do one piece of work and store its record; if it fails, the record has the error.

    Args:
        trained: what became of the training of a run, if that is done.
        neighbours: the others in this process; None: there are none.
        watch: begun before the training, if that is done: what a run changes for the whole process is its failure.

    Raises:
        OutOfMemoryWithOthers: memory was too small, and the process has other groups.
        CaptureFailed: the process can't use its GPU any more; as after an error that `cuda.is_lost` knows.
    """
    cuda.use_device(site.device)
    store, neighbours = Store(spec.store_folder(site.runs_dir)), neighbours or Neighbours()
    begun = trained.begun if trained else Beginning.now()
    environment = environment_of(site, neighbours, begun.date)
    run = spec if isinstance(spec, RunSpec) else spec.run
    if run.device == "cpu":
        prepare_cpu(run.threads)
    watch = watch or Watch()
    weights: bytes | None = None
    try:
        if isinstance(spec, RunSpec):
            with deterministic(bool(spec.deterministic)):
                record, arrays, weights = evaluate_trained(spec, site, trained or train_alone(spec, site, report))
        else:
            record, arrays = execute_evaluation(spec, site, report)
        check_finite(record)
        watch.look(f"{run.arch}, in its {run.task},")
    except BaseException as error:  # sys.exit, too
        raise_if_not_of_the_run(error, neighbours)
        why = reason(error)
        try:  # one that fails must leave the process as it was, too
            watch.look(f"{run.arch}, in its {run.task},")
        except ChangedForAll as changed:
            why = why if changed is error or isinstance(error, ChangedForAll) else f"{reason(changed)} ({why})"
        if found := traceback_of(error):
            environment |= {"traceback": found}
        failed = Record(spec.run_id, spec.content(), Status.FAILED, why, environment=environment)
        store.write(failed)
        return failed
    environment |= {"foreign_code": registry(site.plugins).foreign_code()}
    record = dataclasses.replace(record, environment={**environment, **record.environment, "ended": begun.end()})
    store.write(record, arrays, weights)
    return record


def environment_of(site: Site, neighbours: Neighbours, begun: float) -> dict[str, Any]:
    """Return what every record says of where and when its work was done; `begun` is in seconds since 1970."""
    return {
        **versions(),
        **numerics(),
        "device": site.device,
        "device_name": cuda.device_name(site.device),
        **cuda.described(site.device),
        "platform": f"{platform.system()} {platform.machine()}",
        "workers": site.workers,
        **({"beside": neighbours.count()} if site.side_by_side > 1 else {}),
        **site.provenance.entries(),
        "begun": begun,
    }


def evaluate_trained(spec: RunSpec, site: Site, result: TrainingResult) -> tuple[Record, dict[str, np.ndarray], bytes]:
    """Evaluate what was trained; return its record, the arrays that belong to it, and its weights to be stored.

    Raises what came of the training, if that is an error, and `UserError` for weights that can't be stored.
    """
    trained = result.outcome
    if isinstance(trained, BaseException):
        raise trained
    assert result.prepared is not None
    task, (model, layers, conduct, splits, metrics) = task_of(spec, site.plugins), result.prepared
    started, weights = time.perf_counter(), to_bytes(model)
    means, values = evaluate(model, task, splits["test"], spec, "test")
    metrics |= {**means, "train_seconds": trained.seconds, "train_images_per_s": trained.images / trained.seconds}
    arrays = {name: values[metric] for name, metric in task.kept.items()}
    if task.has_code:
        posteriors = (torch.from_numpy(values[name]) for name in ("mean", "log_variance"))
        with seeded(stream_seed(spec.seed, "layers/pictures"), splits["test"].images.device):
            more_metrics, more_arrays = evaluate_basic(model, splits["test"], spec, *posteriors)
        metrics, arrays = metrics | more_metrics, arrays | more_arrays
    arch = arch_of(spec, site.plugins)
    conduct = {**conduct, **after_training(model, weights, arch, task, spec, splits["test"])}
    record = Record(
        run_id=spec.run_id,
        spec=spec.content(),
        status=Status.FINISHED,
        metrics=metrics,
        history=trained.history,
        layers=layers,
        environment={
            "threads": spec.threads,
            "stack": result.stack_size,
            **({"stack_refused": result.stack_refused} if result.stack_refused else {}),
            **({"graph": trained.used_graph} if spec.device != "cpu" else {}),
            **({"graph_refused": trained.graph_refused} if trained.graph_refused else {}),
            **({"conduct": conduct} if conduct else {}),
            "test_targets": splits["test"].targets_hash,
            "evaluation_seconds": time.perf_counter() - started,
        },
    )
    return record, arrays, weights


def execute_evaluation(spec: EvaluationSpec, site: Site, report: Report) -> tuple[Record, dict[str, np.ndarray]]:
    """Do one part of the full evaluation of a finished run; return its record and the arrays that belong to it."""
    store, device = Store(site.runs_dir), torch.device(site.device)
    dataset = dataset_of(spec.run, site)
    record = store.load(spec.run.run_id)
    subject = evaluation.Subject(
        run=spec.run,
        model=to_device(restore(record, site.plugins), device),
        train=split_on_device(dataset, "train", spec.run.seed, device, spec.run.train_images),
        validation=split_on_device(dataset, "val", spec.run.seed, device),
        test=split_on_device(dataset, "test", spec.run.seed, device),
        device=device,
        settings=spec.settings,
        others=[to_device(restore(store.load(run_id), site.plugins), device) for run_id in spec.others],
        report=lambda share: report(Progress(share, 0, math.nan)),
    )
    begun = time.perf_counter()
    with torch.no_grad(), seeded(stream_seed(spec.run.seed, f"layers/{spec.part}"), device):
        metrics, arrays = evaluation.get(spec.part).run(subject)
    environment = {"evaluation_seconds": time.perf_counter() - begun}
    return Record(spec.run_id, spec.content(), Status.FINISHED, None, metrics, environment=environment), arrays
