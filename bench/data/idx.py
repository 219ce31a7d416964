"""Reads raw files in the IDX format: big-endian sizes of 32 bits behind a number for the type, then bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from archs.errors import UserError

MAGIC = {1: 2049, 3: 2051}
"""Number of dimensions → what a file of unsigned bytes begins with."""

GZIP = b"\x1f\x8b"
"""What a gzip archive begins with."""


def content_of(path: Path, remedy: str) -> np.ndarray:
    """Return the bytes of a file, memory-mapped: uint8 [size].

    Args:
        remedy: what to do if it can't be read, the end of the message.
    """
    try:
        return np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"data file {path} can't be read ({error}){remedy}") from error


def array_of(content: np.ndarray, shape: tuple[int, ...], path: Path, remedy: str) -> np.ndarray:
    """Return the array in the bytes of a file, uint8 of this shape, without a copy; the whole header is checked."""
    expected = (MAGIC[len(shape)], *shape)
    size, length = 4 * len(expected), int(np.prod(shape))
    if content[:2].tobytes() == GZIP:
        raise UserError(f"data file {path} is a gzip archive; add .gz to its name, and it is unpacked")
    if len(content) < size:
        raise UserError(f"data file {path} has {len(content)} bytes, too few for its header{remedy}")
    header = struct.unpack(f">{len(expected)}i", content[:size].tobytes())
    if header != expected:
        raise UserError(f"data file {path} begins {header}, expected {expected}{remedy}")
    if len(content) != size + length:
        raise UserError(f"data file {path} has {len(content)} bytes, expected {size + length}{remedy}")
    return np.asarray(content[size:].reshape(shape))
