"""A bound from above for the mean of paired differences that holds at every number of seeds at once.

It is the one-sided companion of `confidence.py`: where a mistake can lie on one side only, as when the best arm is
thrown out of a race, all of alpha may be spent there. The prior on the effect size is the lower half of the same
normal. Given the differences, the chance of that half under the whole prior is a Student t probability (with the
right Haar prior on the std, by which the evidence does not depend on the unit), so that the evidence is that of
`confidence.py` times twice that chance, and the evidence of both sides has the two-sided one as its mean.

With a mean of 0 it is a test martingale. With a larger mean every difference is larger by as much, the evidence that it
is below 0 smaller: so its promise holds for all means from 0 on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.sequential.confidence import FIRST_LOOK, PRECISION

Floats = NDArray[np.float64]

BISECTIONS = 100
"""Halvings of the range in which a bound is sought, far below rounding."""


def log_evidence_below(n: Floats, effect: Floats) -> Floats:
    """Return the natural logarithm of the evidence that the mean is below 0, after n ≥ 2 normal differences.

    Args:
        n: how many there are.
        effect: their mean over their std (ddof = 1).
    """
    total = n + PRECISION
    squared = n * effect**2 / (n - 1)  # t² / (n − 1)
    shrunk = PRECISION / total
    two_sided = 0.5 * np.log(shrunk) + n / 2 * (np.log1p(squared) - np.log1p(shrunk * squared))
    t = effect * n * np.sqrt(n / (total * (n - 1 + shrunk * n * effect**2)))
    return two_sided + np.log(2 * special.stdtr(n, -t))


def reach(n: Floats, alpha: float) -> Floats:
    """Return by how many stds of n differences the bound of level 1 − alpha lies above their mean.

    The mean is below that, at all n together, with a chance of at least 1 − alpha. Where n differences leave nothing
    out it is inf: before the first look, and while even the most extreme ones are no evidence of 1 / alpha.
    """
    n = np.asarray(n, dtype=float)
    found = np.full(n.shape, np.inf)
    looked = n >= FIRST_LOOK
    m = n[looked]
    low, high = np.zeros(len(m)), np.full(len(m), 1e9)
    enough = log_evidence_below(m, -high) >= -np.log(alpha)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        beyond = log_evidence_below(m, -middle) >= -np.log(alpha)
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    found[looked] = np.where(enough, high, np.inf)
    return found
