"""A run's data: loaded once per process, held to the fingerprint in its spec, and brought to the device."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch

from bench.data import Dataset
from bench.known_files import KnownFiles, load_known
from bench.scores import Split
from bench.site import Site
from bench.spec import RunSpec

SCORED = {"val": "validation", "test": "test"}  # name in a data set → in the streams of random numbers


@functools.lru_cache(maxsize=1)
def load_once(name: str, data_dir: str, known: KnownFiles | None = None) -> Dataset:
    """Without checksums: its fingerprint, which `dataset_of` looks at, covers every byte used."""
    return load_known(name, data_dir, known, checksums=False)


def dataset_of(spec: RunSpec, site: Site) -> Dataset:
    dataset = site.dataset or load_once(spec.dataset, site.data_dir, site.known_files)
    if dataset.fingerprint != spec.data_fingerprint:
        raise RuntimeError(f"the data set {spec.dataset} changed while the job ran")
    return dataset


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
