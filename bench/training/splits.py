"""A run's data on the device where it is trained."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.spec.run import RunSpec
from bench.training.scores import Split

SCORED = {"val": "validation", "test": "test"}
"""Splits that models are scored on: name in a data set → name of the stream that their targets come from."""


def split_on_device(dataset: Dataset, split: str, device: torch.device, first: int | None = None) -> Split:
    """Copy a split ("train", "val" or "test") to the device.

    Args:
        first: how many images of the training split, from its first; None: all.
    """
    images, labels = (np.array(getattr(dataset, f"{split}_{kind}")) for kind in ("images", "labels"))
    limit = first if split == "train" else None
    return Split(torch.from_numpy(images[:limit]).to(device), torch.from_numpy(labels[:limit]).to(device))


def splits_of(dataset: Dataset, spec: RunSpec, device: torch.device) -> dict[str, Split]:
    """Return "train", "val" and "test"; the latter two with their fixed targets, as they are scored more than once."""
    return cached_splits(dataset, spec.likelihood, spec.train_images, device)


@functools.lru_cache(maxsize=2)  # two: a job's latent models and its classifiers differ in their targets
def cached_splits(
    dataset: Dataset, likelihood: str | None, train_images: int | None, device: torch.device
) -> dict[str, Split]:
    """Return the splits of these settings, which the next run of this process is likely to need too."""
    splits = {name: split_on_device(dataset, name, device, train_images) for name in ("train", "val", "test")}
    for name, stream in SCORED.items():
        levels = splits[name].target_levels(likelihood, stream)
        splits[name] = dataclasses.replace(splits[name], known_levels=levels)
    return splits
