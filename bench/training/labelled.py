"""The labelled few of a semi-supervised task: which images they are, and how they join each batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor

from bench.models.latent import CLASSES
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.training.batches import Loss


class Labelled:
    """The labelled images of each seed of a training, of which every batch gets some; none if the task is not so."""

    def __init__(self, specs: Sequence[RunSpec], batch: int, labels: Sequence[Tensor]):
        """Choose the images.

        Args:
            specs: they differ in nothing but their seed.
            batch: images of a step, those with a label not among them.
            labels: of each seed's training split.
        """
        self.images = len(labels[0])
        self.per_batch = 0
        self.indices: list[Tensor] = []
        """Of the labelled images of each seed; none without such."""
        count = specs[0].labels
        weight = specs[0].classification_weight
        self.more = {} if weight is None else {"weight": weight}
        """What else the loss of a task that weighs labels takes."""
        if count is not None:
            self.per_batch = min(count, batch)
            self.indices = [choose_labelled(own, count, spec.seed) for own, spec in zip(labels, specs, strict=True)]

    def bind(self, loss: Loss) -> Loss:
        """Return a task's loss with what it has to know of the labelled images."""
        if not self.indices:
            return loss
        known = len(self.indices[0])
        return functools.partial(loss, labelled=self.per_batch, known=known, images=self.images, **self.more)

    def append_to(self, rows: Tensor, seed_index: int, draw: torch.Generator) -> Tensor:
        """Append labelled images to the batches of one seed: [steps, B] → [steps, B + per_batch]."""
        if not self.indices:
            return rows
        return append_labelled(rows, self.indices[seed_index], self.per_batch, draw)


def choose_labelled(labels: Tensor, count: int, seed: int) -> Tensor:
    """Draw the indices of `count` images, as many of each class: [count].

    They depend on the seed alone, as its training split does, so they are the same for every architecture.

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
