"""From a spec or a record to a model: built as its architecture says now, on a device, with its layer table."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from archs.base import Arch
from archs.errors import UserError
from archs.foreign.random_states import seeded
from archs.identity.fingerprint import fingerprint
from archs.layers import layer_table
from bench import tasks
from bench.models.label_input import ONE_HOT
from bench.models.latent import CLASSES
from bench.models.trying import copied, takes_channels_last
from bench.spec.run import PROTOCOL, RunSpec
from bench.spec.status import Status
from bench.store.record import Record
from bench.store.store import Damaged
from bench.tasks import Task
from bench.worker.label_inputs import label_input_of
from bench.worker.weights import load_into


def to_device(model: nn.Module, device: torch.device) -> nn.Module:
    """Move a model to a device, the channels of its weights last in memory, as its layers compute fastest.

    One that can't compute so, since it calls `view` after a convolution, say, keeps torch's usual layout.
    """
    model = model.to(device)
    known = getattr(model, "channels_last", None)  # a latent model's was tried when it was built
    if takes_channels_last(model) if known is None else known:
        return model.to(memory_format=torch.channels_last)
    return model.to(memory_format=torch.contiguous_format)  # again, if it was the model itself that was tried


def arch_of(spec: RunSpec, plugins: Sequence[str]) -> Arch:
    """Return the architecture that `spec` is of.

    Raises:
        RuntimeError: its code is not what it was when the run was planned.
    """
    arch, found = arch_and_fingerprint(spec.arch, tuple(plugins))
    if spec.arch_fingerprint != found:
        how = "" if spec.protocol == PROTOCOL else f", or fingerprints were others under protocol {spec.protocol}"
        raise RuntimeError(
            f"the definition of {spec.arch} is not the one that run {spec.run_id} is of: it was edited since{how}"
        )
    return arch


@functools.cache
def arch_and_fingerprint(name: str, plugins: tuple[str, ...]) -> tuple[Arch, str]:
    """Return an architecture as this process knows it, and its fingerprint."""
    (arch,) = registry(plugins).resolve([name]).archs
    return arch, fingerprint(arch)


def check_label_input(spec: RunSpec, model: nn.Module) -> None:
    """Raise `RuntimeError` unless the encoder of a model that was built for `spec` is told the label as it says."""
    found = label_input_of(model)
    if found != spec.label_input:
        then, now = (how or "as image planes" for how in (spec.label_input, found))
        raise RuntimeError(
            f"the encoder of run {spec.run_id} ({spec.label}) was told the label {then}, and is now told it {now}: "
            "it is another network"
        )


def task_of(spec: RunSpec, plugins: Sequence[str]) -> Task:
    """Return the task that `spec` is of.

    Raises:
        RuntimeError: it is a plug-in's, whose code is not what it was when the run was planned.
    """
    task, found = task_and_fingerprint(spec.task, tuple(plugins))
    if found != spec.task_fingerprint:
        raise RuntimeError(
            f"the definition of the task {spec.task} is not the one that run {spec.run_id} is of: it was edited since"
        )
    return task


@functools.cache
def task_and_fingerprint(name: str, plugins: tuple[str, ...]) -> tuple[Task, str | None]:
    """Return a task as this process knows it, and its fingerprint; a built-in task has none."""
    known = registry(plugins).plugins
    return tasks.get(name, known), tasks.fingerprint(name, known)


registry = functools.cache(tasks.registry)
"""The architectures and plug-ins, discovered once per process and tuple of plug-ins."""


def layers_of(model: nn.Module, task: Task) -> list[dict[str, Any]]:
    """Return the layer table of the whole model, traced with one blank image; neither model nor generators notice."""
    with contextlib.suppress(Exception):  # some can't be copied: where a tensor is computed from others, for instance
        model = copied(model)
    x, labels = torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.long)
    with seeded(0):
        rows = layer_table(model, lambda: model(x, labels))
    if label_input_of(model) == ONE_HOT:
        first = next((index for index, row in enumerate(rows) if (row.part, row.kind) == ("encoder", "fc")), None)
        if first is not None:
            notes = filter(None, [f"{CLASSES} of its inputs are the label, one-hot", rows[first].note])
            rows[first] = dataclasses.replace(rows[first], note="; ".join(notes))
    return [dataclasses.asdict(row) for row in rows]


def restore(record: Record, plugins: Sequence[str] = ()) -> nn.Module:
    """Return the trained model of `record`; see `bench.load_model`.

    Raises:
        UserError: the run failed, or its architecture or task was edited since.
        Damaged: the file with the weights does not hold them.
    """
    if record.status != Status.FINISHED or record.folder is None:
        raise UserError(f"run {record.run_id} has no weights: it failed ({record.error})")
    spec = RunSpec(**record.spec)
    try:
        arch, task = arch_of(spec, plugins), task_of(spec, plugins)
    except RuntimeError as error:
        raise UserError(str(error)) from error
    model = task.new_model(arch, spec.latent_dim, spec.seed)
    try:
        check_label_input(spec, model)
    except RuntimeError as error:
        raise UserError(str(error)) from error
    try:
        load_into(model, record.read("model.safetensors") or b"")
    except ValueError as error:
        raise Damaged(f"run {record.run_id}: model.safetensors holds no weights of {spec.arch} ({error})") from error
    return model.eval()
