"""One piece of work, from its spec to its record in the store; and back from a record to the trained model."""

from __future__ import annotations

import dataclasses
import math
import platform
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import nn

from bench import evaluation
from bench.evaluation.portrait import portrait
from bench.machine import cuda, environment
from bench.machine.cpu import prepare_cpu
from bench.machine.determinism import deterministic
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.store.store import Record, Store
from bench.tasks import Task
from bench.training.cuda_graph import Broken
from bench.training.loop import Trained, to_the_end, training
from bench.training.scores import EVALUATION_BATCH, Split, evaluate
from bench.training.splits import on_device, splits_of
from bench.training.stack import obstacle
from bench.worker.dataset import dataset_of
from bench.worker.failures import check_finite, out_of_memory, reason
from bench.worker.restore import arch_of, layers_of, on, restore, task_of
from bench.worker.site import Site

Report = Callable[[Progress], None]


class Ready(NamedTuple):
    """A model about to be trained: its layer table, the data on the device, what it scores before the first step."""

    model: nn.Module
    layers: list[dict[str, Any]]
    splits: dict[str, Split]
    metrics: dict[str, float]


class Together(NamedTuple):
    """What became of a run's training; and of the stack that it was to be in, if that was `refused`.

    outcome: an error if it could not be trained at all. begun: when it was, in seconds since 1970.
    """

    outcome: Trained | Exception
    begun: float
    ready: Ready | None = None
    company: int = 1
    refused: str | None = None


class Crowded(RuntimeError):
    """Memory was too small, but not for this alone: others were in it too."""


@dataclasses.dataclass(frozen=True)
class Beside:
    """What a group knows of the others in its process. clock: seconds, shared with them. others(): their number."""

    clock: Callable[[], float] = time.perf_counter
    others: Callable[[], int] = lambda: 0


def group(
    specs: Sequence[Work], site: Site, graph: bool, report: Report, beside: Beside
) -> Generator[None, None, list[Record]]:
    """Does one piece of work, or several runs that differ in nothing but their seed, trained together if they can be.

    It yields when others could be given something to do: see `bench.training.loop.training`. Raises what makes the process
    unfit to go on: `bench.training.cuda_graph.Broken`, or an error that a GPU does not forget; and `Crowded`.
    """
    runs = [spec for spec in specs if isinstance(spec, RunSpec)]
    if not runs:
        return [execute(spec, site, report, beside=beside) for spec in specs]
    wanted = bool(runs[0].deterministic)
    assert not (wanted and site.beside > 1), "torch's switch is one for all that a process does"
    with deterministic(wanted):
        together = yield from trained_together(runs, site, graph, report, beside)
        records = []
        for spec, own in zip(runs, together, strict=True):
            records.append(execute(spec, site, report, own, beside))
            yield
        return records


def stream_contexts(site: Site) -> list[AbstractContextManager[Any]]:
    """For each group that may be side by side, a context in which its work goes to a stream of its own.

    They are few and used again: a library keeps a workspace for every stream that it has seen.
    """
    if site.beside == 1 or not site.device.is_gpu:
        return [nullcontext() for _ in range(site.beside)]
    device = torch.device(site.device)
    return [torch.cuda.stream(torch.cuda.Stream(device)) for _ in range(site.beside)]


def trained_together(
    specs: Sequence[RunSpec], site: Site, graph: bool, report: Report, beside: Beside
) -> Generator[None, None, list[Together]]:
    """One for each. Whatever stops a stack is the reason that it was refused: each is then trained alone. A stack that
    memory is too small for is halved."""
    if specs[0].device == "cpu":
        prepare_cpu(specs[0].threads)
    members, models, begun = list[Ready](), list[nn.Module](), time.time()
    parts = [[spec] for spec in specs]
    try:
        task, members = task_of(specs[0], site.plugins), [prepare(specs[0], site)]
        splits = members[0].splits
        members += [prepare(spec, site, splits) for spec in specs[1:]]
        models = [member.model for member in members]
        refused = obstacle(models, task, specs[0]) if len(specs) > 1 else None
        if refused is None:
            data = splits["train"], splits["val"]
            outcomes = yield from training(models, task, specs, *data, report, graph, beside.clock)
            pairs = zip(members, outcomes, strict=True)
            return [Together(outcome, begun, member, len(specs)) for member, outcome in pairs]
    except Exception as error:
        if isinstance(error, Broken) or cuda.is_lost(error):
            raise
        if out_of_memory(error) and beside.others():
            raise Crowded(str(error)) from error
        if len(specs) == 1:
            return [Together(error, begun)]
        if out_of_memory(error):
            half = len(specs) // 2
            parts = [list(specs[:half]), list(specs[half:])]
        refused = reason(error)
    del members, models  # before they are built again
    found: list[Together] = []
    for part in parts:
        found += yield from trained_together(part, site, graph, report, beside)
    return [own._replace(refused=own.refused or refused) for own in found]


