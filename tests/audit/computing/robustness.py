"""What a mean hides: seeds that stand out, with other formulas than the project's, and the verdicts without them."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tests.audit.computing.verdicts import Judged, judged_family, same_networks, versus
from tests.audit.facts import TASKS, Facts

LEVEL = 0.025
FEWEST_SKEWED = 8
LEARNED = {"elbo": (-28 * 28 * math.log(2), 50.0), "accuracy": (10.0, 10.0)}
"""Metric → what is reached without looking, and what the median must have gained for others to fall short of it; in
shown units."""


@cache
def collapsed(facts: Facts, task: str) -> dict[str, list[int]]:
    """Return architecture → the seeds in which it collapsed."""
    found = {}
    for arch, own in facts.of(task).groupby("arch", sort=False):
        rows = own.set_index("seed")
        nothing, least = LEARNED[TASKS[task].metric]
        gained = rows[TASKS[task].metric] * TASKS[task].scale - nothing
        usual = float(np.median(gained))
        is_empty = [_is_empty(row) for _, row in rows.iterrows()]
        is_short = [usual >= least and gain < usual / 2 for gain in gained]
        found[str(arch)] = [int(seed) for seed, a, b in zip(rows.index, is_empty, is_short, strict=True) if a or b]
    return found


def _is_empty(run: pd.Series) -> bool:
    """Tell whether no dimension of a code is active: by the variance of its mean, else by its KL."""
    counts = [run.get(name, math.nan) for name in ("active_units", "kl_units")]
    known = [count for count in counts if not pd.isna(count)]
    return bool(known) and known[0] == 0


@cache
def sometimes(facts: Facts, task: str) -> dict[str, list[int]]:
    """Return those of the architectures that did not collapse in all of their seeds, best first."""
    found, same = collapsed(facts, task), same_networks(facts, task)
    in_order = [arch for arch in facts.ranked(task) if arch not in same]
    return {arch: found[arch] for arch in in_order if 0 < len(found[arch]) < facts.seeds(task, arch)}


def shortfall(facts: Facts, task: str, arch: str) -> float:
    """Return how much worse the collapsed seeds are than the others."""
    values = facts.values(task)[arch].dropna()
    bad = values.index.isin(sometimes(facts, task)[arch])
    return float(values[~bad].mean() - values[bad].mean())


@cache
def differences(facts: Facts, task: str, arch: str) -> pd.Series:
    """Return the paired differences from the baseline by seed, in the shown unit."""
    values = facts.values(task)
    found = (values[arch] - values[facts.baseline]).dropna()
    return found.where(found.abs() > 1e-12 * float(values.abs().max().max()), 0.0)


def outliers(values: pd.Series) -> list[int]:
    """Return the seeds that are outliers, by the p of the t statistic that each farthest value's deleted residual has.

    A value of n whose distance from the mean is g standard deviations has t² = g² n (n − 2) / ((n − 1)² − g² n) with
    n − 2 degrees of freedom.
    """
    if len(values) < 4 or np.ptp(values) <= 1e-12 * values.abs().max():
        return []
    distinct = np.unique(values)
    step = min(b - a for a, b in itertools.pairwise(distinct) if b - a > 1e-9 * abs(distinct).max())
    rest, far, last = values, list[int](), 0
    for number in range(1, max(1, (len(values) - 2) // 3) + 1):
        n = len(rest)
        g2 = ((rest - rest.mean()) ** 2) / (rest.var(ddof=1) + step**2 / 12)
        seed = int(g2.idxmax())
        t = math.sqrt(g2[seed] * n * (n - 2) / max((n - 1) ** 2 - g2[seed] * n, 1e-300))
        last = number if 2 * n * stats.t.sf(t, n - 2) < LEVEL else last
        far.append(seed)
        rest = rest.drop(seed)
    return sorted(far[:last])


def is_skewed(values: pd.Series) -> bool:
    if len(values) < FEWEST_SKEWED or np.ptp(values) <= 1e-12 * values.abs().max():
        return False
    return bool(stats.skewtest(values).pvalue < LEVEL)


class Without(NamedTuple):
    """A comparison with seeds that stand out."""

    reasons: dict[int, list[str]]
    """Seed → what is remarkable."""

    judged: Judged
    """The comparison without them."""


@cache
def without(facts: Facts, task: str) -> dict[str, Without]:
    """Return architecture → its comparison without the seeds that stand out, where there are any."""
    found, base, values = {}, facts.baseline, facts.values(task)
    for arch in versus(facts, task):
        d = differences(facts, task, arch)
        if len(d) < 2:
            continue
        named = [(f"{one} collapsed", sometimes(facts, task).get(one, [])) for one in (arch, base)]
        named += [("outlier", outliers(d))]
        reasons = {int(seed): [why for why, seeds in named if seed in seeds] for seed in d.index}
        reasons = {seed: why for seed, why in reasons.items() if why}
        if reasons:
            kept = values.copy()
            kept.loc[list(reasons), arch] = math.nan
            columns = {
                (other, base): ((kept if other == arch else values)[other].to_numpy(), values[base].to_numpy())
                for other in versus(facts, task)
            }
            found[arch] = Without(reasons, judged_family(columns, TASKS[task].margin, facts.anytime)[arch, base])
    return found


def median_interval(values: pd.Series) -> tuple[float, float]:
    """Return the order statistics that hold the median with 95 %, by the binomial distribution; NaN if none do."""
    n = len(values)
    k = next(k for k in range(n, -1, -1) if k == 0 or 1 - 2 * stats.binom.cdf(k - 1, n, 0.5) >= 0.95)
    ordered = sorted(values)
    return (ordered[k - 1], ordered[n - k]) if k else (math.nan, math.nan)
