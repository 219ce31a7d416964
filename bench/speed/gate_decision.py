"""Slower or not: a benchmark against the reference workload in two sessions, judged. Pure functions; no torch.

A neighbour on the machine slows a benchmark and the reference down, but not by the same factor, and comes and goes. So
a session is reduced to its quickest quarter of rounds, of either: those that least disturbed.
docs/log/performance.md#what-the-gate-compares shows what other reductions, medians among them, do on a busy machine.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.statistics.paired import holm

LEVEL = 0.01
THRESHOLD = 0.08
FEWEST = 5

Word = Literal["slower", "faster", "same"]


@dataclass(frozen=True)
class Sample:
    """One benchmark in one session: seconds per call, its own and the reference's, a value per block, timed in turns."""

    seconds: tuple[float, ...]
    reference_seconds: tuple[float, ...]
    images: int  # per call
    threshold: float = THRESHOLD  # how much slower is a regression

    def __add__(self, other: Sample) -> Sample:
        """The blocks of two turns of one session as one sample."""
        seconds = self.seconds + other.seconds
        return Sample(seconds, self.reference_seconds + other.reference_seconds, self.images, self.threshold)

    @property
    def ratios(self) -> list[float]:
        """The quickest quarter of the blocks, each over the median of the reference's quickest quarter."""
        typical = statistics.median(quickest(self.reference_seconds))
        return [own / typical for own in quickest(self.seconds)]


@dataclass(frozen=True)
class Judgement:
    """change: new median ratio over the old one, less 1. p: one-sided Mann-Whitney in that direction, Holm-adjusted."""

    name: str
    change: float
    p: float
    threshold: float
    word: Word


def quickest(seconds: Sequence[float]) -> list[float]:
    """The quickest quarter, but at least five (or all there are)."""
    return sorted(seconds)[: max(FEWEST, len(seconds) // 4)]


def judge(old: Mapping[str, Sample], new: Mapping[str, Sample], threshold: float | None = None) -> list[Judgement]:
    """A judgement for each benchmark of both sessions, in the new one's order.

    Slower: the median ratio rose by more than the benchmark's threshold (`threshold` overrides it) *and* the adjusted
    p is below 1 %. The threshold says what matters, and covers what differs between two sessions as a whole, which a
    test over rounds can't see; the test keeps a handful of noisy rounds from being taken for a change. Faster likewise:
    the new median is below the old one's by the same factor.
    """
    names = [name for name in new if name in old]
    pairs = [(new[name].ratios, old[name].ratios) for name in names]
    changes = [statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs]
    p_values = [
        one_sided_p(ours, theirs, "greater" if change > 1 else "less")
        for (ours, theirs), change in zip(pairs, changes, strict=True)
    ]
    found = []
    for name, change, p in zip(names, changes, holm(p_values), strict=True):
        limit = 1 + (new[name].threshold if threshold is None else threshold)
        moved: Word = "slower" if change > limit else "faster" if change < 1 / limit else "same"
        found.append(Judgement(name, change - 1, p, limit - 1, moved if p < LEVEL else "same"))
    return found


def one_sided_p(a: Sequence[float], b: Sequence[float], alternative: Literal["greater", "less"]) -> float:
    from scipy.stats import mannwhitneyu  # here: it is slow to load

    return float(mannwhitneyu(a, b, alternative=alternative).pvalue)
