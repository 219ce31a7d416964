"""The labelled few of a semi-supervised task: which images they are, and how they join each batch."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.latent import CLASSES
from bench.models.streams import generator


def choose_labelled(labels: Tensor, count: int, seed: int) -> Tensor:
    """Draw the indices of `count` images, as many of each class: [count].

    They depend on the seed alone, so they are the same for every architecture.

    Raises:
        ValueError: a class has too few images.
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


def append_labelled(rows: Tensor, labelled: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """Append to each batch of indices `size` labelled ones, drawn with replacement: [steps, B] → [steps, B + size]."""
    extra = labelled[torch.randint(len(labelled), (len(rows), size), generator=draw)]
    return torch.cat([rows, extra], 1)
