"""Simulated comparisons whose truth is known: how often do the verdicts err, and how often do they see a difference?

Every arm has a between-seed standard deviation of 1. Arms share a part of each seed's luck: their correlation over
seeds is `rho`, so that paired differences have a standard deviation of sqrt(2 (1 - rho)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bench.statistics.estimates import ALPHA, t_power
from bench.statistics.paired import Comparison, compare_paired, holm_family

Floats = NDArray[np.float64]

FAMILY = 5
"""Comparisons in one table: five architectures against a baseline."""

NOISES = {
    "normal": "normal seeds",
    "t5": "heavy tails: seeds from t with 5 df",
    "skewed": "skewed seeds: exponential",
    "skewed differences": "one arm exponential, the other without noise",
}
"""Shapes of the noise between seeds. In a true A/A differences are symmetric even where seeds are skewed, so the last
one is not an A/A: it is a difference of 0 between unlike arms, the hardest case for a t interval."""


@dataclass(frozen=True)
class Calibration:
    """Rates over simulated tables of no difference, as fractions."""

    noise: str
    """A name of `NOISES`."""

    n: int
    """Paired seeds."""

    trials: int
    """Simulated tables."""

    coverage: float
    """95 % intervals that hold the true difference."""

    false_single: float
    """Better/worse verdicts when one comparison stands alone."""

    false_holm: float
    """Better/worse verdicts per comparison, in families of five."""

    false_family: float
    """Families of five with any better/worse verdict."""

    shipped_trials: int
    """The first tables, which are sent through `compare_paired` too."""

    shipped_false: float
    """Its better/worse verdicts."""

    shipped_signflip: float
    """Its sign-flip p below 5 %."""

    disagreements: int
    """Verdicts, single and in families, in which the fast arithmetic here and the shipped code differ: a number."""


def draw(rng: np.random.Generator, shape: tuple[int, ...], noise: str) -> Floats:
    """Draw seed values of mean 0 and standard deviation 1."""
    if noise == "t5":
        return rng.standard_t(5, shape) / np.sqrt(5 / 3)
    if noise.startswith("skewed"):
        return rng.exponential(size=shape) - 1
    return rng.normal(size=shape)


def simulate(rng: np.random.Generator, trials: int, n: int, noise: str = "normal", rho: float = 0.0) -> Floats:
    """Draw the results of arms that do not differ, [trials, 1 + FAMILY, n]; arm 0 is the baseline."""
    own = draw(rng, (trials, 1 + FAMILY, n), noise)
    if noise == "skewed differences":
        own[:, 0] = 0.0
        return own
    shared = draw(rng, (trials, 1, n), noise)
    return np.sqrt(1 - rho) * own + np.sqrt(rho) * shared


def judge(arms: Floats) -> tuple[Floats, Floats, Floats]:
    """(mean difference, half width of the 95 % interval, p), each [trials, FAMILY]: all comparisons at once."""
    d = arms[:, 1:] - arms[:, :1]  # [trials, FAMILY, n]
    n = d.shape[-1]
    mean, error = d.mean(axis=-1), d.std(axis=-1, ddof=1) / np.sqrt(n)
    half = float(special.stdtrit(n - 1, 1 - ALPHA / 2)) * error
    return mean, half, 2 * special.stdtr(n - 1, -np.abs(mean / error))


def holm_rejects(p: Floats) -> NDArray[np.bool_]:
    """Return where Holm's step-down test rejects, [trials, family]: the k-th smallest p is held to ALPHA / (m - k)."""
    order = np.argsort(p, axis=1)
    m = p.shape[1]
    passed = np.take_along_axis(p, order, axis=1) < ALPHA / (m - np.arange(m))
    in_order = np.logical_and.accumulate(passed, axis=1)
    out = np.empty_like(in_order)
    np.put_along_axis(out, order, in_order, axis=1)
    return out


def shipped_family(arms: Floats) -> dict[int, Comparison]:
    """Compare one simulated table, [1 + arms, n], by the function that a report uses."""
    base, *others = [dict(enumerate(map(float, arm))) for arm in arms]
    return {i: compare_paired(arm, base) for i, arm in enumerate(others)}


def called(c: Comparison) -> bool:
    """Return whether a comparison is called better or worse."""
    return c.verdict in ("better", "worse")


def calibrate(
    rng: np.random.Generator, noise: str, n: int, trials: int, shipped_trials: int, shipped_families: int
) -> Calibration:
    """Simulate `trials` tables without a difference; send the first of them through the shipped functions too."""
    arms = simulate(rng, trials, n, noise)
    mean, half, p = judge(arms)
    single, family = p < ALPHA, holm_rejects(p)
    alone = [shipped_family(arms[i, :2])[0] for i in range(shipped_trials)]
    disagreements = sum(called(c) != single[i, 0] for i, c in enumerate(alone))
    for i in range(shipped_families):
        table = holm_family(shipped_family(arms[i]))
        disagreements += sum(called(c) != family[i, j] for j, c in enumerate(table.values()))
    return Calibration(
        noise=noise,
        n=n,
        trials=trials,
        coverage=float((np.abs(mean[:, 0]) <= half[:, 0]).mean()),
        false_single=float(single[:, 0].mean()),
        false_holm=float(family.mean()),
        false_family=float(family.any(axis=1).mean()),
        shipped_trials=shipped_trials,
        shipped_false=float(np.mean([called(c) for c in alone])),
        shipped_signflip=float(np.mean([c.p_signflip < ALPHA for c in alone])),
        disagreements=int(disagreements),
    )


@dataclass(frozen=True)
class Power:
    """Share of true differences of one between-seed std that come out resolved, with the right sign."""

    n: int
    """Paired seeds."""

    rho: float
    """Correlation of two arms over the seeds."""

    exact: float
    """Of one comparison alone, by the noncentral t distribution."""

    simulated: float
    """The same, simulated."""

    holm: float
    """Of one comparison in five, the others without a difference; simulated."""


def power(rng: np.random.Generator, n: int, rho: float, trials: int, difference: float = 1.0) -> Power:
    """Compute the power for a true `difference`, in between-seed stds of one arm, with normal seeds."""
    arms = simulate(rng, trials, n, rho=rho)
    arms[:, 1] += difference
    mean, _, p = judge(arms)
    right = mean[:, 0] > 0
    return Power(
        n=n,
        rho=rho,
        exact=t_power(difference / np.sqrt(2 * (1 - rho)), n),
        simulated=float((right & (p[:, 0] < ALPHA)).mean()),
        holm=float((right & holm_rejects(p)[:, 0]).mean()),
    )
