"""How often verdicts on means are wrong where an arm rarely collapses: the numbers that pages and docs give."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench.statistics.comparisons import compare_paired
from bench.statistics.robustness.outliers import is_skewed, outliers

TRIALS = 20_000
Draw = Callable[[np.random.Generator, int], np.ndarray]


def collapse(rng: np.random.Generator, n: int) -> np.ndarray:
    """Differences [TRIALS, n] with a mean of 0: one arm is 10 standard deviations lower in one seed of ten."""
    return rng.normal(size=(TRIALS, n)) + 1 - 10 * (rng.random((TRIALS, n)) < 0.1)


def exponential(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.exponential(size=(TRIALS, n)) - 1


def log_normal(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.exp(rng.normal(size=(TRIALS, n))) - np.exp(0.5)


@pytest.mark.parametrize(
    ("draw", "percent"),
    [(exponential, (11, 11, 10, 7)), (log_normal, (16, 17, 16, 12)), (collapse, (13, 28, 28, 9))],
)
def test_verdicts_on_means_are_wrong_that_often(draw: Draw, percent: tuple[int, ...]) -> None:
    rng = np.random.default_rng(24)
    for n, expected in zip((3, 6, 10, 30), percent, strict=True):
        p = scipy_stats.ttest_1samp(draw(rng, n), 0.0, axis=1).pvalue
        assert 100 * float((p < 0.05).mean()) == pytest.approx(expected, abs=1.0)


def test_our_verdicts_are_those_of_that_test() -> None:
    for d in collapse(np.random.default_rng(24), 6)[:300]:
        found = compare_paired(dict(enumerate(map(float, d))), dict.fromkeys(range(6), 0.0))
        assert (found.verdict != "unresolved") == (scipy_stats.ttest_1samp(d, 0.0).pvalue < 0.05)


def test_a_wrong_verdict_has_mostly_seen_no_failure() -> None:
    """So no remark can warn of it, and the page says up to what rate a failure may have gone unseen."""
    rng = np.random.default_rng(24)
    d = collapse(rng, 10)
    wrong = d[scipy_stats.ttest_1samp(d, 0.0, axis=1).pvalue < 0.05][:1000]
    remarked = np.mean([bool(outliers(x)) or is_skewed(x) for x in wrong])
    assert remarked < 0.1, remarked
