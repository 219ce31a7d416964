"""How many seeds a difference needs: a range that covers the truth, since few seeds fix neither gap nor spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower

from bench.statistics import estimates
from bench.statistics.estimates import Interval, effect_interval, seeds_needed, seeds_range


def observed(mean: float, std: float, n: int) -> Interval:
    return Interval(mean, std, n, math.nan, math.nan)


@pytest.mark.parametrize(("mean", "n"), [(0.3, 3), (-0.3, 3), (5.0, 2), (-40.0, 3), (0.0, 6), (1.0, 30)])
def test_the_effect_interval_inverts_scipys_noncentral_t(mean: float, n: int) -> None:
    low, high = effect_interval(observed(mean, 1.0, n))
    t = mean * math.sqrt(n)
    chances = [scipy_stats.nct.cdf(t, n - 1, end * math.sqrt(n)) for end in (low, high)]
    assert chances == pytest.approx([0.975, 0.025], abs=5e-4) and low < high


def test_the_effect_interval_needs_a_spread() -> None:
    for found in (observed(1.0, 0.0, 5), observed(1.0, math.nan, 1), observed(math.nan, math.nan, 0)):
        assert all(map(math.isnan, effect_interval(found))) and seeds_range(found) == (None, None)


def test_the_ends_are_statsmodels_seeds_at_the_ends_of_the_effect() -> None:
    found = observed(2.0, 1.0, 6)  # far enough from 0 for the interval not to hold it
    low, high = effect_interval(found)
    assert low > 0
    needed = [math.ceil(TTestPower().solve_power(effect, power=0.8, alpha=0.05)) for effect in (high, low)]
    assert list(seeds_range(found)) == needed
    stricter = [math.ceil(TTestPower().solve_power(effect, power=0.8, alpha=0.01)) for effect in (high, low)]
    assert list(seeds_range(found, alpha=0.01)) == stricter


def test_a_difference_that_may_be_0_may_never_be_resolved_but_for_a_margin() -> None:
    found = observed(-0.03, 0.083, 3)  # accuracy of the published page, in points
    assert seeds_needed(found, margin=0.1) == 14
    fewest, most = seeds_range(found)
    assert fewest is not None and 3 < fewest < 10 and most is None
    fewest, most = seeds_range(found, margin=0.1)
    assert fewest is not None and most is not None and fewest < 10 and most > 200, "three seeds are too few to say"


def test_the_range_covers_the_seeds_that_are_truly_needed() -> None:
    """At n = 3, effect 1, 10 seeds are needed; what three seeds alone would print varies from 3 to hundreds."""
    rng = np.random.default_rng(0)
    truth = seeds_needed(observed(1.0, 1.0, 3))
    assert truth == 10
    printed, covered = [], []
    for d in rng.normal(1.0, 1.0, (400, 3)):
        found = observed(float(d.mean()), float(d.std(ddof=1)), 3)
        printed.append(seeds_needed(found) or estimates.MAX_SEEDS)
        fewest, most = seeds_range(found)
        assert fewest is not None
        covered.append(fewest <= truth <= (most or math.inf))
    assert np.quantile(printed, 0.05) <= 4 and np.quantile(printed, 0.95) > 200
    assert np.mean(covered) > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize(("mean", "std", "n", "margin"), [(0.2, 0.4, 4, 0.5), (0.0, 1.0, 8, 0.5), (2.0, 1.0, 3, 0.5)])
def test_with_a_margin_the_ends_are_those_of_a_search(mean: float, std: float, n: int, margin: float) -> None:
    """Over effects and spreads within their intervals, by the quicker of the two ways to a verdict."""
    low, high = effect_interval(observed(mean, std, n))
    spreads = [std * math.sqrt((n - 1) / scipy_stats.chi2.ppf(p, n - 1)) for p in (0.975, 0.5, 0.025)]
    needed = [
        seeds_needed(observed(effect * spread, spread, 2), margin=margin) or 10_001
        for spread in spreads
        for effect in np.linspace(low, high, 41)
    ]
    fewest, most = seeds_range(observed(mean, std, n), margin=margin)
    assert fewest == min(needed)
    assert most is None or most >= max(needed)
    assert most is None or most <= 4 * max(needed), "the hardest effect lies between two of the search"


def test_the_most_is_no_less_than_what_some_effect_within_the_interval_takes() -> None:
    """Where being told from 0 and shown inside the margin take equally long; a thousandth beside it is too few."""
    mean, std, n, margin = 0.249, 0.942, 3, 0.5
    low, high = effect_interval(observed(mean, std, n))
    spread = std * math.sqrt((n - 1) / scipy_stats.chi2.ppf(0.025, n - 1))
    needed = [
        seeds_needed(observed(effect * spread, spread, 2), margin=margin) or 10_001
        for effect in np.linspace(max(low, 0), high, 401)
    ]
    assert max(needed) <= (seeds_range(observed(mean, std, n), margin=margin)[1] or 0) <= 1.05 * max(needed)