def execute(
    spec: Work,
    site: Site,
    report: Report = lambda progress: None,
    own: Together | None = None,
    beside: Beside | None = None,
) -> Record:
    """Does one piece of work and stores its record. What fails becomes a record with its error; it does not raise, but
    for what makes the process unfit to go on, and `Crowded`.

    own: what became of the training of a run, if that is done. beside: the others in this process; None: there are
    none.
    """
    cuda.use_device(site.device)
    store, beside = Store(spec.store_folder(site.runs_dir)), beside or Beside()
    begun = own.begun if own else time.time()
    base: dict[str, Any] = {
        **environment.versions(), "device": site.device, "device_name": cuda.device_name(site.device),
        **cuda.described(site.device),
        "platform": f"{platform.system()} {platform.machine()}", "workers": site.workers,
        **({"beside": beside.others()} if site.beside > 1 else {}),
        "commit": site.commit, "dirty": site.dirty, "begun": begun,
    }  # fmt: skip
    weights: bytes | None = None
    try:
        if isinstance(spec, RunSpec):
            with deterministic(bool(spec.deterministic)):
                record, arrays, model = run(spec, site, own or alone(spec, site, report))
            state = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
            weights = safetensors.torch.save(state)
        else:
            record, arrays = evaluate_run(spec, site, report)
        check_finite(record)
    except Exception as error:
        if isinstance(error, Broken) or cuda.is_lost(error):
            raise
        if out_of_memory(error) and beside.others():
            raise Crowded(str(error)) from error
        failed = Record(spec.run_id, spec.content(), Status.FAILED, reason(error), environment=base)
        store.write(failed)
        return failed
    record = dataclasses.replace(record, environment={**base, **record.environment, "ended": time.time()})
    store.write(record, arrays, weights)
    return record


def prepare(spec: RunSpec, site: Site, splits: dict[str, Split] | None = None) -> Ready:
    """splits: the data on the device, if they are there already."""
    arch, task = arch_of(spec, site.plugins), task_of(spec, site.plugins)
    device = torch.device(site.device)
    dataset = dataset_of(spec, site)
    model = task.build(arch, spec.latent_dim, spec.seed)
    layers = layers_of(model, task)
    model = on(device, model)
    if splits is None:
        splits = splits_of(dataset, spec, device)
        if device.type == "cuda":  # the next to use them may be on another stream
            torch.cuda.current_stream(device).synchronize()
    return Ready(model, layers, splits, untrained(model, task, splits["val"], spec))


def alone(spec: RunSpec, site: Site, report: Report) -> Together:
    """Trains one run by itself, from beginning to end."""
    (own,) = to_the_end(trained_together([spec], site, site.graph, report, Beside()))
    return own


def run(spec: RunSpec, site: Site, own: Together) -> tuple[Record, dict[str, np.ndarray], nn.Module]:
    """Evaluates what was trained. Raises what came of it, if that is an error."""
    trained = own.outcome
    if isinstance(trained, Exception):
        raise trained
    assert own.ready is not None
    task, (model, layers, splits, metrics) = task_of(spec, site.plugins), own.ready
    ended = time.perf_counter()
    scores, values = evaluate(model, task, splits["test"], spec, "test")
    metrics |= {**scores, "train_seconds": trained.seconds, "train_images_per_s": trained.images / trained.seconds}
    arrays = {name: values[metric] for name, metric in task.kept.items()}
    if task.has_code:
        code = (torch.from_numpy(values[name]) for name in ("mean", "log_variance"))
        more, drawn = portrait(model, splits["test"], spec, *code)
        metrics, arrays = metrics | more, arrays | drawn
    record = Record(
        run_id=spec.run_id,
        spec=spec.content(),
        status=Status.FINISHED,
        metrics=metrics,
        history=trained.history,
        layers=layers,
        environment={
            "threads": spec.threads,
            "stack": own.company,
            **({"stack_refused": own.refused} if own.refused else {}),
            **({"graph": trained.recorded} if spec.device != "cpu" else {}),
            **({"graph_refused": trained.refused} if trained.refused else {}),
            "test_targets": splits["test"].targets_hash,
            "evaluation_seconds": time.perf_counter() - ended,
        },
    )
    return record, arrays, model


def untrained(model: nn.Module, task: Task, validation: Split, spec: RunSpec) -> dict[str, float]:
    """What a model with an ELBO scores before its first step, on one batch: near −784 ln 2, or something is wrong."""
    if task.bounds is None:
        return {}
    few = Split(validation.images[:EVALUATION_BATCH], validation.labels[:EVALUATION_BATCH])
    return {"untrained_elbo": evaluate(model, task, few, spec, "validation")[0]["elbo"]}


def evaluate_run(spec: EvaluationSpec, site: Site, report: Report) -> tuple[Record, dict[str, np.ndarray]]:
    """One part of the full evaluation of a finished run."""
    if spec.run.device == "cpu":
        prepare_cpu(spec.run.threads)
    store, device = Store(site.runs_dir), torch.device(site.device)
    dataset = dataset_of(spec.run, site)
    record = store.load(spec.run.run_id)
    subject = evaluation.Subject(
        run=spec.run,
        model=on(device, restore(record, site.plugins)),
        train=on_device(dataset, "train", device, spec.run.train_images),
        test=on_device(dataset, "test", device),
        device=device,
        test_elbo=record.arrays().get("test_elbo"),
        settings=spec.settings,
        others=[on(device, restore(store.load(run_id), site.plugins)) for run_id in spec.others],
        report=lambda share: report(Progress(share, 0, math.nan)),
    )
    begun = time.perf_counter()
    with torch.no_grad():
        metrics, arrays = evaluation.get(spec.part).run(subject)
    environment = {"evaluation_seconds": time.perf_counter() - begun}
    return Record(spec.run_id, spec.content(), Status.FINISHED, None, metrics, environment=environment), arrays
