"""How large the networks of architectures are, and which are over the limits that a job asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from archs.base import Arch
from archs.errors import UserError
from archs.layers import parameter_count
from bench.tasks import Task
from bench.worker.label_inputs import quietly
from bench.worker.restore import layers_of

MOST_NAMED = 4
"""Architectures up to which a line names each."""


@dataclass(frozen=True)
class Limits:
    """What an architecture may have, on the largest of the tasks compared; None: any."""

    max_params: int | None
    """Weights and biases."""

    max_macs: int | None
    """Multiply-accumulates for one image, forward."""


@dataclass(frozen=True)
class Within:
    """The architectures of a job, by size."""

    archs: tuple[Arch, ...]
    """Those that stay."""

    left_out: dict[str, str]
    """Name → reason of the others."""

    said: str
    """Both in a line; empty if all are within the limits."""


def within(archs: Sequence[Arch], tasks: Sequence[Task], latent_dim: int, limits: Limits, baseline: str) -> Within:
    """Leave out the architectures over the limits. The baseline stays: there would be nothing to compare with.

    What can't be built stays too: its runs will say why.

    Raises:
        UserError: nothing but the baseline is left.
    """
    if limits.max_params is None and limits.max_macs is None:
        return Within(tuple(archs), {}, "")
    with one_thread():
        over = {arch.name: reason for arch in archs if (reason := _over(arch, tasks, latent_dim, limits))}
    left_out = {name: reason for name, reason in over.items() if name != baseline}
    kept = tuple(arch for arch in archs if arch.name not in left_out)
    if left_out and len(kept) == 1:
        name, reason = next(iter(left_out.items()))
        raise UserError(
            f"{_options(limits)}: nothing but the baseline {baseline} is left; {name} has {reason}; raise it, or name "
            "others in --archs"
        )
    return Within(kept, left_out, _said(left_out, len(archs), baseline, over.get(baseline)))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: for networks this small others are no help, and on a busy machine are waited for."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _over(arch: Arch, tasks: Sequence[Task], latent_dim: int, limits: Limits) -> str | None:
    """Return which limit an architecture is over, in words, on the task where it is furthest over; None if it isn't."""
    able = [task for task in tasks if arch.decoder is not None or not task.needs_decoder]
    sizes = [size for task in able if (size := quietly(_size, arch, task, latent_dim, limits.max_macs is not None))]
    if limits.max_params is not None:
        params, _, task = max(sizes, key=lambda size: size[0], default=(0, 0, ""))
        if params > limits.max_params:
            return f"{params:,} parameters of the task {task}, at most {limits.max_params:,}"
    if limits.max_macs is not None and sizes:
        if unknown := [task for _, macs, task in sizes if macs is None]:
            return f"multiply-accumulates of the task {unknown[0]} that can't be counted, at most {limits.max_macs:,}"
        macs, task = max((macs or 0, task) for _, macs, task in sizes)
        if macs > limits.max_macs:
            return f"{macs:,} multiply-accumulates of the task {task}, at most {limits.max_macs:,}"
    return None


def _size(arch: Arch, task: Task, latent_dim: int, counts_macs: bool) -> tuple[int, int | None, str]:
    """Return parameters, multiply-accumulates (None if unknown; 0 if not asked for) and the label of the task."""
    model = task.new_model(arch, latent_dim if task.uses_latent_dim else None, 0)
    layers = [row["macs"] for row in layers_of(model, task)] if counts_macs else []
    return parameter_count(model), None if None in layers else sum(layers), task.label


def _options(limits: Limits) -> str:
    named = {"--max-params": limits.max_params, "--max-macs": limits.max_macs}
    return " ".join(f"{option} {limit}" for option, limit in named.items() if limit is not None)


def _said(left_out: dict[str, str], asked: int, baseline: str, reason: str | None) -> str:
    parts = []
    if left_out:
        named = [f"{name} ({why})" for name, why in left_out.items()][:MOST_NAMED]
        more = [f"and {len(left_out) - MOST_NAMED} more"] if len(left_out) > MOST_NAMED else []
        parts.append(f"left out, {len(left_out)} of {asked}: {', '.join([*named, *more])}")
    if reason:
        parts.append(f"the baseline {baseline} stays, with {reason}")
    return "; ".join(parts)
