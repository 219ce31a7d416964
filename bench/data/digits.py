"""The data set `digits`: scikit-learn's 1,797 real digits of 8×8 pixels, enlarged to 28×28. It needs no download."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from archs.base import IMAGE_SIZE
from archs.errors import UserError
from bench.data.dataset import Dataset, fingerprint_of


def digits() -> Dataset:
    """Return the data set: 1,297 training, 200 validation and 300 test images, in the order of a fixed permutation."""
    rows = digits_rows()
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(rows))
    images = enlarge(rows[order, :64].reshape(-1, 8, 8))
    labels = rows[order, 64].astype(np.int64)
    train, val = 1_297, 1_497
    return Dataset(
        name="digits",
        train_images=images[:train],
        train_labels=labels[:train],
        val_images=images[train:val],
        val_labels=labels[train:val],
        test_images=images[val:],
        test_labels=labels[val:],
        fingerprint=fingerprint_of("digits 1297 1497", (images, labels)),
    )


def digits_rows() -> np.ndarray:
    """Return an array [1797, 65] of 64 grey levels (0 to 16) and the label of each digit.

    It reads scikit-learn's file where it can, since importing scikit-learn takes seconds.
    """
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise UserError("the data set digits is scikit-learn's, which is not installed; pip install scikit-learn")
    path = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    source = load_digits()
    return np.column_stack([source.data, source.target])


def enlarge(images: np.ndarray) -> np.ndarray:
    """Enlarge images [N, 8, 8] in 0…16 to uint8 [N, 28, 28] by linear interpolation along both axes."""
    small, large = images.shape[-1], IMAGE_SIZE
    positions = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    weights = np.stack([np.interp(positions, np.arange(small), row) for row in np.eye(small)], axis=1)  # [28, 8]
    return np.rint(weights @ images @ weights.T * (255 / 16)).astype(np.uint8)
