"""A data set in memory: images to train and validate on, test images, their labels, and a fingerprint of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class DataDescription:
    """A data set without its images: its name, its fingerprint and its sizes."""

    name: str
    fingerprint: str
    """As in `Dataset`, as the remarks."""

    train_images: int
    val_images: int
    test_images: int
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class SplitRows(NamedTuple):
    """Which images a seed trains on and which it validates on."""

    train: np.ndarray
    """int64 [N], indices in random order."""

    val: np.ndarray
    """int64 [V], the images that are held out."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, each seed's split of them, and a test set that is the same for all.

    It is equal only to itself, so that it can be the key of a cache.
    """

    name: str
    images: np.ndarray
    """uint8 [M, 28, 28], to train and validate on, in the order of the file."""

    labels: np.ndarray
    """int64 [M] in 0…9."""

    test_images: np.ndarray
    """uint8 [T, 28, 28]."""

    test_labels: np.ndarray
    """int64 [T]."""

    val_count: int
    """How many images a seed holds out to validate on."""

    fingerprint: str
    """Sixteen hex digits that change with any byte of the data and with the way it is split."""

    in_blocks: bool = False
    """Whether images that are neighbours in the file belong together, so that a seed holds out a block of them."""

    remarks: tuple[str, ...] = ()
    """What a reader of results should know, such as files that are not the published ones; a page shows them."""

    def describe(self) -> DataDescription:
        """Return its name, fingerprint, sizes and remarks."""
        val, test = self.val_count, len(self.test_images)
        return DataDescription(self.name, self.fingerprint, len(self.images) - val, val, test, self.remarks)

    def split(self, seed: int) -> SplitRows:
        """Draw a seed's split: the same for every architecture, task and machine."""
        # random numbers as they come from the generator: NumPy promises that these never change
        draw = np.random.PCG64(np.random.SeedSequence([*b"split", seed]))
        first = int(draw.random_raw() % len(self.images))  # of a block, which may go on at the file's beginning
        order = np.argsort(draw.random_raw(len(self.images)), kind="stable")
        place = (np.arange(len(order)) - first) % len(order) if self.in_blocks else np.argsort(order)
        is_held_out = place[order] < self.val_count
        return SplitRows(order[~is_held_out], order[is_held_out])

    def max_balanced_labels(self, train_images: int | None, seeds: Iterable[int], classes: int = 10) -> int:
        """Return the most labelled images that each of the seeds can draw with equally many of each class.

        Args:
            train_images: draw from this many of the training images, from the first on; None for all.
        """
        drawn = (self.labels[self.split(seed).train[:train_images]] for seed in seeds)
        return min(classes * int(np.bincount(labels, minlength=classes).min()) for labels in drawn)


def fingerprint_of(what: str, arrays: Iterable[np.ndarray]) -> str:
    """Return sixteen hex digits of the SHA-256 of `what`, the name and the split, and of the bytes of `arrays`."""
    digest = hashlib.sha256(what.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
