"""What the options of a job mean, given what is there: the registry, the data set, the devices."""

from __future__ import annotations

import argparse

import numpy as np
import torch

from archs.errors import UserError, nearest
from archs.registry import Registry, Resolved
from bench.data.dataset import Dataset
from bench.job import runs
from bench.models.latent import CLASSES
from bench.spec.defaults import DEFAULT_EPOCHS, EPOCHS, QUICK

MOST_SEEDS_TOGETHER = 32
MOST_SIDE_BY_SIDE = 6
"""Groups of seeds on one GPU: as many as the default job has."""


def baseline_of(text: str | None, registry: Registry, resolved: Resolved) -> str:
    names = [arch.name for arch in resolved.archs]
    if text is None:
        return names[0]
    wanted = registry.resolve([text]).archs
    if len(wanted) != 1 or wanted[0].name not in names:
        raise UserError(f"baseline {text!r} is not one of the architectures compared{nearest(text, names)}")
    return wanted[0].name


def device_of(text: str) -> str:
    """ "cpu" or "cuda:n", checked to exist."""
    if text == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if text == "cpu":
        return text
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(text.partition(":")[2] or 0)
    if index >= count:
        valid = ", ".join(["cpu", *(f"cuda:{n}" for n in range(count))])
        raise UserError(
            f"device {text!r} is not there: torch {torch.__version__} sees {count} CUDA devices; choose from {valid}"
        )
    return f"cuda:{index}"


def settings_of(options: argparse.Namespace, device: str, dataset: Dataset) -> runs.Settings:
    epochs, train_images = options.epochs, options.train_images
    if options.quick:
        epochs = epochs or QUICK["epochs"]
        train_images = train_images or QUICK["train_images"]
    if train_images is not None and train_images >= len(dataset.train_labels):
        train_images = None  # all of them: the same run as without the option
    return runs.Settings(
        likelihood=options.likelihood,
        epochs=epochs or EPOCHS.get(dataset.name, DEFAULT_EPOCHS),
        batch_size=options.batch_size,
        lr=options.lr,
        latent_dim=options.latent_dim,
        train_images=train_images,
        device=device.partition(":")[0],
        threads=options.threads,
        labels=options.labels,
        deterministic=True if options.deterministic and device != "cpu" else None,
    )


def enough_labels(labels: int, dataset: Dataset, train_images: int | None) -> None:
    """Raises `UserError` if some class has too few training images for its share of the labels."""
    most = CLASSES * int(np.bincount(dataset.train_labels[:train_images], minlength=CLASSES).min())
    if labels > most:
        raise UserError(f"--labels {labels}: the training images hold at most {most} with as many of each class")


def devices_of(text: str, device: str) -> tuple[str, ...]:
    """All GPUs, where one is to be used and none was named; else the one device."""
    if device == "cpu" or text.startswith("cuda:"):
        return (device,)
    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))


def together_of(options: argparse.Namespace, device: str) -> tuple[int, bool, int]:
    """How many seeds are trained together at most; whether steps are CUDA graphs; how many groups share a GPU."""
    on_gpu = device != "cpu"
    usual = MOST_SEEDS_TOGETHER if on_gpu and not options.deterministic else 1
    stack = usual if options.stack == "auto" else 1 if options.stack == "off" else max(1, int(options.stack))
    graph = on_gpu and not options.eager and not options.deterministic
    return stack, graph, MOST_SIDE_BY_SIDE if graph else 1
