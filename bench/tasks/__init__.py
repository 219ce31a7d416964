"""The tasks: what an architecture is trained to do and how it is scored. One file each, found by its file name."""

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

ORDER = ("vae", "cvae", "classifier")


@dataclass(frozen=True)
class Task:
    """build(arch, latent_dim, seed): a fresh model with parts `.encoder`, `.head` and perhaps `.decoder`.
    loss(model, x, labels, noise): the batch's mean loss, in nats; x is float [B, 1, 28, 28].
    score(model, x, labels, noise): metric name → value per image [B]. Their means are the metrics.
    kept: name in arrays.npz → the metric whose per-image values are kept for paired tests.
    pictures: whether reconstructions (the model's own forward) are worth keeping.
    """

    name: str
    summary: str
    primary: str
    needs_decoder: bool
    build: Callable[[Arch, int | None, int], nn.Module]
    loss: Callable[[Any, Tensor, Tensor, torch.Generator], Tensor]
    score: Callable[[Any, Tensor, Tensor, torch.Generator], dict[str, Tensor]]
    kept: dict[str, str]
    pictures: bool = False


def names() -> list[str]:
    """All task names, the three usual ones first. Loads no task (and so no torch)."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def get(name: str) -> Task:
    if name not in names():
        raise UserError(f"unknown task {name!r}{nearest(name, names())}")
    return importlib.import_module(f"bench.tasks.{name}").TASK
