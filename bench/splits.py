"""A run's data: loaded once per process, held to the fingerprint in its spec, and brought to the device."""

from __future__ import annotations

import dataclasses
import functools
import hashlib

import numpy as np
import torch

from bench.data import Dataset, load
from bench.site import Site
from bench.spec import RunSpec
from bench.train import Split

SCORED = {"val": "validation", "test": "test"}  # name in a data set → in the streams of random numbers


@functools.lru_cache(maxsize=1)
def load_once(name: str, data_dir: str) -> Dataset:
    return load(name, data_dir, checksums=False)  # its fingerprint, which `dataset_of` looks at, covers every byte used


def dataset_of(spec: RunSpec, site: Site) -> Dataset:
    dataset = site.dataset or load_once(spec.dataset, site.data_dir)
    if dataset.fingerprint != spec.data_fingerprint:
        raise RuntimeError(f"the data set {spec.dataset} changed while the job ran")
    return dataset


def on_device(dataset: Dataset, split: str, device: torch.device, first: int | None = None) -> Split:
    images, labels = (np.array(getattr(dataset, f"{split}_{kind}")) for kind in ("images", "labels"))
    limit = first if split == "train" else None
    return Split(torch.from_numpy(images[:limit]).to(device), torch.from_numpy(labels[:limit]).to(device))


def splits_of(dataset: Dataset, spec: RunSpec, device: torch.device) -> dict[str, Split]:
    """train, val and test; the latter two with their fixed targets, since they are scored more than once."""
    splits = {name: on_device(dataset, name, device, spec.train_images) for name in ("train", "val", "test")}
    for name, stream in SCORED.items():
        splits[name] = dataclasses.replace(splits[name], targets=splits[name].fixed(spec.likelihood, stream))
    return splits


def targets_hash(test: Split, spec: RunSpec) -> str:
    """Of the binarised test images: two runs with the same hash were scored on the same pixels."""
    x = test.fixed(spec.likelihood, "test").cpu()
    return hashlib.sha256((x * 255).to(torch.uint8).numpy().tobytes()).hexdigest()[:16]
