"""Which of several arms may be the best: those that no other one is shown to beat."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import combinations
from typing import TypeVar

import numpy as np

from bench.statistics.estimates import ALPHA, mean_interval, sign_flip_p, without_rounding
from bench.statistics.sequential.confidence import anytime_interval

Key = TypeVar("Key", bound=Hashable)


def beaten(
    arms: Mapping[Key, Mapping[int, float]],
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    anytime: bool = False,
) -> dict[Key, list[Key]]:
    """Return arm → those that are shown to be better, by more than what a margin says not to matter.

    Of k arms the best one is any of them, and is beaten only if one of the k − 1 others is better by luck: each pair is
    tested by the paired t test at 5 % / (k − 1), of which half is on that side. So with 97.5 % confidence the best arm
    is among those that are beaten by none (of normal differences), whichever arm leads. Differences without a spread
    are judged by the sign-flip test, as everywhere.

    With `anytime` each pair is tested by its confidence sequence at that level, of which half is on that side too: its
    evidence is the mean of both sides', and that of the side where a difference does not lie is below 1, so that level
    alpha errs on one side with alpha / (2 − alpha) at most (2.6 % of 5 %). A one-sided bound at 2.5 % is as wide to
    0.1 %; at 5 % it would be narrower than what the page shows of the pair, and would leave nothing for the verdicts
    against the baseline, by which arms are ruled out too (`reports.findings.ranking`).

    Args:
        arms: arm → seed → value; pairs are common seeds with finite values.
        higher_is_better: which arm wins.
        margin: a difference whose interval at that level lies inside ±margin is no win.
        anytime: whether seeds were added, or may be, in sight of the results.
    """
    alpha = ALPHA / max(len(arms) - 1, 1)
    found: dict[Key, list[Key]] = {arm: [] for arm in arms}
    for one, other in combinations(arms, 2):
        a, b = arms[one], arms[other]
        pairs = np.array([[a[s], b[s]] for s in sorted(a.keys() & b.keys())], dtype=float).reshape(-1, 2)
        pairs = pairs[np.isfinite(pairs).all(axis=1)]
        d = without_rounding(pairs[:, 0] - pairs[:, 1], float(np.abs(pairs).max(initial=0.0)))
        interval = mean_interval(d, 1 - alpha)
        low, high = anytime_interval(d, alpha) if anytime else (interval.low, interval.high)
        resolved = low > 0 or high < 0  # False for NaN
        if interval.std == 0:
            resolved = resolved and sign_flip_p(d) < alpha
        if not resolved or (margin is not None and -margin <= low and high <= margin):
            continue
        wins, loses = (one, other) if (low > 0) == higher_is_better else (other, one)
        found[loses].append(wins)
    return found
