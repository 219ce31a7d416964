"""Simulated comparisons that are looked at after each seed, all of them at once.

The arithmetic is that of `bench.statistics.sequential.confidence`, on arrays [trials, looks]; how a verdict is read
from it is written down once more, and held to `compare_paired` by `disagreements`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.estimates import ALPHA, Floats
from bench.statistics.paired import compare_paired
from bench.statistics.sequential.confidence import FIRST_LOOK, PRECISION, equal_tell, half_width, running

Bools = NDArray[np.bool_]
Value = TypeVar("Value", np.bool_, np.float64)

CHECKED = (3, 4, 6, 9, 14)
"""Numbers of seeds at which single trials are sent through the shipped functions."""


@dataclass(frozen=True)
class Paths:
    """What is seen at each look, [trials, looks]: the first `n[k]` differences of each trial."""

    n: Floats
    """[looks]"""

    mean: Floats
    std: Floats

    def half(self, alpha: float, precision: float = PRECISION) -> Floats:
        """Return half the widths of the intervals."""
        wide = half_width(self.n, np.where(self.std > 0, self.std, 1), alpha, precision)
        return np.where(self.std > 0, wide, np.where(equal_tell(self.n, alpha), 0.0, np.inf))

    def without(self, value: float, half: Floats) -> Bools:
        """Return whether the interval leaves out a value."""
        return np.abs(self.mean - value) > half

    def inside(self, margin: float, half: Floats) -> Bools:
        """Return whether the interval lies inside ±margin."""
        return np.abs(self.mean) + half <= margin

    def t_half(self) -> Floats:
        """Return half the widths of 95 % t intervals."""
        wide = special.stdtrit(self.n - 1, 1 - ALPHA / 2) * self.std / np.sqrt(self.n)
        return np.where(self.std > 0, wide, np.where(equal_tell(self.n, ALPHA), 0.0, np.inf))


def look(differences: Floats, first: int = FIRST_LOOK) -> Paths:
    """Look at differences, [trials, most], after each from the first look on."""
    n, mean, std = running(differences)
    return Paths(n[first - 1 :], mean[:, first - 1 :], std[:, first - 1 :])


def first_at(happened: Bools) -> NDArray[np.int64]:
    """Return the index of the first look at which something happened; where it never did, the number of looks."""
    return np.where(happened.any(axis=1), happened.argmax(axis=1), happened.shape[1])


def at(values: NDArray[Value], index: NDArray[np.int64]) -> NDArray[Value]:
    """Return of each trial the value at one look, the last one where the index is beyond it."""
    kept = np.minimum(index, values.shape[1] - 1)
    return values[np.arange(len(values)), kept]


def disagreements(differences: Floats, trials: int, margin: float | None = None) -> int:
    """Count the first trials' verdicts at some looks in which `compare_paired` and the arithmetic here differ."""
    paths = look(differences[:trials])
    half = paths.half(ALPHA)
    apart = paths.without(0.0, half)
    equal = np.zeros_like(apart) if margin is None else paths.inside(margin, half)
    wrong = 0
    for trial, row in enumerate(differences[:trials]):
        for n in CHECKED:
            arm, base = dict(enumerate(map(float, row[:n]))), dict.fromkeys(range(n), 0.0)
            verdict = compare_paired(arm, base, margin=margin, anytime=True).verdict
            k = n - FIRST_LOOK
            sign = "better" if paths.mean[trial, k] > 0 else "worse"
            expected = "equivalent" if equal[trial, k] else sign if apart[trial, k] else "unresolved"
            wrong += verdict != expected
    return wrong
