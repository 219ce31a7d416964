"""A made-up data set in the shape of MNIST, written once and shared: noise, with labels drawn at random."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.data.published import SHAPES

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file."""
    header = (2051 if array.ndim == 3 else 2049, *array.shape)
    return struct.pack(f">{len(header)}i", *header) + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="session")
def arrays() -> dict[str, np.ndarray]:
    """Published name → content. Not to be changed in place."""
    rng = np.random.default_rng(0)
    return {
        file: rng.integers(0, 256 if len(shape) == 3 else 10, shape, dtype=np.uint8) for file, shape in SHAPES.items()
    }


@pytest.fixture(scope="session")
def originals(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up")
    for file, array in arrays.items():
        (folder / file).write_bytes(idx(array))
    return folder


Write = Callable[..., Path]


@pytest.fixture
def write(originals: Path, tmp_path: Path) -> Write:
    """write(folder, {file: array}): the made-up files in a folder, by default that of KMNIST, some of them replaced."""

    def write_files(folder: str = "KMNIST/raw", replaced: dict[str, np.ndarray] | None = None) -> Path:
        target = tmp_path / folder
        target.mkdir(parents=True, exist_ok=True)
        for file in SHAPES:
            if replaced and file in replaced:
                (target / file).write_bytes(idx(replaced[file]))
            else:
                (target / file).symlink_to(originals / file)
        return target

    return write_files
