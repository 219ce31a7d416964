"""The confidence sequence against a second implementation, and what it promises of any differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize
from scipy import stats as scipy_stats

from bench.statistics.sequential.confidence import (
    FIRST_LOOK,
    PRECISION,
    Look,
    anytime_interval,
    anytime_p,
    confidence_sequence,
    evidence,
    half_width,
    log_evidence,
    running,
    seeds_to_settle,
)


def with_moments(n: int, mean: float, std: float) -> np.ndarray:
    """n differences with exactly this mean and std."""
    x = np.random.default_rng(n).normal(size=n)
    return mean + std * (x - x.mean()) / x.std(ddof=1)


def by_quadrature(n: int, t: float) -> float:
    """The evidence as it is defined: the prior's mean of the noncentral t density over the central one."""

    def weighted(effect: float) -> float:
        prior = scipy_stats.norm.pdf(effect, scale=1 / math.sqrt(PRECISION))
        return float(scipy_stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * prior)

    around = t / math.sqrt(n)
    edges = [-40.0, around - 3, around, around + 3, 40.0]
    parts = [
        integrate.quad(weighted, low, high, epsabs=0, epsrel=1e-9, limit=200)[0]
        for low, high in itertools.pairwise(edges)
    ]
    return float(sum(parts) / scipy_stats.t.pdf(t, n - 1))


@pytest.mark.parametrize("n", [3, 4, 7, 15, 40])
@pytest.mark.parametrize("t", [0.0, 0.7, 2.3, -4.0, 6.5])
def test_the_evidence_is_the_mean_ratio_of_noncentral_to_central_t_densities(n: int, t: float) -> None:
    found = evidence(with_moments(n, t / math.sqrt(n), 1.0))[-1]
    assert math.exp(found) == pytest.approx(by_quadrature(n, t), rel=1e-6)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.05 / 49])
@pytest.mark.parametrize("n", [3, 4, 8, 30, 500])
def test_the_half_width_is_where_the_evidence_is_one_over_alpha(n: int, alpha: float) -> None:
    size, std = np.array(float(n)), np.array(1.7)

    def lacks(mean: float) -> float:
        return float(log_evidence(size, np.array(mean), std)) + math.log(alpha)

    if lacks(1e9) < 0:  # no mean has so much evidence
        assert half_width(size, std, alpha) == math.inf
    else:
        assert half_width(size, std, alpha) == pytest.approx(optimize.brentq(lacks, 0, 1e9, xtol=1e-12), rel=1e-6)


def test_three_differences_alike_settle_one_comparison_and_no_table() -> None:
    d = np.array([1.0, 1.0 + 1e-9, 1.0 - 1e-9])
    assert evidence(d)[-1] == pytest.approx(math.log((3 + PRECISION) / PRECISION)), "the most that three can have"
    assert anytime_interval(d, 0.01) == pytest.approx((math.nan, math.nan), nan_ok=True)
    assert anytime_interval(d, 0.05)[0] > 0


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_an_interval_leaves_out_0_exactly_if_p_is_below_its_level(alpha: float) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(400):
        d = rng.choice([0.0, 1.0, 3.0]) + rng.standard_t(3, int(rng.integers(3, 20)))
        low, high = anytime_interval(d, alpha)
        seen.add(anytime_p(d) < alpha)
        assert (low > 0 or high < 0) == (anytime_p(d) < alpha)
        if math.isfinite(low):
            assert (low + high) / 2 == pytest.approx(d.mean())
    assert seen == {True, False}


def test_the_means_and_stds_are_numpys() -> None:
    rng = np.random.default_rng(1)
    for shift, outlier in ((0, 0), (1e6, 0), (0, 1e7), (-3, -1e7)):
        d = shift + rng.normal(size=60)
        d[int(rng.integers(60))] += outlier
        n, mean, std = running(d)
        assert list(n) == list(range(1, 61))
        np.testing.assert_allclose(mean, [d[:k].mean() for k in range(1, 61)], rtol=1e-11)
        np.testing.assert_allclose(std[1:], [d[:k].std(ddof=1) for k in range(2, 61)], rtol=1e-9)
        assert std[0] == 0
    rows = rng.normal(size=(4, 9))
    for row, means, stds in zip(rows, *running(rows)[1:], strict=True):
        np.testing.assert_allclose((means, stds), running(row)[1:])


