"""A data set in memory: images and labels in three splits, and a fingerprint of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

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


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels in three splits. It is equal only to itself, so that it can be the key of a cache."""

    name: str
    train_images: np.ndarray
    """uint8 [N, 28, 28], as the images of the other splits."""

    train_labels: np.ndarray
    """int64 [N] in 0…9, as the labels of the other splits."""

    val_images: np.ndarray
    val_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    fingerprint: str
    """Sixteen hex digits that change with any byte of the data and with the split."""

    remarks: tuple[str, ...] = ()
    """What a reader of results should know, such as files that are not the published ones; a page shows them."""

    def describe(self) -> DataDescription:
        """Return its name, fingerprint, sizes and remarks."""
        train, val, test = map(len, (self.train_images, self.val_images, self.test_images))
        return DataDescription(self.name, self.fingerprint, train, val, test, self.remarks)

    def max_balanced_labels(self, train_images: int | None, classes: int = 10) -> int:
        """Return the most labelled images that can be drawn with equally many of each class.

        Args:
            train_images: draw from this many of the training images, from the first on; None for all.
        """
        counts = np.bincount(self.train_labels[:train_images], minlength=classes)
        return classes * int(counts.min())


def fingerprint_of(what: str, arrays: Iterable[np.ndarray]) -> str:
    """Return sixteen hex digits of the SHA-256 of `what`, the name and the split, and of the bytes of `arrays`."""
    digest = hashlib.sha256(what.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
