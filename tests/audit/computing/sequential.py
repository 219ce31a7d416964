"""Confidence sequences by densities of Student's t and a search for roots: no formula of the project's code is used.

The mean of n normal differences over their spread, times the root of n, has Student's t distribution if their true mean
is 0. If that mean, over their true spread, is itself normal with variance 1 / 0.1, the same has Student's distribution
widened by sqrt(1 + n / 0.1). The evidence is how much denser the second one is.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from tests.audit.computing.own_statistics import MOST, Sample, p_value, sample

PRECISION, FIRST = 0.1, 3


class Look(NamedTuple):
    n: int
    low: float
    high: float


def log_evidence(t: float, n: int) -> float:
    """Return the log of the ratio of the two densities at t."""
    wider = math.sqrt(1 + n / PRECISION)
    return float(stats.t.logpdf(t, n - 1, scale=wider) - stats.t.logpdf(t, n - 1))


@cache
def critical(n: int, alpha: float) -> float:
    """Return the t from which on the evidence is 1 / alpha; infinity if it never is."""
    wanted = -math.log(alpha)
    if log_evidence(1e9, n) < wanted:
        return math.inf
    return float(optimize.brentq(lambda t: log_evidence(t, n) - wanted, 0.0, 1e9, xtol=1e-13, rtol=1e-14, maxiter=500))


def sequence(values: np.ndarray, size: float, alpha: float) -> list[Look]:
    """Return the interval of each number of differences; equal ones say nothing until as many coins rarely fall alike.

    Args:
        size: of the numbers that were subtracted, by which rounding is judged.
    """
    values = values[np.isfinite(values)]
    looks: list[Look] = []
    for n in range(FIRST, len(values) + 1):
        own = sample(values[:n], size)
        half = 0.0 if 2 / 2**n < alpha else math.inf
        if own.sd > 0:
            half = critical(n, alpha) * own.sd / math.sqrt(n)
        looks.append(Look(n, own.mean - half, own.mean + half))
    return looks


def interval(values: np.ndarray, size: float, alpha: float) -> tuple[float, float]:
    looks = sequence(values, size, alpha)
    return (looks[-1].low, looks[-1].high) if looks and math.isfinite(looks[-1].low) else (math.nan, math.nan)


def p_at_any_look(values: np.ndarray, size: float) -> float:
    """Return one over the evidence; of equal differences the share of sign flips that are as far from 0."""
    values = values[np.isfinite(values)]
    if len(values) < FIRST:
        return math.nan
    whole = sample(values, size)
    if whole.sd == 0:
        return p_value(values, whole)
    return min(1.0, math.exp(-log_evidence(whole.mean / whole.sd * math.sqrt(whole.n), whole.n)))


@cache
def would_settle(differences: Sample, margin: float, alpha: float) -> int | None:
    """Return the number at which the interval says something if mean and spread stay; it shrinks with each."""

    def says_something(n: int) -> bool:
        half = critical(n, alpha) * differences.sd / math.sqrt(n)
        return half < abs(differences.mean) or abs(differences.mean) + half <= margin

    if not differences.sd > 0 or not says_something(MOST):
        return None
    low, high = FIRST - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if says_something(middle) else (middle, high)
    return high
