"""Families of five under Holm, to which seeds are added until all are settled; settled ones get no more.

A policy that adds seeds does the same: at each round those that are open get one more, and the verdicts on all are read
from what each has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.statistics.estimates import ALPHA, Floats
from bench.statistics.paired import compare_paired, holm_family
from bench.statistics.sequential.confidence import FIRST_LOOK, half_width, log_evidence
from bench.studies.calibration_sim import holm_rejects
from bench.studies.looks.stopping import Bools, look

MOST = 30
"""The most seeds that any comparison gets."""

SCENARIOS: dict[str, tuple[tuple[float, ...], float | None]] = {
    "none differs": ((0, 0, 0, 0, 0), None),
    "none differs, margin 1 sd": ((0, 0, 0, 0, 0), 1.0),
    "two better by 2 sd": ((2, 2, 0, 0, 0), None),
    "two better by 2 sd, margin 1 sd": ((2, 2, 0, 0, 0), 1.0),
    "1, 2 and 5 sd and two equal, margin 0.9 sd": ((1, 2, 5, 0, 0), 0.9),
    "all as large as the margin, 1 sd": ((1, 1, 1, 1, 1), 0.999),
}
"""Words → true differences in stds of a difference, and the margin."""


@dataclass(frozen=True)
class Family:
    """Rates over simulated families, as fractions, and what they took."""

    scenario: str
    trials: int

    wrong: float
    """Families with any wrong verdict, at whichever round: those of the next two columns and a wrong side."""

    wrong_different: float
    """Families in which any true difference of 0 is called better or worse."""

    wrong_equivalent: float
    """Families in which any true difference outside the margin is called equivalent."""

    settled: float
    """Comparisons that are settled with at most MOST seeds."""

    all_settled: float
    """Families whose comparisons all are."""

    seeds: float
    """The mean number of seeds of a comparison."""

    rounds: float
    """The median number of seeds of the one that took most."""

    shipped: int
    """The first families, which are sent through `holm_family` too."""

    disagreements: int
    """Their verdicts in which it and the arithmetic here differ."""


def family(rng: np.random.Generator, scenario: str, trials: int, shipped: int) -> Family:
    """Simulate families with normal seeds; their five differences share a baseline."""
    effects, margin = SCENARIOS[scenario]
    true = np.array(effects, dtype=float)
    arms = rng.normal(size=(trials, len(true) + 1, MOST)) / np.sqrt(2)
    d = arms[:, 1:] - arms[:, :1] + true[:, None]  # [trials, m, MOST], std 1
    n, side, equal = settle(d, margin)
    different = (side != 0) & (true == 0)
    turned = (side != 0) & (true != 0) & (side != np.sign(true))
    outside = equal & (np.abs(true) > (np.inf if margin is None else margin))
    settled = equal | (side != 0)
    return Family(
        scenario=scenario,
        trials=trials,
        wrong=float((different | turned | outside).any(axis=1).mean()),
        wrong_different=float(different.any(axis=1).mean()),
        wrong_equivalent=float(outside.any(axis=1).mean()),
        settled=float(settled.mean()),
        all_settled=float(settled.all(axis=1).mean()),
        seeds=float(n.mean()),
        rounds=float(np.median(n.max(axis=1))),
        shipped=shipped,
        disagreements=sum(_differ(d[i], n[i], side[i], equal[i], margin) for i in range(shipped)),
    )


def settle(d: Floats, margin: float | None) -> tuple[Floats, Floats, Bools]:
    """Add seeds to the open comparisons of each family, [trials, m, most], until all are settled or have the most.

    Returns:
        Of each comparison, [trials, m]: the seeds that it got; the side on which it was called different, or 0; whether
        it was called equivalent.
    """
    trials, m, most = d.shape
    paths = look(d.reshape(trials * m, most))
    seen_mean, seen_std = (values.reshape(trials, m, -1) for values in (paths.mean, paths.std))
    n: Floats = np.full((trials, m), float(FIRST_LOOK))
    is_open = np.ones((trials, m), dtype=bool)
    mean, std = seen_mean[..., 0].copy(), seen_std[..., 0].copy()
    for k, seeds in enumerate(paths.n):
        n[is_open], mean[is_open], std[is_open] = seeds, seen_mean[..., k][is_open], seen_std[..., k][is_open]
        rejected = holm_rejects(np.exp(-log_evidence(n, mean, std)))
        equal = np.zeros_like(rejected)
        if margin is not None:
            equal = np.abs(mean) + half_width(n, std, ALPHA / m) <= margin
        is_open = ~(rejected | equal)
    return n, np.where(rejected & ~equal, np.sign(mean), 0.0), equal


def _differ(d: Floats, n: Floats, side: Floats, equal: Bools, margin: float | None) -> int:
    """Count the verdicts on one family, [m, most], in which the shipped function says something else."""
    table = {
        i: compare_paired(
            dict(enumerate(map(float, row[: int(n[i])]))), dict.fromkeys(range(int(n[i])), 0.0), margin=margin,
            anytime=True,
        )
        for i, row in enumerate(d)
    }  # fmt: skip
    words = {1.0: "better", -1.0: "worse", 0.0: "unresolved"}
    return sum(
        c.verdict != ("equivalent" if equal[i] else words[float(side[i])])
        for i, c in holm_family(table, margin=margin).items()
    )
