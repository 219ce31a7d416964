"""Reads a data set by name and verifies it; the split is always the same.

MNIST, Fashion-MNIST and KMNIST are the raw files that torchvision keeps in `<data-dir>/<Name>/raw/`. `digits` comes
with scikit-learn (`bench.data.digits`).
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np

from archs.base import IMAGE_SIZE
from archs.errors import UserError, nearest
from bench.data.dataset import Dataset, fingerprint_of
from bench.data.digits import digits

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
NAMES = (*FOLDERS, "digits")
VALIDATION_IMAGES = 5_000  # the last of the 60,000 training images

FILES = {
    "train_images": ("train-images-idx3-ubyte", 60_000),
    "train_labels": ("train-labels-idx1-ubyte", 60_000),
    "test_images": ("t10k-images-idx3-ubyte", 10_000),
    "test_labels": ("t10k-labels-idx1-ubyte", 10_000),
}
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load(name: str, data_dir: str | Path, checksums: bool = True) -> Dataset:
    """Return the data set of this name, verified.

    Args:
        data_dir: the folder that holds `MNIST/raw` and the like.
        checksums: whether to compare the files with their MD5s; a caller who compares the fingerprint need not.

    Raises:
        UserError: there is no such data set, or its files are missing, damaged or something else.
    """
    if name == "digits":
        return digits()
    if name not in FOLDERS:
        raise UserError(f"unknown data set {name!r}{nearest(name, NAMES)}")
    raw = raw_folder(name, data_dir)
    arrays = {part: read_idx(raw / file, count, name, checksums) for part, (file, count) in FILES.items()}
    cut = len(arrays["train_images"]) - VALIDATION_IMAGES
    labels = {part: arrays[part].astype(np.int64) for part in ("train_labels", "test_labels")}
    return Dataset(
        name=name,
        train_images=arrays["train_images"][:cut],
        train_labels=labels["train_labels"][:cut],
        val_images=arrays["train_images"][cut:],
        val_labels=labels["train_labels"][cut:],
        test_images=arrays["test_images"],
        test_labels=labels["test_labels"],
        fingerprint=fingerprint_of(f"{name} {cut}", arrays.values()),
    )


def raw_folder(name: str, data_dir: str | Path) -> Path:
    """Return the folder of the raw files of a data set that comes as files."""
    return Path(data_dir) / FOLDERS[name] / "raw"


def is_complete(name: str, data_dir: str | Path) -> bool:
    """Return whether all files of the data set are on disk; whether they are undamaged, `load` finds out."""
    return name == "digits" or all((raw_folder(name, data_dir) / file).is_file() for file, _ in FILES.values())


def read_idx(path: Path, count: int, name: str, checksums: bool) -> np.ndarray:
    """Return the array of one IDX file, memory-mapped; the whole header is checked.

    Args:
        count: the number of images or labels that the file must hold.
        name: the data set that the file belongs to.
    """
    remedy = "; delete it to download it again, or name another folder with --data-dir"
    try:
        content = np.memmap(path, dtype=np.uint8, mode="r")
    except FileNotFoundError:
        raise UserError(
            f"data file {path} is missing; name the folder that holds {FOLDERS[name]}/raw with --data-dir"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(f"data file {path} can't be read ({error}){remedy}") from error
    is_images = "images" in path.name
    expected = (2051, count, IMAGE_SIZE, IMAGE_SIZE) if is_images else (2049, count)
    size = 4 * len(expected)
    if len(content) < size:
        raise UserError(f"data file {path} has {len(content)} bytes, too few for its header{remedy}")
    header = struct.unpack(f">{len(expected)}i", content[:size].tobytes())
    if header != expected:
        raise UserError(f"data file {path} begins {header}, expected {expected}{remedy}")
    shape = expected[1:]
    if len(content) != size + int(np.prod(shape)):
        raise UserError(f"data file {path} has {len(content)} bytes, expected {size + int(np.prod(shape))}{remedy}")
    if checksums:
        known = MNIST_MD5.get(path.name) if name == "mnist" else recorded_checksum(path)
        found = hashlib.md5(content.data, usedforsecurity=False).hexdigest()
        if known is not None and found != known:
            raise UserError(f"data file {path} is damaged: MD5 {found}, expected {known}{remedy}")
    array = content[size:].reshape(shape)
    if not is_images and array.max() > 9:
        raise UserError(f"data file {path} holds label {array.max()}, expected 0 to 9{remedy}")
    return np.asarray(array)


def recorded_checksum(path: Path) -> str | None:
    """Return the MD5 that was written beside a file when it was downloaded; None for a file that came another way."""
    file = path.with_name(path.name + ".md5")
    return file.read_text(encoding="ascii", errors="replace").strip() if file.is_file() else None
