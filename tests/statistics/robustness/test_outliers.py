"""Outliers and skewness: levels under normal and stepped differences, power, and values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.statistics.robustness.outliers import is_skewed, outliers, skewness

SAMPLES = 4000
"""Of which 2.5 % have a standard error of 0.25 points, and 4 % one of 0.31."""


def share(n: int, remarked: Callable[[np.ndarray], bool], draw: Callable[..., np.ndarray]) -> float:
    return float(np.mean([remarked(values) for values in draw(size=(SAMPLES, n))]))


def rng(n: int) -> np.random.Generator:
    return np.random.default_rng([24, n])


def remarked(values: np.ndarray) -> bool:
    return bool(outliers(values)) or is_skewed(values)


@pytest.mark.parametrize("n", [4, 5, 6, 8, 10, 15, 30])
def test_at_most_one_of_twenty_normal_samples_is_remarked_on(n: int) -> None:
    found = share(n, remarked, rng(n).normal)
    assert 0.015 < found < 0.048, found


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [5, 6, 10, 30])
def test_steps_of_an_accuracy_are_no_outliers(n: int, width: float) -> None:
    """Differences that move in steps of half a standard deviation to two."""
    found = share(n, lambda x: bool(outliers(np.round(x / width) * width)), rng(n).normal)
    assert found < 0.05, found


def test_one_step_is_never_an_outlier() -> None:
    for n in range(3, 31):
        assert outliers(np.array([0.0] * (n - 1) + [0.0033])) == []
    tenth = [0.3 - 0.2, 0.4 - 0.3, 0.1, 0.7 - 0.6, 1.1 - 1.0]
    assert len(set(tenth)) > 1 and outliers(np.array([*tenth, 0.2])) == []  # the same but for rounding


def test_an_outlier_is_told_from_its_distance_by_hand() -> None:
    """Of 0, 1, −1, 0, 1, −1, x the farthest is x: (x − x / 7) / s with s² = (4 + x² (1 − 1 / 7)) / 6, against 2.1266.

    That is (n − 1) t / √((n − 2 + t²) n) with the t of 1 − 0.025 / 14 and 5 degrees of freedom, 5.0305.
    """
    critical = 6 * 5.0305 / math.sqrt((5 + 5.0305**2) * 7)
    for x, is_far in ((4.7, False), (5.2, True)):
        distance = x * 6 / 7 / math.sqrt((4 + x * x * 6 / 7) / 6)
        assert (distance > critical) is is_far
        assert outliers(np.array([0.0, 1, -1, 0.02, 1.01, -1.02, x])) == [6] * is_far


@pytest.mark.parametrize(("n", "least"), [(5, 0.7), (6, 0.9), (8, 0.99), (10, 0.99), (30, 0.99)])
def test_a_collapse_by_ten_standard_deviations_is_found(n: int, least: float) -> None:
    values = rng(n).normal(size=(500, n))
    values[:, 1] -= 10
    assert np.mean([outliers(x) == [1] or 1 in outliers(x) for x in values]) > least


@pytest.mark.parametrize("n", [8, 10, 30])
def test_two_collapses_do_not_hide_each_other(n: int) -> None:
    values = rng(n).normal(size=(500, n))
    values[:, :2] -= 10
    assert np.mean([{0, 1} <= set(outliers(x)) for x in values]) > 0.95


@pytest.mark.parametrize("n", [8, 10, 25])
def test_skewness_is_scipys_and_so_is_its_test(n: int) -> None:
    for values in rng(n).exponential(size=(200, n)):
        assert skewness(values) == pytest.approx(scipy_stats.skew(values))
        assert is_skewed(values) == (scipy_stats.skewtest(values).pvalue < 0.025)
        assert skewness(-values) == pytest.approx(-skewness(values)) and is_skewed(-values) == is_skewed(values)


def test_few_values_and_values_without_a_spread_have_neither() -> None:
    assert math.isnan(skewness(np.array([1.0, 2.0]))) and math.isnan(skewness(np.ones(9)))
    assert not is_skewed(np.array([0.0] * 6 + [9.0])) and not is_skewed(np.ones(9))
    assert outliers(np.array([0.0, 0.001, 99.0])) == [] == outliers(np.ones(9)) == outliers(np.array([]))
