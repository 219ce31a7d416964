"""The data set `digits`: scikit-learn's 1,797 real digits of 8×8 pixels, enlarged to 28×28. It needs no download.

They stand in the file as they were written: those of one writer beside each other. A random split would have the same
hands on both sides, where a network needs to know less, so test and validation images are blocks. 1-nearest-neighbour,
300 images to test on, gets 99.0 % right of a random choice, 97.5 % of blocks of the file, 94.7 % of the last block
(tests/data/test_data.py computes them).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from archs.base import IMAGE_SIZE
from archs.errors import UserError
from bench.data.dataset import Dataset, fingerprint_of

TEST_IMAGES = 300
"""The last of the file."""

VALIDATION_IMAGES = 200


def digits() -> Dataset:
    """Return the data set: 300 images to test on, and 1,497 of which a seed holds out a block of 200."""
    rows = digits_rows()
    images = enlarge(rows[:, :64].reshape(-1, 8, 8))
    labels = rows[:, 64].astype(np.int64)
    return Dataset(
        name="digits",
        images=images[:-TEST_IMAGES],
        labels=labels[:-TEST_IMAGES],
        test_images=images[-TEST_IMAGES:],
        test_labels=labels[-TEST_IMAGES:],
        val_count=VALIDATION_IMAGES,
        fingerprint=fingerprint_of(
            f"digits, {VALIDATION_IMAGES} of each seed held out in a block, the last {TEST_IMAGES} to test on",
            (images, labels),
        ),
        in_blocks=True,
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
