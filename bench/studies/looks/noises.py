"""Paired differences whose true mean is 0, in units of their own standard deviation.

Two names for one architecture have symmetric differences, however lopsided the seeds of each are. Differences of
unlike architectures need not be symmetric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.statistics.estimates import Floats

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True)
class Noise:
    """One shape of paired differences."""

    words: str
    """As the page calls it."""

    symmetric: bool
    """Whether two names for one architecture could have it."""

    draw: Draw
    """Draws differences with mean 0 and std 1."""

    margin: float = 1.0
    """The true mean, in stds, with which it is asked how often a difference as large as the margin is called
    equivalent; of unlike arms in steps it is such that 0 is a step."""


def _student(rng: np.random.Generator, shape: tuple[int, ...], df: int) -> Floats:
    return rng.standard_t(df, shape) / np.sqrt(df / (df - 2))


def _poisson(rng: np.random.Generator, shape: tuple[int, ...], one: float, other: float) -> Floats:
    """Draw differences of two counts, of wrong images say, with these means."""
    difference = rng.poisson(one, shape) - rng.poisson(other, shape)
    return (difference - (one - other)) / np.sqrt(one + other)


def _collapses(rng: np.random.Generator, shape: tuple[int, ...], arms: int) -> Floats:
    """Draw differences of arms of which one, or each, falls by 10 stds of the other seeds in one seed of ten."""
    depth, rate = 10.0, 0.1
    falls = [depth * (rng.random(shape) < rate) for _ in range(arms)]
    shift = falls[0] - depth * rate if arms == 1 else falls[0] - falls[1]
    return (rng.normal(size=shape) - shift) / np.sqrt(1 + arms * depth**2 * rate * (1 - rate))


def _modes(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> Floats:
    """Draw from two narrow modes at equal distances from 0."""
    return (rng.choice([-1.0, 1.0], shape) + width * rng.normal(size=shape)) / np.sqrt(1 + width**2)


def _log_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return (rng.lognormal(size=shape) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


NOISES = {
    "normal": Noise("normal", True, lambda rng, shape: rng.normal(size=shape)),
    "t5": Noise("heavy tails: t with 5 df", True, partial(_student, df=5)),
    "t3": Noise("heavier tails: t with 3 df", True, partial(_student, df=3)),
    "laplace": Noise("Laplace", True, lambda rng, shape: rng.laplace(size=shape) / np.sqrt(2)),
    "fine steps": Noise("fine steps: 120 of 10,000 images wrong in each", True, partial(_poisson, one=120, other=120)),
    "coarse steps": Noise("coarse steps: 1 image wrong in each", True, partial(_poisson, one=1, other=1)),
    "mostly ties": Noise("mostly ties: 0.15 images wrong in each", True, partial(_poisson, one=0.15, other=0.15)),
    "both collapse": Noise("each arm falls by 10 sd in a seed of ten", True, partial(_collapses, arms=2)),
    "two modes": Noise("two narrow modes: ±1, each 0.05 wide", True, partial(_modes, width=0.05)),
    "exponential": Noise("exponential", False, lambda rng, shape: rng.exponential(size=shape) - 1),
    "log-normal": Noise("log-normal", False, _log_normal),
    "one collapses": Noise("one arm falls by 10 sd in a seed of ten", False, partial(_collapses, arms=1)),
    "unlike ties": Noise(
        "ties of unlike arms: 0.5 and 0.1 images wrong", False, partial(_poisson, one=0.5, other=0.1), 0.4 / 0.6**0.5
    ),
}
"""Name → noise; those that two names for one architecture could have come first."""
