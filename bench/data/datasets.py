"""Reads a data set by name and verifies it.

MNIST, Fashion-MNIST and KMNIST are raw files, by default where torchvision keeps them, `<data-dir>/<Name>/raw/`
(`bench.data.locate`), held to published checksums (`bench.data.published`). `digits` comes with scikit-learn
(`bench.data.digits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from archs.errors import UserError, nearest
from bench.data.checks import check_images, check_labels, check_published, duplicates, md5_of, remedy
from bench.data.dataset import Dataset, fingerprint_of
from bench.data.digits import digits
from bench.data.idx import array_of, content_of
from bench.data.locate import FoundFiles, find_files
from bench.data.published import FOLDERS, MD5, SHAPES

NAMES = (*FOLDERS, "digits")
VALIDATION_IMAGES = 5_000
"""How many of the 60,000 training images a seed holds out."""


def load(name: str, data_dir: str | Path, checksums: bool = True, accept: bool = False) -> Dataset:
    """Return the data set of this name, verified.

    Args:
        data_dir: the folder that holds `MNIST/raw` and the like, or the files themselves.
        checksums: whether to compare the files with their MD5s; a caller who compares the fingerprint need not.
        accept: whether files that are not the published ones may be used, if they make sense.

    Raises:
        UserError: there is no such data set, or its files are missing, damaged or something else.
    """
    if name == "digits":
        return digits()
    if name not in FOLDERS:
        raise UserError(f"unknown data set {name!r}{nearest(name, NAMES)}")
    found = find_files(name, data_dir)
    if not found.is_complete:
        raise UserError(what_is_missing(name, found))
    contents = {file: content_of(found.raw[file], remedy(found, file)) for file in SHAPES}
    arrays = {
        file: array_of(contents[file], shape, found.raw[file], remedy(found, file)) for file, shape in SHAPES.items()
    }
    remarks = verify(name, found, contents, arrays, accept) if checksums else ()
    training, labels, test, test_labels = arrays.values()
    return Dataset(
        name=name,
        images=training,
        labels=labels.astype(np.int64),
        test_images=test,
        test_labels=test_labels.astype(np.int64),
        val_count=VALIDATION_IMAGES,
        fingerprint=fingerprint_of(f"{name}, {VALIDATION_IMAGES} of each seed held out", arrays.values()),
        remarks=remarks,
    )


def verify(
    name: str,
    found: FoundFiles,
    contents: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    accept: bool,
) -> tuple[str, ...]:
    """Hold the files to the published checksums, and others to what makes sense; return what a reader should know.

    Args:
        contents: published name of each file → its bytes.
        arrays: the same → what they hold.
    """
    checksums = {file: md5_of(content.data) for file, content in contents.items()}
    others = {file: md5 for file, md5 in checksums.items() if md5 != MD5[name][file]}
    if others:  # what was published makes sense
        check_labels(found, arrays, VALIDATION_IMAGES)
        check_images(found, arrays)
    for file, md5 in others.items():
        check_published(name, file, md5, accept, f"data file {found.raw[file]}", remedy(found, file))
    remarks = duplicates(arrays["train-images-idx3-ubyte"], arrays["t10k-images-idx3-ubyte"])
    if others:
        named = ", ".join(f"{file} (MD5 {md5})" for file, md5 in others.items())
        remarks = (f"not the published files of {name}: {named}", *remarks)
    return remarks


def what_is_missing(name: str, found: FoundFiles) -> str:
    """Say which file is missing, and what to do."""
    file = found.missing[0]
    if file in found.archives:
        return f"data file {found.archives[file]} is not unpacked; use gunzip, or run_ablation.py, which unpacks it"
    return (
        f"data file {found.folder / file} is missing; with --data-dir name the folder that holds {FOLDERS[name]}/raw, "
        f"or the raw files of {name} themselves"
    )


def is_complete(name: str, data_dir: str | Path) -> bool:
    """Return whether all files of the data set are on disk; whether they are undamaged, `load` finds out."""
    return name == "digits" or find_files(name, data_dir).is_complete
