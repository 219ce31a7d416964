"""The labelled few of a semi-supervised task: which images they are, and how they join each batch."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.latent import CLASSES
from bench.models.streams import generator


def subset(labels: Tensor, count: int, seed: int) -> Tensor:
    """Indices of `count` images, as many of each class, drawn by the seed: [count]. The same for every architecture.

    Raises ValueError if a class has too few.
    """
    draw = generator(seed, "labelled")
    found = []
    for label in range(CLASSES):
        own = (labels.cpu() == label).nonzero().flatten()
        if len(own) < count // CLASSES:
            raise ValueError(
                f"{count} labels need {count // CLASSES} images of each class; class {label} has {len(own)}"
            )
        found.append(own[torch.randperm(len(own), generator=draw)[: count // CLASSES]])
    return torch.cat(found)


def joined(rows: Tensor, known: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """Batches of indices [steps, B], each followed by `size` labelled ones drawn with replacement: [steps, B + size]."""
    extra = known[torch.randint(len(known), (len(rows), size), generator=draw)]
    return torch.cat([rows, extra], 1)
