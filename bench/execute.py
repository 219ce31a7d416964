"""One piece of work, from its spec to its record in the store; and back from a record to the trained model."""

from __future__ import annotations

import dataclasses
import functools
import math
import platform
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from archs.base import Arch
from archs.errors import UserError
from archs.fingerprint import fingerprint
from archs.layers import layer_table
from archs.registry import discover
from bench import environment, evaluation
from bench.cpu import compute_with
from bench.determinism import deterministic
from bench.evaluation.portrait import portrait
from bench.failures import check_finite, reason
from bench.site import Progress, Site
from bench.spec import EvaluationSpec, RunSpec, Work
from bench.splits import dataset_of, on_device, splits_of
from bench.stacked import obstacle
from bench.store import Damaged, Record, Store
from bench.tasks import Task, get
from bench.train import EVALUATION_BATCH, Diverged, Split, Trained, evaluate, train, train_seeds

Report = Callable[[Progress], None]


class Ready(NamedTuple):
    """A model about to be trained: its layer table, the data on the device, and what it scores before the first step."""

    model: nn.Module
    layers: list[dict[str, Any]]
    splits: dict[str, Split]
    metrics: dict[str, float]


class Together(NamedTuple):
    """What became of a run in a stack; or, where the stack was `refused`, why it is trained alone."""

    ready: Ready | None = None
    outcome: Trained | Diverged | None = None
    company: int = 1
    refused: str | None = None


def execute_all(specs: Sequence[Work], site: Site, report: Report = lambda progress: None) -> list[Record]:
    """Does one piece of work, or several runs that differ in nothing but their seed, trained together if they can be."""
    runs = [spec for spec in specs if isinstance(spec, RunSpec)]
    together = trained_together(runs, site, report) if len(runs) > 1 else [Together()] * len(specs)
    return [execute(spec, site, report, own) for spec, own in zip(specs, together, strict=True)]


def trained_together(specs: Sequence[RunSpec], site: Site, report: Report) -> list[Together]:
    """One for each. Whatever stops the stack, memory too, is the reason that it was refused: each is then run alone."""
    if specs[0].device == "cpu":
        compute_with(specs[0].threads)
    task = get(specs[0].task)
    try:
        members = [prepare(specs[0], site)]
        splits = members[0].splits
        members += [prepare(spec, site, splits) for spec in specs[1:]]
        models = [member.model for member in members]
        refused = obstacle(models, task, specs[0])
        if refused is None:
            outcomes = train_seeds(models, task, specs, splits["train"], splits["val"], report, site.graph)
            pairs = zip(members, outcomes, strict=True)
            return [Together(member, outcome, len(specs)) for member, outcome in pairs]
    except Exception as error:
        refused = reason(error)
    return [Together(refused=refused)] * len(specs)


def execute(spec: Work, site: Site, report: Report = lambda progress: None, own: Together | None = None) -> Record:
    """Does one piece of work and stores its record. What fails becomes a record with its error; it does not raise."""
    store = Store(spec.store_folder(site.runs_dir))
    begun = time.time()
    base: dict[str, Any] = {
        **environment.versions(), "device": site.device, "device_name": device_name(site.device),
        "platform": f"{platform.system()} {platform.machine()}", "workers": site.workers,
        "commit": site.commit, "dirty": site.dirty, "begun": begun,
    }  # fmt: skip
    weights: bytes | None = None
    try:
        if isinstance(spec, RunSpec):
            with deterministic(bool(spec.deterministic)):
                record, arrays, model = run(spec, site, report, own or Together())
            state = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
            weights = safetensors.torch.save(state)
        else:
            record, arrays = evaluate_run(spec, site, report)
        check_finite(record)
    except Exception as error:
        failed = Record(spec.run_id, spec.content(), "failed", reason(error), environment=base)
        store.write(failed)
        return failed
    record = dataclasses.replace(record, environment={**base, **record.environment, "ended": time.time()})
    store.write(record, arrays, weights)
    return record


def prepare(spec: RunSpec, site: Site, splits: dict[str, Split] | None = None) -> Ready:
    """splits: the data on the device, if they are there already."""
    arch, task = arch_of(spec, site.plugins), get(spec.task)
    device = torch.device(site.device)
    dataset = dataset_of(spec, site)
    model = task.build(arch, spec.latent_dim, spec.seed)
    layers = layers_of(model, task)
    model = model.to(device).to(memory_format=torch.channels_last)
    if splits is None:
        splits = splits_of(dataset, spec, device)
    return Ready(model, layers, splits, untrained(model, task, splits["val"], spec))


