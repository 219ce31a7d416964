"""A run's data on the device where it is trained."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.models.likelihood import evaluation_targets
from bench.spec.run import RunSpec

SCORED = {"val": "validation", "test": "test"}
"""Splits that models are scored on: name of the split → name of the stream that their targets come from."""


@dataclass(frozen=True)
class Split:
    """A part of a data set on the device."""

    images: Tensor
    """uint8 [N, 28, 28]."""

    labels: Tensor
    """int64 [N]."""

    known_levels: Tensor | None = None
    """What `target_levels` gives, where it has been computed before."""

    def target_levels(self, likelihood: str | None, split: str) -> Tensor:
        """Return the targets of an evaluation as bytes, a quarter of what they take as floats.

        See `bench.models.likelihood.evaluation_targets`.
        """
        if self.known_levels is not None:
            return self.known_levels
        return evaluation_targets(self.images, likelihood, split).to(self.images.device)

    def fixed_targets(self, likelihood: str | None, split: str, rows: Tensor | slice = slice(None)) -> Tensor:
        """Return the targets of an evaluation, of some or all images: float32 [N, 1, 28, 28] in 0 to 1."""
        return self.target_levels(likelihood, split)[rows].float() / 255

    @functools.cached_property
    def targets_hash(self) -> str:
        """A hash of `known_levels`: two runs with the same hash were scored on the same pixels."""
        assert self.known_levels is not None
        return hashlib.sha256(self.known_levels.cpu().numpy().data).hexdigest()[:16]


def splits_of(dataset: Dataset, spec: RunSpec, device: torch.device) -> dict[str, Split]:
    """Return "train", "val" and "test"; the latter two with their fixed targets, as they are scored more than once."""
    own = {name: split_on_device(dataset, name, spec.seed, device, spec.train_images) for name in ("train", "val")}
    return {
        "train": own["train"],
        "val": with_targets(own["val"], "val", spec.likelihood),
        "test": test_split(dataset, spec.likelihood, device),
    }


def split_on_device(
    dataset: Dataset, name: str, seed: int, device: torch.device, train_images: int | None = None
) -> Split:
    """Return a seed's split ("train" or "val"), or the test set ("test"), which is the same for all.

    Args:
        train_images: how many of the training images, from the first on; None: all.
    """
    if name == "test":
        return Split(on_device(dataset, "test_images", device), on_device(dataset, "test_labels", device))
    rows = dataset.split(seed)
    chosen = torch.from_numpy(rows.train[:train_images] if name == "train" else rows.val).to(device)
    images, labels = on_device(dataset, "images", device), on_device(dataset, "labels", device)
    return Split(images[chosen], labels[chosen])


@functools.lru_cache(maxsize=4)  # the arrays of one data set, which the next run of this process is likely to need too
def on_device(dataset: Dataset, array: str, device: torch.device) -> Tensor:
    """Copy an array of a data set to the device."""
    return torch.from_numpy(np.array(getattr(dataset, array))).to(device)


@functools.lru_cache(maxsize=2)  # two: a job's latent models and its classifiers differ in their targets
def test_split(dataset: Dataset, likelihood: str | None, device: torch.device) -> Split:
    """Return the test set with its targets, which the next run of this process is likely to need too."""
    return with_targets(split_on_device(dataset, "test", 0, device), "test", likelihood)


def with_targets(split: Split, name: str, likelihood: str | None) -> Split:
    """Return a split that knows its targets."""
    return dataclasses.replace(split, known_levels=split.target_levels(likelihood, SCORED[name]))