@pytest.mark.parametrize("power", [-996, -300, 300, 990])
def test_the_unit_does_not_matter(power: int) -> None:
    """From 1e-300 to 1e299, where squares are out of range."""
    d, scale = 1.5 + np.random.default_rng(2).normal(size=12), 2.0**power
    np.testing.assert_allclose(evidence(scale * d)[2:], evidence(d)[2:], rtol=1e-9)
    assert anytime_p(scale * d) == pytest.approx(anytime_p(d))
    found, plain = anytime_interval(scale * d, 0.05), anytime_interval(d, 0.05)
    assert [end / scale for end in found] == pytest.approx(plain)


def test_the_sign_and_the_order_of_seeds_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    d = 1 + rng.normal(size=9)
    low, high = anytime_interval(d, 0.05)
    assert anytime_interval(-d, 0.05) == (-high, -low)
    assert anytime_interval(rng.permutation(d), 0.05) == pytest.approx((low, high))
    assert anytime_p(rng.permutation(d)) == pytest.approx(anytime_p(-d))


def test_intervals_of_a_higher_confidence_hold_those_of_a_lower() -> None:
    n, std = np.arange(3.0, 10_001), np.ones(9_998)
    wide, narrow = half_width(n, std, 0.01), half_width(n, std, 0.05)
    assert (wide > narrow).all() and (np.diff(narrow) < 0).all() and narrow[-1] < 0.05


def test_before_the_first_look_nothing_is_said() -> None:
    for n in range(FIRST_LOOK):
        d = np.arange(1.0, n + 1)
        assert confidence_sequence(d, 0.05) == [] and math.isnan(anytime_p(d))
        assert all(math.isnan(end) for end in anytime_interval(d, 0.05))
        assert (evidence(d) == -np.inf).all() and len(evidence(d)) == n


def test_equal_differences_say_nothing_before_coins_would() -> None:
    for value in (0.0, 0.3, -1e-7):
        five, six = np.full(5, value), np.full(6, value)
        assert all(math.isnan(end) for end in anytime_interval(five, 0.05))
        assert anytime_interval(six, 0.05) == (value, value)
        assert all(math.isnan(end) for end in anytime_interval(six, 0.01)), "of five under Holm it takes eight"
        assert anytime_interval(np.full(8, value), 0.01) == (value, value)
        assert anytime_p(six) == (1.0 if value == 0 else 2 / 2**6)
        assert [look.low for look in confidence_sequence(six, 0.05)] == [-math.inf] * 3 + [value]


def test_ties_and_then_a_spread_are_judged_by_the_spread() -> None:
    ties = np.array([0.2, 0.2, 0.2, 0.2, -0.1])
    assert list(evidence(ties)[:4]) == [-np.inf] * 4
    assert evidence(ties)[-1] == pytest.approx(evidence(ties[::-1])[-1])
    assert confidence_sequence(ties, 0.05)[0] == Look(3, -math.inf, math.inf)
    assert anytime_interval(ties, 0.05)[0] < 0 < anytime_interval(ties, 0.05)[1]
    rounding = np.array([0.1, 0.1 + 1e-16, 0.1])
    assert rounding[1] > 0.1 and anytime_p(rounding) == 2 / 2**3, "a spread of rounding is none"
    assert list(evidence(rounding)) == [-np.inf] * 3 and math.isnan(anytime_interval(rounding, 0.05)[0])


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(
    ("mean", "std", "margin"), [(1.0, 1.0, None), (-0.4, 1.0, None), (2.5, 0.5, 3.0), (0.1, 1.0, 1.0), (0.2, 0.0, None)]
)
def test_seeds_to_settle_are_those_at_which_such_differences_settle(
    mean: float, std: float, margin: float | None, alpha: float
) -> None:
    n = seeds_to_settle(mean, std, margin=margin, alpha=alpha)
    assert n is not None
    for seeds in (n - 1, n):
        low, high = anytime_interval(with_moments(seeds, mean, std), alpha)
        inside = margin is not None and -margin <= low and high <= margin
        assert (low > 0 or high < 0 or inside) == (seeds == n)


def test_what_never_settles_needs_no_number_of_seeds() -> None:
    assert seeds_to_settle(0.0, 1.0, margin=None, alpha=0.05) is None
    assert seeds_to_settle(1e-4, 1.0, margin=None, alpha=0.05) is None, "above 10,000"
    assert seeds_to_settle(0.0, 0.0, margin=None, alpha=0.05) is None
    assert seeds_to_settle(0.0, 0.0, margin=0.1, alpha=0.05) == 6
    assert seeds_to_settle(0.5, math.nan, margin=None, alpha=0.05) is None, "one seed has no spread"
