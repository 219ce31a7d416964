"""From a spec, or a record, to a model: built as its architecture says now, on a device, with its layer table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from archs.base import Arch
from archs.errors import UserError
from archs.identity.fingerprint import fingerprint
from archs.identity.old_fingerprint import old_fingerprint
from archs.layers import layer_table
from bench import tasks
from bench.spec.run import RunSpec
from bench.spec.status import Status
from bench.store.record import Record
from bench.store.store import Damaged
from bench.tasks import Task
from bench.worker.failures import reason


def on(device: torch.device, model: nn.Module) -> nn.Module:
    """The model on a device, with the channels of its weights last, as its layers compute fastest."""
    return model.to(device).to(memory_format=torch.channels_last)


def arch_of(spec: RunSpec, plugins: Sequence[str]) -> Arch:
    """The architecture that `spec` is of. Raises RuntimeError if its code is not what it was then."""
    arch, found = defined(spec.arch, tuple(plugins))
    if spec.arch_fingerprint != found and spec.arch_fingerprint != old_fingerprint(arch):
        raise RuntimeError(
            f"the definition of {spec.arch} is not the one that run {spec.run_id} is of: it was edited since"
        )
    return arch


@functools.cache
def defined(name: str, plugins: tuple[str, ...]) -> tuple[Arch, str]:
    """An architecture as this process knows it, and its fingerprint."""
    (arch,) = registry(plugins).resolve([name]).archs
    return arch, fingerprint(arch)


def task_of(spec: RunSpec, plugins: Sequence[str]) -> Task:
    """The task that `spec` is of. Raises RuntimeError if a plug-in's code is not what it was then."""
    task, found = defined_task(spec.task, tuple(plugins))
    if found != spec.task_fingerprint:
        raise RuntimeError(
            f"the definition of the task {spec.task} is not the one that run {spec.run_id} is of: it was edited since"
        )
    return task


@functools.cache
def defined_task(name: str, plugins: tuple[str, ...]) -> tuple[Task, str | None]:
    """A task as this process knows it, and its fingerprint."""
    known = registry(plugins).plugins
    return tasks.get(name, known), tasks.fingerprint(name, known)


registry = functools.cache(tasks.registry)


def layers_of(model: nn.Module, task: Task) -> list[dict[str, Any]]:
    """The layer table of the whole model, traced with one blank image."""
    x, labels = torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.long)
    return [dataclasses.asdict(row) for row in layer_table(model, lambda: model(x, labels))]


def restore(record: Record, plugins: Sequence[str] = ()) -> nn.Module:
    """The trained model of `record`; see `bench.load_model`."""
    if record.status != Status.FINISHED or record.folder is None:
        raise UserError(f"run {record.run_id} has no weights: it failed ({record.error})")
    spec = RunSpec(**record.spec)
    try:
        arch, task = arch_of(spec, plugins), task_of(spec, plugins)
    except RuntimeError as error:
        raise UserError(str(error)) from error
    model = task.build(arch, spec.latent_dim, spec.seed)
    try:
        model.load_state_dict(safetensors.torch.load(record.read("model.safetensors") or b""))
    except (SafetensorError, RuntimeError) as error:
        raise Damaged(
            f"run {record.run_id}: model.safetensors holds no weights of {spec.arch} ({reason(error)})"
        ) from error
    return model.eval()
