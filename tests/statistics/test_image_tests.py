"""Per-image tests against scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from archs.errors import UserError
from bench.statistics.image_tests import mcnemar, paired_images, paired_images_over_seeds


@pytest.mark.parametrize("seed", range(4))
def test_mcnemar_is_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random(400) < 0.9, rng.random(400) < 0.87
    found = mcnemar(a, b)
    table = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    assert [[found.both, found.only_a], [found.only_b, found.neither]] == table
    assert found.p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert found.difference == pytest.approx(a.mean() - b.mean()) and found.n == 400


def test_mcnemar_by_hand_and_without_discordant_images() -> None:
    a, b = [1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0]
    assert mcnemar(a, b).p == 2 / 2**5  # five discordant images, all one way
    same = mcnemar(a, a)
    assert (same.p, same.difference, same.only_a, same.only_b) == (1.0, 0.0, 0, 0)


def test_paired_images_is_scipys_paired_t() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(-100, 20, 500).astype("float32"), rng.normal(-101, 20, 500).astype("float32")
    found = paired_images(a, b)
    theirs = scipy_stats.ttest_rel(a.astype(float), b.astype(float))
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert found.difference == pytest.approx(float(np.mean(a.astype(float) - b))) and found.n == 500
    assert "these trained weights" in found.noise


def test_paired_images_takes_flags_and_refuses_to_leave_images_out() -> None:
    flags = paired_images(np.array([True, True, False]), np.array([False, True, False]))
    assert flags.difference == pytest.approx(1 / 3)
    for bad in (math.nan, math.inf):
        broken = paired_images([1.0, bad, 2.0], [0.0, 0.0, 0.0])
        assert broken.n == 3 and math.isnan(broken.difference) and math.isnan(broken.low)
    assert math.isnan(paired_images([1.0], [0.5]).low) and paired_images([1.0], [0.5]).difference == 0.5


def test_over_seeds_averages_within_the_image_first() -> None:
    rng = np.random.default_rng(1)
    a = {s: rng.normal(size=50) for s in (0, 1, 2)}
    b = {s: rng.normal(size=50) for s in (1, 2, 3)}
    found = paired_images_over_seeds(a, b)
    per_image = ((a[1] - b[1]) + (a[2] - b[2])) / 2
    low, high = scipy_stats.ttest_1samp(per_image, 0).confidence_interval(0.95)
    assert (found.low, found.high, found.n) == (pytest.approx(low), pytest.approx(high), 50)
    assert (found.seeds, found.dropped) == ((1, 2), (0, 3)) and "2 trained pairs" in found.noise
    assert "over 1 trained pair taken" in paired_images_over_seeds({0: a[0]}, {0: b[1]}).noise


def test_over_seeds_without_a_common_seed_has_nothing_to_say() -> None:
    found = paired_images_over_seeds({0: [1.0, 2.0]}, {1: [1.0, 2.0]})
    assert found.n == 0 and math.isnan(found.difference) and found.dropped == (0, 1)


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match=r"shapes \(2,\) and \(3,\): expected the same images"):
        paired_images([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(UserError, match="values other than 0 and 1"):
        mcnemar([0.5, 1.0], [1.0, 1.0])
    with pytest.raises(UserError, match="different numbers of images"):
        paired_images_over_seeds({0: [1.0], 1: [1.0, 2.0]}, {0: [1.0], 1: [1.0, 2.0]})
