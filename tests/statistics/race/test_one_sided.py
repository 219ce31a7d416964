"""The one-sided bound, against numerical integration, the two-sided evidence, and simulated looks at every number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from bench.statistics.sequential.confidence import PRECISION, equal_tell, evidence, half_width
from bench.statistics.sequential.one_sided import log_evidence_below, reach


def effects(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of differences and mean / std up to each, from the third on."""
    n = np.arange(3, len(differences) + 1)
    return n, np.array([differences[:k].mean() / differences[:k].std(ddof=1) for k in n])


@pytest.mark.parametrize(("n", "effect"), [(3, -2.0), (5, -0.4), (8, -1.5), (12, 0.7), (30, -0.3)])
def test_it_is_the_mixture_of_likelihood_ratios_of_t(n: int, effect: float) -> None:
    """Over the lower half of the normal prior, doubled; the ratio of t under an effect to t under none."""
    t = effect * np.sqrt(n)

    def weighed(size: float) -> float:
        ratio = stats.nct.pdf(t, n - 1, -size * np.sqrt(n)) / stats.t.pdf(t, n - 1)
        return float(2 * stats.norm.pdf(size, scale=1 / np.sqrt(PRECISION)) * ratio)

    expected, _ = integrate.quad(weighed, 0, 20, limit=200)
    assert np.exp(log_evidence_below(np.array([n]), np.array([effect])))[0] == pytest.approx(expected, rel=1e-5)


def test_both_sides_together_are_the_two_sided_evidence() -> None:
    d = np.random.default_rng(0).normal(0.3, 1.0, 20)
    n, effect = effects(d)
    both = np.exp(log_evidence_below(n, effect)) + np.exp(log_evidence_below(n, -effect))
    np.testing.assert_allclose(both / 2, np.exp(evidence(d)[2:]), rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 39])
def test_at_the_bound_the_evidence_is_as_much_as_is_asked_for(alpha: float) -> None:
    n = np.arange(31)
    found = reach(n, alpha)
    assert np.isinf(found[:3]).all() and np.isfinite(found[6:]).all() and (np.diff(found[6:]) < 0).all()
    inside = np.isfinite(found)
    np.testing.assert_allclose(log_evidence_below(n[inside], -found[inside]), -np.log(alpha), rtol=1e-9)


def test_few_differences_leave_nothing_out_however_extreme() -> None:
    """The most evidence of n differences below 0 is 2 ((n + c) / c)^((n − 1) / 2), c the prior's precision."""
    most = 2 * ((3 + PRECISION) / PRECISION)
    assert np.isfinite(reach(np.array([3]), 1.01 / most)[0]) and np.isinf(reach(np.array([3]), 0.99 / most)[0])


def test_whoever_looks_after_each_difference_errs_as_rarely_as_is_said() -> None:
    """A mean of 0 is the worst case of those that are not below 0."""
    d = np.random.default_rng(1).normal(size=(20_000, 30))
    n = np.arange(1, 31)
    bound = reach(n, 0.05)

    def ever_below(x: np.ndarray) -> float:
        std = np.array([x[:, :k].std(axis=1, ddof=1) if k > 1 else np.ones(len(x)) for k in n]).T
        return float((np.cumsum(x, axis=1) / n + bound * std < 0).any(axis=1).mean())

    assert 0.01 < ever_below(d) <= 0.05  # of 20,000; at 30 looks it is 0.03
    assert ever_below(d + 0.3) < ever_below(d) / 3
    assert ever_below(d - 1.0) > 0.95


def test_equal_differences_count_like_throws_of_a_coin() -> None:
    n = np.arange(12)
    assert equal_tell(n, 0.05, sides=1).argmax() == 5  # 1 / 2⁵ = 3.1 %
    assert equal_tell(n, 0.05 / 9, sides=1).argmax() == 8
    assert equal_tell(n, 0.5, sides=1).argmax() == 3  # the first look
    assert equal_tell(n, 0.05).argmax() == 6  # 2 / 2⁶ = 3.1 %


def test_a_two_sided_bound_has_half_of_its_level_on_either_side() -> None:
    """So that who asks on one side of it, as `bench.statistics.best` does, errs half as often."""
    n = np.arange(4.0, 60)
    for alpha in (0.05, 0.05 / 3, 0.05 / 9):
        assert half_width(n, np.ones(len(n)), alpha) == pytest.approx(reach(n, alpha / 2), rel=1e-3)
        assert (reach(n, alpha / (2 - alpha)) < half_width(n, np.ones(len(n)), alpha)).all()
    effect = np.linspace(0.01, 5, 50)[:, None]  # of means that do not lie below 0, the evidence that they do
    assert (log_evidence_below(n, effect) < 0).all()
