"""What a data set is: images and labels in three splits, and a fingerprint of all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DataDescription:
    """A data set without its images."""

    name: str
    fingerprint: str
    train_images: int
    val_images: int
    test_images: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels. Equal to itself alone, so that what is made of it can be kept."""

    name: str
    train_images: np.ndarray
    """uint8 [N, 28, 28], as all images."""
    train_labels: np.ndarray
    """int64 [N] in 0…9, as all labels."""
    val_images: np.ndarray
    val_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    fingerprint: str
    """Sixteen hex digits that change with any byte and with the split."""

    def describe(self) -> DataDescription:
        sizes = (len(images) for images in (self.train_images, self.val_images, self.test_images))
        return DataDescription(self.name, self.fingerprint, *sizes)

    def most_labels(self, train_images: int | None, classes: int = 10) -> int:
        """How many labelled images of the first `train_images` there can be with as many of each class."""
        counts = np.bincount(self.train_labels[:train_images], minlength=classes)
        return classes * int(counts.min())


def hashed(what: str, arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256(what.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
