"""Median, seeds won and what n seeds can't exclude, against values computed by hand and another implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.statistics.robustness.differences import (
    describe,
    median_interval,
    order_of_median,
    paired_differences,
    rate_interval,
    unseen_failure,
)

NAN = math.nan


@pytest.mark.parametrize(("n", "percent"), [(3, 63), (6, 39), (10, 26), (30, 10)])
def test_so_many_seeds_leave_an_unseen_failure_that_likely(n: int, percent: int) -> None:
    assert round(100 * unseen_failure(n)) == percent
    assert (1 - unseen_failure(n)) ** n == pytest.approx(0.05)
    assert math.isnan(unseen_failure(0)) and unseen_failure(1) == 0.95


@pytest.mark.parametrize(("n", "order"), [(1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (30, 10)])
def test_the_median_lies_between_order_statistics_with_95_percent(n: int, order: int) -> None:
    """By hand: P(all six on one side) = 2 / 64; of nine, at most one on a side: 2 (1 + 9) / 512 = 3.9 %."""
    assert order_of_median(n) == order
    if order:
        covered = [1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2**n for k in (order, order + 1)]
        assert covered[0] >= 0.95 > covered[1]


def test_the_interval_of_the_median_is_made_of_values() -> None:
    shuffled = np.array([4.0, 1.0, 9.0, 2.0, 7.0, 5.0, 3.0, 8.0, 6.0])
    assert median_interval(shuffled) == (2.0, 8.0)
    assert median_interval(shuffled[:6]) == (1.0, 9.0)
    assert all(map(math.isnan, median_interval(shuffled[:5])))


def test_ties_are_counted_apart_and_rounding_is_a_tie() -> None:
    found = paired_differences({0: 0.3, 1: 0.9, 2: 0.5, 3: NAN, 4: 1.0}, {0: 0.1 + 0.2, 1: 0.8, 2: 0.7, 3: 0.1})
    assert found == {0: 0.0, 1: pytest.approx(0.1), 2: pytest.approx(-0.2)}
    about = describe(found)
    assert (about.won, about.lost, about.tied, about.median) == (1, 1, 1, 0.0)
    costs = describe({0: -1.0, 1: -2.0, 2: 0.5}, higher_is_better=False)
    assert (costs.won, costs.lost, costs.tied) == (2, 1, 0)


def test_too_few_and_equal_differences_are_defined() -> None:
    none = describe({})
    assert math.isnan(none.median) and math.isnan(none.unseen_failure) and math.isnan(none.skewness)
    assert (none.won, none.lost, none.tied, none.outliers, none.skewed) == (0, 0, 0, (), False)
    one = describe({7: -2.0})
    assert (one.median, one.lost, one.unseen_failure) == (-2.0, 1, 0.95)
    equal = describe(dict.fromkeys(range(9), 0.5))
    assert (equal.median, equal.median_low, equal.median_high) == (0.5, 0.5, 0.5)
    assert math.isnan(equal.skewness) and not equal.skewed and equal.outliers == ()


def test_the_seed_is_named_not_its_place() -> None:
    found = describe({3: 0.1, 10: -0.1, 11: 0.05, 12: 0.0, 13: -0.07, 20: -50.0, 21: 0.02})
    assert found.outliers == (20,) and found.lost == 3 and found.tied == 1


@pytest.mark.parametrize(("count", "n"), [(0, 6), (1, 10), (2, 6), (6, 6)])
def test_the_interval_of_a_rate_is_scipys_exact_one(count: int, n: int) -> None:
    theirs = scipy_stats.binomtest(count, n).proportion_ci(0.95, method="exact")
    assert rate_interval(count, n) == pytest.approx((theirs.low, theirs.high))
