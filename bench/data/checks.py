"""Checks that data files are what they are taken for: the published ones, or others that make sense."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from archs.errors import UserError
from bench.data.locate import FoundFiles
from bench.data.published import MD5, publisher

CLASSES = 10


def check_published(name: str, file: str, md5: str, accept: bool, shown: str, remedy: str) -> None:
    """Raise `UserError` if a file is not the published one, unless it may be another.

    Args:
        name: the data set.
        file: the published name of the raw file.
        md5: of the file that is there, unpacked.
        accept: whether it may be one that nobody published; one of another data set never is right.
        shown: what the message calls it.
        remedy: what to do, the end of the message.
    """
    expected, owner = MD5[name][file], publisher(md5)
    if md5 == expected:
        return
    if owner is not None:
        raise UserError(
            f"{shown} is {owner[1]} of the data set {owner[0]}, expected {file} of {name}; "
            "name another folder with --data-dir, or another data set with --dataset"
        )
    if not accept:
        raise UserError(
            f"{shown} is not the published one of {name}: MD5 {md5}, expected {expected}{remedy}, "
            "or use it as it is with --accept-data"
        )


def md5_of(content: bytes | memoryview) -> str:
    """Return the MD5 of a file's bytes, in hex."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def check_labels(found: FoundFiles, arrays: Mapping[str, np.ndarray], validation_images: int) -> None:
    """Raise `UserError` unless the labels are 0 to 9 and each split has all of them.

    Args:
        arrays: published name of each file → its content.
        validation_images: how many of the training images, the last, are for validation.
    """
    training, test = arrays["train-labels-idx1-ubyte"], arrays["t10k-labels-idx1-ubyte"]
    cut = len(training) - validation_images
    splits = (
        ("train-labels-idx1-ubyte", "", training),
        ("train-labels-idx1-ubyte", f" among its first {cut:,}, which are trained on", training[:cut]),
        ("train-labels-idx1-ubyte", f" among its last {validation_images:,}, which are for validation", training[cut:]),
        ("t10k-labels-idx1-ubyte", "", test),
    )
    for file, where, labels in splits:
        counts = np.bincount(labels, minlength=CLASSES)
        if len(counts) > CLASSES:
            raise UserError(
                f"data file {found.raw[file]} holds label {len(counts) - 1}, expected 0 to 9{remedy(found, file)}"
            )
        absent = [str(label) for label in np.flatnonzero(counts == 0)]
        if absent:
            raise UserError(
                f"data file {found.raw[file]} holds no label {', '.join(absent)}{where}; expected all of 0 to 9"
                f"{remedy(found, file)}"
            )


def check_images(found: FoundFiles, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise `UserError` if a file holds an image of one grey level only, or the same image all over."""
    for file in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        pixels = arrays[file].reshape(len(arrays[file]), -1)
        blank = np.flatnonzero((pixels == pixels[:, :1]).all(axis=1))
        if len(blank):
            blanks = "1 blank image" if len(blank) == 1 else f"{len(blank):,} blank images"
            raise UserError(
                f"data file {found.raw[file]} holds {blanks} of {len(pixels):,}, the first "
                f"is image {blank[0]} (from 0){remedy(found, file)}"
            )
        if (pixels == pixels[0]).all():
            raise UserError(
                f"data file {found.raw[file]} holds the same image {len(pixels):,} times{remedy(found, file)}"
            )


def duplicates(training: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    """Say how many test images are in the training file too, or repeat others, byte for byte.

    Args:
        training: uint8 [N, 28, 28], as `test`.
    """
    counts = Counter(rows(test))
    remarks = []
    known = sum(counts[row] for row in {row for row in rows(training) if row in counts})
    if known:
        are = "is" if known == 1 else "are"
        remarks.append(f"{known:,} of {len(test):,} test images {are} among the training file's too")
    if repeated := len(test) - len(counts):
        repeat = "repeats" if repeated == 1 else "repeat"
        remarks.append(f"{repeated:,} of {len(test):,} test images {repeat} another test image")
    return tuple(remarks)


def rows(images: np.ndarray) -> Iterator[bytes]:
    """Return the bytes of each image."""
    return (image.tobytes() for image in images)


def remedy(found: FoundFiles, file: str) -> str:
    """Return the end of a message about a raw file that can't be used: what to do."""
    again = f"unpack {found.archives[file].name} again" if file in found.archives else "download it again"
    return f"; move it away to {again}, or name another folder with --data-dir"
