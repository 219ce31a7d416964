"""What `--tune` varies, as data, and the recipes that a seed tries: the same for every architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

FIGURES = 3
"""Significant digits of a drawn value, so that it doesn't depend on how a machine rounds a power."""


@dataclass(frozen=True)
class Dimension:
    """A setting of a run that is tuned; its values are drawn from a range, evenly on a logarithmic scale."""

    name: str
    """A field of `bench.spec.run.RunSpec`."""

    label: str
    """Its name on the page."""

    low: float
    high: float


SPACE = (Dimension("lr", "peak learning rate", 5e-4, 3.2e-2),)
"""A row per setting. At both ends of the rates every network of the recipe's study lost (docs/recipe/table.md)."""


def draws(count: int, seed: int, space: tuple[Dimension, ...] = SPACE) -> list[Mapping[str, float]]:
    """Return what the trials 1 to `count` of a seed are trained with, as setting → value.

    The points are those of an additive recurrence with a shift of the seed's own (Cranley & Patterson 1976), by the
    powers of the root of x^(d+1) = x + 1: for one dimension the golden ratio's, which leave no large gap after any
    number of points. More trials add to fewer, and no library's version changes them.

    Args:
        seed: of the runs.
        space: each dimension draws from a shift named by the seed and its own name.
    """
    root = 1.5
    for _ in range(100):
        root = (1 + root) ** (1 / (len(space) + 1))
    shifts = [_uniform(f"tune/{dimension.name}/{seed}") for dimension in space]
    return [
        {
            dimension.name: _at(dimension, (shift + index * root**-power) % 1)
            for power, (dimension, shift) in enumerate(zip(space, shifts, strict=True), 1)
        }
        for index in range(1, count + 1)
    ]


def _at(dimension: Dimension, share: float) -> float:
    """Return the value at a share of a dimension's range, 0 to 1."""
    return float(f"{dimension.low * (dimension.high / dimension.low) ** share:.{FIGURES}g}")


def _uniform(name: str) -> float:
    """Return a number from 0 to 1, excluding 1, that a name stands for."""
    return (int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 11) / (1 << 53)
