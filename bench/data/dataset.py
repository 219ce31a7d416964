"""What a data set is: images and labels in three splits, and a fingerprint of all of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images are uint8 [N, 28, 28], labels int64 [N] in 0…9. Equal to itself alone, so that what is made of it can be kept."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    val_images: np.ndarray
    val_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    fingerprint: str

    def describe(self) -> dict[str, object]:
        sizes = {f"{part}_images": len(getattr(self, f"{part}_images")) for part in ("train", "val", "test")}
        return {"name": self.name, "fingerprint": self.fingerprint, **sizes}


def hashed(what: str, arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256(what.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
