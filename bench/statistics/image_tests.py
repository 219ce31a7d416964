"""Paired tests of two trained models over the same test images.

A test over images asks whether *these trained weights* differ on images drawn like the test set; it says nothing of
what another seed would give. A test over seeds (`bench.statistics.comparisons`) asks the reverse. Every result says in
words what its noise is, to be printed beside the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from archs.errors import UserError
from bench.spec.output.counts import plural
from bench.statistics.estimates import mean_interval

IMAGES_ONLY = "test images, for these trained weights: not what another training seed would give"


@dataclass(frozen=True)
class McNemar:
    """The result of an exact McNemar test of two classifiers."""

    n: int
    """Test images."""

    both: int
    """Images that both classify correctly."""

    only_a: int
    """Images that a alone classifies correctly."""

    only_b: int
    """Images that b alone classifies correctly."""

    neither: int
    """Images that neither classifies correctly."""

    difference: float
    """Accuracy of a less that of b, as a fraction from -1 to 1."""

    p: float
    """Two-sided."""

    noise: str = IMAGES_ONLY
    """The noise that the p covers, in words."""


@dataclass(frozen=True)
class ImageDifference:
    """The mean difference a - b per test image, in the unit of the values, with its t interval."""

    n: int
    """Test images."""

    difference: float
    low: float
    """The lower end of the interval."""

    high: float
    """The upper end of the interval."""

    std: float
    """Over images."""

    noise: str = IMAGES_ONLY
    """The noise that the interval covers, in words."""

    seeds: tuple[int, ...] = ()
    """The seeds of the trained pairs that were averaged; empty for one pair of arrays."""

    dropped: tuple[int, ...] = ()
    """The seeds that only a or only b has."""


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Test exactly whether two classifiers differ: a binomial test of the images that one alone gets right.

    If there are no such images, p is 1.

    Args:
        correct_a: boolean array [N_test].
        correct_b: boolean array [N_test].

    Raises:
        UserError: the shapes differ, or a value is not 0 or 1.
    """
    a, b = _pair(correct_a, correct_b)
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise UserError("mcnemar got values other than 0 and 1: expected one right/wrong flag per image")
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    both, n = int((a * b).sum()), len(a)
    # both tails of the binomial distribution with p = ½, which are alike; at their middle they would count it twice
    p = min(1.0, 2 * float(special.bdtr(min(only_a, only_b), only_a + only_b, 0.5)))
    difference = (only_a - only_b) / n if n else float("nan")
    return McNemar(n, both, only_a, only_b, n - both - only_a - only_b, difference, p)


def paired_images(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> ImageDifference:
    """Return the mean per-image difference a - b of one pair of trained models, in nats of ELBO or right/wrong flags.

    A value that is not finite makes the result NaN: leaving images out would compare the models on the images that
    they find easy.

    Args:
        a: array [N_test].
        b: array [N_test].

    Raises:
        UserError: the shapes differ.
    """
    x, y = _pair(a, b)
    return _difference(x - y, level, IMAGES_ONLY)


def paired_images_over_seeds(
    a: Mapping[int, ArrayLike], b: Mapping[int, ArrayLike], level: float = 0.95
) -> ImageDifference:
    """Return `paired_images` of several seeds: each image's difference is first averaged over the common seeds.

    The noise is still that of the images alone: the trained pairs are taken as given, however many there are.

    Args:
        a: seed → array [N_test].
        b: seed → array [N_test].
        level: of the interval.
    """
    seeds = tuple(sorted(set(a) & set(b)))
    dropped = tuple(sorted(set(a) ^ set(b)))
    pairs = [_pair(a[s], b[s]) for s in seeds]
    if len({len(x) for x, _ in pairs}) > 1:
        raise UserError("the seeds were evaluated on different numbers of images: expected one test set")
    mean = np.mean([x - y for x, y in pairs], axis=0) if pairs else np.empty(0)  # [N_test]
    noise = f"test images, averaged over {plural(len(seeds), 'trained pair')} taken as given: no training noise"
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
