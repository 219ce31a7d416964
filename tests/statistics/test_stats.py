"""Every statistic against a second implementation or a case worked by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from bench.statistics import estimates
from bench.statistics.comparisons import compare_paired, holm, holm_family, mean_interval
from bench.statistics.paired import Comparison


def arms(n: int, gap: float = 0.0, seed: int = 0) -> tuple[dict[int, float], dict[int, float]]:
    rng = np.random.default_rng(seed)
    luck = rng.normal(size=n)
    a, b = luck + rng.normal(size=n) + gap, luck + rng.normal(size=n)
    return dict(enumerate(map(float, a))), dict(enumerate(map(float, b)))


def compare_differences(*d: float, **options: object) -> Comparison:
    return compare_paired(dict(enumerate(d)), dict.fromkeys(range(len(d)), 0.0), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30])
def test_paired_t_is_scipys(n: int) -> None:
    a, b = arms(n, 0.7, seed=n)
    c = compare_paired(a, b)
    theirs = scipy_stats.ttest_rel(list(a.values()), list(b.values()))
    assert c.p_t == pytest.approx(theirs.pvalue, rel=1e-9)
    low, high = theirs.confidence_interval(0.95)
    assert (c.low, c.high) == pytest.approx((low, high), rel=1e-9)
    assert c.p_holm == c.p_t and c.normal_assumption == (n < 6)


def test_mean_interval_is_scipys_and_follows_its_level() -> None:
    x = [1.0, 2.0, 4.0, 8.0]
    for level in (0.8, 0.95):
        found = mean_interval(x, level)
        theirs = scipy_stats.t.interval(level, 3, loc=np.mean(x), scale=scipy_stats.sem(x))
        assert (found.low, found.high) == pytest.approx(theirs)
    assert found.mean == 3.75 and found.std == pytest.approx(np.std(x, ddof=1)) and found.n == 4


def test_mean_interval_without_a_spread() -> None:
    none, one, equal = mean_interval([]), mean_interval([2.5]), mean_interval([0.1] * 7)
    assert none.n == 0 and all(math.isnan(v) for v in (none.mean, none.std, none.low, none.high))
    assert (one.n, one.mean) == (1, 2.5) and all(math.isnan(v) for v in (one.std, one.low, one.high))
    assert equal.std == 0 and equal.low == equal.high == equal.mean


@pytest.mark.parametrize("n", [1, 2, 3, 6, 8])
def test_sign_flip_is_the_enumeration(n: int) -> None:
    d = np.random.default_rng(n).normal(0.5, 1, n)
    sums = [abs(np.dot(signs, d)) for signs in itertools.product((1, -1), repeat=n)]
    expected = np.mean([s >= abs(d.sum()) - 1e-12 for s in sums])
    assert estimates.sign_flip_p(d) == pytest.approx(expected)


def test_sign_flip_is_scipys_permutation_test() -> None:
    d = np.random.default_rng(5).normal(0.3, 1, 9)
    theirs = scipy_stats.permutation_test((d, np.zeros(9)), lambda x, y: np.mean(x - y), permutation_type="samples")
    assert estimates.sign_flip_p(d) == pytest.approx(theirs.pvalue)


def test_sign_flip_counts_ties_and_reaches_its_smallest_p() -> None:
    assert estimates.sign_flip_p([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]) == 2 / 2**6
    assert estimates.sign_flip_p([1.0, -1.0]) == 1.0
    assert estimates.sign_flip_p([1.0, 2.0, 3.0]) == 0.25
    assert math.isnan(estimates.sign_flip_p([]))


def test_sign_flip_beyond_enumeration_agrees_with_it_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    d = np.random.default_rng(3).normal(0.45, 1, 17)
    monte_carlo = estimates.sign_flip_p(d)
    assert estimates.sign_flip_p(d) == monte_carlo
    monkeypatch.setattr(estimates, "EXACT_SIGNFLIP_N", 17)
    exact = estimates.sign_flip_p(d)
    assert 0.005 < exact < 0.5
    assert abs(monte_carlo - exact) < 4 * math.sqrt(exact * (1 - exact) / estimates.MONTE_CARLO_FLIPS) + 1e-5
    assert monte_carlo != exact
    assert estimates.sign_flip_p(np.full(40, 1.0)) > 0


def test_effect_size_is_hedges() -> None:
    c = compare_differences(1.0, 2.0, 3.0, 6.0)
    d_z = 3.0 / np.std([1, 2, 3, 6], ddof=1)
    j = math.gamma(1.5) / (math.sqrt(1.5) * math.gamma(1.0))  # m = 3
    assert c.effect_size == pytest.approx(j * d_z)
    assert c.effect_size == pytest.approx(d_z * (1 - 3 / (4 * 3 - 1)), rel=0.01)  # the usual approximation
    assert math.isnan(compare_differences(1.0, 2.0).effect_size)


def test_holm_is_statsmodels_and_step_down_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    p = np.random.default_rng(0).uniform(0, 0.1, 12)
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1])
    with_nan = holm([0.01, math.nan, 0.03])
    assert [with_nan[0], with_nan[2]] == pytest.approx([0.02, 0.03]) and math.isnan(with_nan[1])
    assert holm([]) == [] and all(math.isnan(p) for p in holm([math.nan]))


def test_a_family_turns_a_lone_win_into_unresolved_and_widens_its_interval() -> None:
    alone = compare_differences(1.0, 2.0, 1.4, 1.9, 0.2)
    assert 0.005 < alone.p_t < 0.05 and alone.verdict == "better"
    noise = {i: compare_differences(1.0, -1.0, 0.5 * i, -0.3, 0.1) for i in range(9)}
    member = holm_family({"x": alone, **noise})["x"]
    assert member.verdict == "unresolved" and member.p_holm == pytest.approx(10 * alone.p_t)
    assert (member.low_95, member.high_95) == (alone.low_95, alone.high_95) == pytest.approx((alone.low, alone.high))
    assert alone.level == 0.95 and member.level == pytest.approx(1 - 0.05 / 10) and member.low < 0 < alone.low
    assert member.seeds_needed is not None and member.seeds_needed > member.n


def test_verdicts() -> None:
    clear = (35.1, 34.8, 34.9)
    assert compare_differences(*clear).verdict == "better"
    assert compare_differences(*clear, higher_is_better=False).verdict == "worse"
    assert compare_differences(*(-d for d in clear)).verdict == "worse"
    assert compare_differences(0.05, -0.1, 0.2, margin=0.01).verdict == "unresolved"
    assert compare_differences(0.05, -0.1, 0.2, margin=1.0).verdict == "equivalent"
    # Resolved, but smaller than the difference said not to matter: equivalent comes first.
    assert compare_differences(0.10, 0.11, 0.12).verdict == "better"
    assert compare_differences(0.10, 0.11, 0.12, margin=0.5).verdict == "equivalent"
    # Resolved, and the interval reaches over the margin: better.
    assert compare_differences(0.48, 0.50, 0.55, margin=0.5).verdict == "better"


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_seeds_are_unresolved_without_numbers(n: int) -> None:
    c = compare_differences(*[3.0] * n, margin=5.0)
    assert c.verdict == "unresolved" and c.n == n and c.seeds_needed is None and c.normal_assumption
    assert all(math.isnan(v) for v in (c.low, c.high, c.std, c.p_t, c.p_holm, c.effect_size))
    assert math.isnan(c.difference) if n == 0 else c.difference == 3.0
    assert holm_family({"only": c}, margin=5.0)["only"].verdict == "unresolved"


def test_all_equal_differences() -> None:
    zero = compare_differences(0.0, 0.0, 0.0)
    assert zero.verdict == "unresolved" and zero.std == 0 and zero.seeds_needed is None
    assert compare_differences(0.0, 0.0, 0.0, margin=0.5).verdict == "equivalent"
    five, six = compare_differences(*[0.1] * 5), compare_differences(*[0.1] * 6)
    assert five.verdict == "unresolved" and five.seeds_needed == 6 and five.low_95 == five.high_95 == five.difference
    assert six.verdict == "better" and six.p_holm == six.p_signflip == 2 / 2**6 and math.isnan(six.p_t)
    assert compare_differences(*[0.1] * 6, margin=0.2).verdict == "equivalent"
    family = holm_family(dict.fromkeys(range(4), six))  # 4 x 0.031: out of a sign-flip's reach until n = 8
    assert family[0].verdict == "unresolved" and family[0].seeds_needed == 8


def test_rounding_is_not_a_spread() -> None:
    a = {i: 0.3 + 0.1 * i for i in range(4)}
    b = {i: 0.2 + 0.1 * i for i in range(4)}
    assert len({a[i] - b[i] for i in a}) > 1  # they do differ in the last bits
    c = compare_paired(a, b)
    assert c.std == 0 and math.isnan(c.p_t) and c.verdict == "unresolved"
    assert compare_paired({i: v + 1e-9 * i for i, v in a.items()}, b).std > 0


def test_pairs_are_common_finite_seeds_and_the_rest_is_named() -> None:
    a = {0: 1.0, 1: 2.0, 2: math.nan, 3: 4.0, 5: 5.0}
    b = {0: 0.5, 1: 1.0, 2: 1.0, 3: math.inf, 4: 1.0}
    c = compare_paired(a, b)
    assert (c.n, c.dropped) == (2, (2, 3, 4, 5)) and c.difference == pytest.approx(0.75)


@pytest.mark.parametrize("margin", [None, 0.8])
@pytest.mark.parametrize("seed", range(12))
def test_swapping_the_arms_flips_every_sign_and_nothing_else(seed: int, margin: float | None) -> None:
    n = 2 + seed % 6 if seed < 11 else 18
    a, b = arms(n, gap=seed % 4, seed=seed)
    one, other = compare_paired(a, b, margin=margin), compare_paired(b, a, margin=margin)
    flip = {"better": "worse", "worse": "better"}
    assert other.verdict == flip.get(one.verdict, one.verdict)
    assert (other.difference, other.low, other.high) == pytest.approx((-one.difference, -one.high, -one.low))
    assert (other.p_t, other.p_signflip, other.std) == pytest.approx((one.p_t, one.p_signflip, one.std))
    assert other.effect_size == pytest.approx(-one.effect_size, nan_ok=True)
    assert other.seeds_needed == one.seeds_needed


@pytest.mark.parametrize("effect", [0.05, 0.3, 1.0, 2.5])
def test_power_and_seeds_needed_are_statsmodels(effect: float) -> None:
    for n in (2, 5, 12):
        assert estimates.t_power(effect, n) == pytest.approx(TTestPower().power(effect, n, 0.05), abs=1e-9)
    needed = estimates.seeds_needed(estimates.Interval(-effect, 1.0, 3, -9.0, 9.0))
    assert needed is not None
    smallest = math.ceil(TTestPower().solve_power(effect, power=0.8, alpha=0.05))
    assert needed == max(smallest, 2)


def test_seeds_needed_knows_its_limits() -> None:
    assert compare_differences(1.0, -1.001, 0.001).seeds_needed is None  # above 10,000
    c = compare_differences(1.0, -1.0, 0.3)
    assert c.seeds_needed is not None and c.seeds_needed > 3
    assert compare_differences(35.1, 34.8, 34.9).seeds_needed is None  # resolved: nothing is needed
    huge = estimates.Interval(1e6, 1.0, 3, 0.0, 0.0)  # noncentral t underflows here
    assert estimates.seeds_needed(huge) == 2


def test_seeds_needed_counts_the_way_to_equivalent() -> None:
    without, with_margin = (compare_differences(0.9, -0.7, 0.1, -0.1, margin=m) for m in (None, 0.6))
    assert with_margin.verdict == "unresolved" and with_margin.seeds_needed is not None
    assert without.seeds_needed is None or without.seeds_needed > with_margin.seeds_needed
    n, s = with_margin.seeds_needed, with_margin.std
    draws = np.random.default_rng(0).normal(with_margin.difference, s, (20_000, n))
    half = scipy_stats.t.ppf(0.975, n - 1) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    rate = float((np.abs(draws.mean(axis=1)) + half <= 0.6).mean())
    assert 0.79 < rate < 0.86  # n is whole, so a little above 80 %
