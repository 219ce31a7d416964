"""A run's data on the device where it is trained."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.spec.run import RunSpec
from bench.training.scores import Split

SCORED = {"val": "validation", "test": "test"}  # name in a data set → in the streams of random numbers


def on_device(dataset: Dataset, split: str, device: torch.device, first: int | None = None) -> Split:
    images, labels = (np.array(getattr(dataset, f"{split}_{kind}")) for kind in ("images", "labels"))
    limit = first if split == "train" else None
    return Split(torch.from_numpy(images[:limit]).to(device), torch.from_numpy(labels[:limit]).to(device))


def splits_of(dataset: Dataset, spec: RunSpec, device: torch.device) -> dict[str, Split]:
    """train, val and test; the latter two with their fixed targets, since they are scored more than once."""
    return kept_splits(dataset, spec.likelihood, spec.train_images, device)


@functools.lru_cache(maxsize=2)  # for the next run of this process: a job's latent models and its classifiers
def kept_splits(
    dataset: Dataset, likelihood: str | None, train_images: int | None, device: torch.device
) -> dict[str, Split]:
    splits = {name: on_device(dataset, name, device, train_images) for name in ("train", "val", "test")}
    for name, stream in SCORED.items():
        splits[name] = dataclasses.replace(splits[name], scored=splits[name].levels(likelihood, stream))
    return splits