def run(
    spec: RunSpec, site: Site, report: Report, together: Together
) -> tuple[Record, dict[str, np.ndarray], nn.Module]:
    """Trains unless that was done in company, evaluates. Raises `Diverged` if that is what came of it."""
    if spec.device == "cpu":
        compute_with(spec.threads)
    task = get(spec.task)
    model, layers, splits, metrics = together.ready or prepare(spec, site)
    trained = together.outcome or train(model, task, spec, splits["train"], splits["val"], report, site.graph)
    if isinstance(trained, Diverged):
        raise trained
    ended = time.perf_counter()
    scores, values = evaluate(model, task, splits["test"], spec, "test")
    metrics |= {**scores, "train_seconds": trained.seconds, "train_images_per_s": trained.images / trained.seconds}
    arrays = {name: values[metric] for name, metric in task.kept.items()}
    if task.has_code:
        code = (torch.from_numpy(values[name]).to(site.device) for name in ("mean", "log_variance"))
        more, drawn = portrait(model, splits["test"], spec, *code)
        metrics, arrays = metrics | more, arrays | drawn
    record = Record(
        run_id=spec.run_id,
        spec=spec.content(),
        status="finished",
        metrics=metrics,
        history=trained.history,
        layers=layers,
        environment={
            "threads": spec.threads,
            "stack": together.company,
            **({"stack_refused": together.refused} if together.refused else {}),
            "test_targets": splits["test"].targets_hash,
            "evaluation_seconds": time.perf_counter() - ended,
        },
    )
    return record, arrays, model


def untrained(model: nn.Module, task: Task, validation: Split, spec: RunSpec) -> dict[str, float]:
    """What a latent model scores before its first step, on one batch: near −784 ln 2, or something is wrong with it."""
    if not task.has_code:
        return {}
    few = Split(validation.images[:EVALUATION_BATCH], validation.labels[:EVALUATION_BATCH])
    return {"untrained_elbo": evaluate(model, task, few, spec, "validation")[0]["elbo"]}


def evaluate_run(spec: EvaluationSpec, site: Site, report: Report) -> tuple[Record, dict[str, np.ndarray]]:
    """One part of the full evaluation of a finished run."""
    if spec.run.device == "cpu":
        compute_with(spec.run.threads)
    store, device = Store(site.runs_dir), torch.device(site.device)
    dataset = dataset_of(spec.run, site)
    record = store.load(spec.run.run_id)
    subject = evaluation.Subject(
        run=spec.run,
        model=restore(record, site.plugins).to(device),
        train=on_device(dataset, "train", device, spec.run.train_images),
        test=on_device(dataset, "test", device),
        device=device,
        test_elbo=record.arrays().get("test_elbo"),
        settings=spec.settings,
        others=[restore(store.load(run_id), site.plugins).to(device) for run_id in spec.others],
        report=lambda share: report(Progress(share, 0, math.nan)),
    )
    begun = time.perf_counter()
    with torch.no_grad():
        metrics, arrays = evaluation.get(spec.part).run(subject)
    environment = {"evaluation_seconds": time.perf_counter() - begun}
    return Record(spec.run_id, spec.content(), "finished", None, metrics, environment=environment), arrays


def arch_of(spec: RunSpec, plugins: Sequence[str]) -> Arch:
    arch, found = defined(spec.arch, tuple(plugins))
    if found != spec.arch_fingerprint:
        raise RuntimeError(
            f"the definition of {spec.arch} is not the one that run {spec.run_id} is of: it was edited since"
        )
    return arch


@functools.cache
def defined(name: str, plugins: tuple[str, ...]) -> tuple[Arch, str]:
    """An architecture as this process knows it, and its fingerprint."""
    (arch,) = registry(plugins).resolve([name]).archs
    return arch, fingerprint(arch)


registry = functools.cache(discover)


def layers_of(model: nn.Module, task: Task) -> list[dict[str, Any]]:
    """The layer table of the whole model, traced with one blank image."""
    x, labels = torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.long)
    return [dataclasses.asdict(row) for row in layer_table(model, lambda: model(x, labels))]


def device_name(device: str) -> str:
    return torch.cuda.get_device_name(torch.device(device)) if device.startswith("cuda") else environment.processor()


def restore(record: Record, plugins: Sequence[str] = ()) -> nn.Module:
    """The trained model of `record`; see `bench.load_model`."""
    if record.status != "finished" or record.folder is None:
        raise UserError(f"run {record.run_id} has no weights: it failed ({record.error})")
    spec = RunSpec(**record.spec)
    try:
        arch = arch_of(spec, plugins)
    except RuntimeError as error:
        raise UserError(str(error)) from error
    model = get(spec.task).build(arch, spec.latent_dim, spec.seed)
    try:
        model.load_state_dict(safetensors.torch.load(record.read("model.safetensors") or b""))
    except (SafetensorError, RuntimeError) as error:
        raise Damaged(
            f"run {record.run_id}: model.safetensors holds no weights of {spec.arch} ({reason(error)})"
        ) from error
    return model.eval()
