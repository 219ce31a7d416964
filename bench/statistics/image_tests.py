"""Paired tests over the test images: two trained models, the same images.

They answer another question than `bench.statistics.comparisons`. A test over images asks whether *these trained weights* differ on
images drawn like the test set; it says nothing of what another seed would give. A test over seeds asks the reverse.
Every result carries its `noise` in words, to be printed beside the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archs.errors import UserError
from bench.statistics.estimates import mean_interval

IMAGES_ONLY = "test images, for these trained weights: not what another training seed would give"


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two classifiers on n test images.

    only_a and only_b count the images that one alone gets right; difference = accuracy a - b, as a fraction in [-1, 1].
    """

    n: int
    both: int
    only_a: int
    only_b: int
    neither: int
    difference: float
    p: float
    noise: str = IMAGES_ONLY


@dataclass(frozen=True)
class ImageDifference:
    """Mean per-image difference a - b over n test images, in the unit of the values, with its 95 % t interval.

    `std` is over images; `seeds` names the trained pairs averaged (empty for one pair of arrays).
    """

    n: int
    difference: float
    low: float
    high: float
    std: float
    noise: str = IMAGES_ONLY
    seeds: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Exact two-sided McNemar: a binomial test of the discordant images; p = 1 when there are none.

    Takes two boolean arrays [N_test]. Raises UserError when their shapes differ or a value is not 0 or 1.
    """
    from scipy.stats import binomtest  # here: slow to import, and only classifiers need it

    a, b = _pair(correct_a, correct_b)
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise UserError("mcnemar got values other than 0 and 1: expected one right/wrong flag per image")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    both, n = int((a * b).sum()), len(a)
    p = float(binomtest(only_a, only_a + only_b, 0.5).pvalue) if only_a + only_b else 1.0
    difference = (only_a - only_b) / n if n else float("nan")
    return McNemar(n, both, only_a, only_b, n - both - only_a - only_b, difference, p)


def paired_images(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> ImageDifference:
    """Mean per-image difference a - b of one pair of trained models: ELBO in nats, or right/wrong flags.

    Takes two arrays [N_test]; raises UserError when their shapes differ. A value that is not finite makes the result
    NaN: leaving images out would compare the models on the images they find easy.
    """
    x, y = _pair(a, b)
    return _difference(x - y, level, IMAGES_ONLY)


def paired_images_over_seeds(
    a: Mapping[int, ArrayLike], b: Mapping[int, ArrayLike], level: float = 0.95
) -> ImageDifference:
    """As `paired_images` for {seed: [N_test]}: each image's difference is first averaged over the common seeds.

    Still only image noise: the trained pairs are taken as given, however many there are.
    """
    seeds = tuple(sorted(set(a) & set(b)))
    dropped = tuple(sorted(set(a) ^ set(b)))
    pairs = [_pair(a[s], b[s]) for s in seeds]
    if len({len(x) for x, _ in pairs}) > 1:
        raise UserError("the seeds were evaluated on different numbers of images: expected one test set")
    mean = np.mean([x - y for x, y in pairs], axis=0) if pairs else np.empty(0)  # [N_test]
    noise = f"test images, averaged over {len(seeds)} trained pairs taken as given: no training noise"
    result = _difference(mean, level, noise)
    return ImageDifference(result.n, result.difference, result.low, result.high, result.std, noise, seeds, dropped)


def _difference(d: NDArray[np.float64], level: float, noise: str) -> ImageDifference:
    if not np.isfinite(d).all():
        return ImageDifference(len(d), np.nan, np.nan, np.nan, np.nan, noise)
    interval = mean_interval(d, level)
    return ImageDifference(interval.n, interval.mean, interval.low, interval.high, interval.std, noise)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise UserError(f"per-image arrays of shapes {x.shape} and {y.shape}: expected the same images, [N_test] each")
    return x, y
