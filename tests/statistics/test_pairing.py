"""What pairing gained: the correlation over seeds with its interval, and the spread that it saves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.statistics.comparisons import compare_paired


def arms(n: int, shared: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    luck, own = np.random.default_rng(seed).normal(size=n), np.random.default_rng(seed + 1).normal(size=(2, n))
    return shared * luck + own[0], 3 * (shared * luck + own[1])


def compared(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float, float]:
    c = compare_paired(dict(enumerate(map(float, a))), dict(enumerate(map(float, b))))
    return c.correlation, c.correlation_low, c.correlation_high, c.spread_ratio


@pytest.mark.parametrize("n", [4, 6, 30])
@pytest.mark.parametrize("shared", [-1.0, 0.0, 2.0])
def test_it_is_scipys_correlation_with_fishers_interval(n: int, shared: float) -> None:
    a, b = arms(n, shared, seed=n)
    theirs = scipy_stats.pearsonr(a, b)
    r, low, high, ratio = compared(a, b)
    assert r == pytest.approx(theirs.statistic)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    x, y = a.std(ddof=1), b.std(ddof=1)
    assert ratio == pytest.approx(math.sqrt(1 - 2 * r * x * y / (x**2 + y**2)))


def test_too_few_or_equal_values_have_none() -> None:
    a, b = arms(3, 1.0)
    r, low, high, ratio = compared(a, b)
    assert math.isfinite(r) and math.isnan(low) and math.isnan(high) and ratio > 0
    assert math.isnan(compared(a[:2], b[:2])[0]) and math.isfinite(compared(a[:2], b[:2])[3])
    assert all(map(math.isnan, compared(a[:1], b[:1])))
    assert compared(a, a)[0] == pytest.approx(1) and math.isnan(compared(a, a)[1]) and compared(a, a)[3] == 0
    constant = np.full(8, 0.1)
    r, low, high, ratio = compared(arms(8, 1.0)[0], constant)
    assert math.isnan(r) and math.isnan(low) and ratio == pytest.approx(1), "a constant arm shares nothing"
    assert all(map(math.isnan, compared(constant, constant)))
