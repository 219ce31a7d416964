"""What is raced in the simulation: arms whose true means are known, and how their seeds scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRUTHS = {"equal": "all equal", "one best": "one best", "ladder": "a ladder"}
"""How the true means lie: the others of one best are equal. Arm 0 is the best, or one of the best."""

NOISES = {
    "normal": "normal",
    "t5": "heavy tails",
    "exponential": "skewed",
    "steady best": "skewed, the best steady",
    "one collapses": "one other collapses",
    "others collapse": "all others collapse",
}
"""Shapes of the noise between seeds, all of mean 0: normal; t with 5 degrees of freedom; exponential, rarely very bad;
the same but for the best arm, which hardly scatters; normal, but that one arm, or each, other than the best collapses
in one seed of ten."""

SYMMETRIC = ("normal", "t5", "exponential")
"""Those by which differences of equal arms are symmetric."""

COLLAPSE_CHANCE, COLLAPSE_DEPTH = 0.1, 10.0
STEADY = 0.1
"""The std of an arm that hardly scatters."""


@dataclass(frozen=True)
class Scenario:
    """Races of one kind. The std between seeds of an ordinary arm is 1."""

    truth: str
    """A name of `TRUTHS`."""

    gap: float
    """From the best to the next, and from each to the next in a ladder: in stds of a paired difference."""

    arms: int

    rho: float
    """The correlation of two arms over their seeds, so that differences have the std sqrt(2 (1 − rho))."""

    noise: str = "normal"
    """A name of `NOISES`."""

    margin: float = 0.0
    """What doesn't matter, in stds of a paired difference."""

    races: int = 10_000

    @property
    def unit(self) -> float:
        """The std of a paired difference of ordinary arms."""
        return float(np.sqrt(2 * (1 - self.rho)))

    @property
    def is_all_alike(self) -> bool:
        """Whether each arm could be any other."""
        return self.truth == "equal" and self.noise in SYMMETRIC

    @property
    def means(self) -> Floats:
        """The true means, [arms]; higher is better."""
        steps = {
            "equal": np.zeros(self.arms),
            "one best": np.minimum(np.arange(self.arms), 1),
            "ladder": np.arange(self.arms),
        }[self.truth]
        return -self.gap * self.unit * steps


def all_scenarios() -> list[Scenario]:
    """Return what the study simulates, in the order of its table."""
    found = []
    for arms, races in ((10, 10_000), (40, 2_000)):
        found += [Scenario("equal", 0.0, arms, rho, races=races) for rho in (0.0, 0.5)]
        found += [Scenario("one best", gap, arms, 0.5, races=races) for gap in (0.5, 1.0, 2.0, 5.0)]
        found += [Scenario("ladder", 0.5, arms, 0.5, races=races)]
    for noise in list(NOISES)[1:]:
        found += [Scenario("equal", 0.0, 10, 0.0, noise)]
        found += [Scenario("one best", gap, 10, 0.0, noise) for gap in (0.5, 1.0)]
    found += [Scenario("equal", 0.0, 10, 0.5, margin=margin) for margin in (0.5, 1.0)]
    found += [Scenario("one best", 1.0, 10, 0.5, margin=0.5), Scenario("ladder", 0.5, 10, 0.5, margin=0.5)]
    found += [Scenario("ladder", 0.5, 40, 0.5, margin=0.5, races=2_000)]
    return found


def draw(rng: np.random.Generator, scenario: Scenario, races: int, seeds: int) -> Floats:
    """Draw the values of races, [races, arms, seeds]."""
    shape = (races, scenario.arms, seeds)
    own, shared = _noise(rng, shape, scenario), _noise(rng, (races, 1, seeds), scenario)
    values = np.sqrt(1 - scenario.rho) * own + np.sqrt(scenario.rho) * shared
    if scenario.noise == "steady best":
        values[:, 0] = STEADY * rng.normal(size=(races, seeds))
    if scenario.noise in ("one collapses", "others collapse"):
        these = slice(1, 2 if scenario.noise == "one collapses" else None)
        falls = rng.random(values[:, these].shape) < COLLAPSE_CHANCE
        values[:, these] += COLLAPSE_DEPTH * (COLLAPSE_CHANCE - falls)
    return np.asarray(values + scenario.means[:, None])


def _noise(rng: np.random.Generator, shape: tuple[int, ...], scenario: Scenario) -> Floats:
    """Draw noise of mean 0 and std 1."""
    if scenario.noise == "t5":
        return rng.standard_t(5, shape) / np.sqrt(5 / 3)
    if scenario.noise in ("exponential", "steady best"):
        return 1 - rng.exponential(size=shape)
    return rng.normal(size=shape)
