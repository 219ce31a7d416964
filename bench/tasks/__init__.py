"""The tasks: what an architecture is trained to do and how it is scored. One file each, found by its file name.

May import: spec, models.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError, nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from archs.base import Arch

DEFAULT = ("vae", "cvae", "classifier")
"""Those that a job does unless told otherwise, in the order of the report."""


@dataclass(frozen=True)
class Task:
    """build(arch, latent_dim, seed): a fresh model with parts `.encoder`, `.head` and perhaps `.decoder`.
    loss(model, x, labels, noise): the batch's mean loss, in nats; x is float [B, 1, 28, 28], noise a generator or, drawn
        already, a tensor [N, Z]. One that needs labels also takes labelled, known and images: see bench.tasks.m2.
    score(model, x, labels, noise): metric name → value per image [B]. Their means are the metrics. Of a model with a
        code also "mean" and "log_variance" of q(z|x), [B, Z], which are no metrics.
    kept: name in arrays.npz → the metric whose per-image values are kept for paired tests.
    has_code: whether the model has a latent code to describe (`bench.evaluation.portrait`).
    needs_labels: whether it is trained on some labelled images and the rest without (`--labels`).
    noise_rows(batch, labelled): the rows of latent noise that `loss` takes for a batch, in the parts in which they are
    drawn.
    """

    name: str
    summary: str
    primary: str
    needs_decoder: bool
    build: Callable[[Arch, int | None, int], nn.Module]
    loss: Callable[..., Tensor]
    score: Callable[[Any, Tensor, Tensor, torch.Generator | Tensor], dict[str, Tensor]]
    kept: dict[str, str]
    has_code: bool = False
    needs_labels: bool = False
    noise_rows: Callable[[int, int], tuple[int, ...]] = lambda batch, labelled: (batch,)


def names() -> list[str]:
    """All task names, the usual ones first. Loads no task (and so no torch)."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return sorted(found, key=lambda name: (DEFAULT.index(name) if name in DEFAULT else len(DEFAULT), name))


def get(name: str) -> Task:
    if name not in names():
        raise UserError(f"unknown task {name!r}{nearest(name, names())}")
    return importlib.import_module(f"bench.tasks.{name}").TASK
