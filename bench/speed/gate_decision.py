"""Whether a benchmark has become slower from one session to another, judged by its ratio to a reference workload.

Another process on the machine slows a benchmark and the reference down, but not by the same factor, and comes and goes.
So a session is reduced to its quickest quarter of rounds, of the benchmark and of the reference: the least disturbed
ones. docs/decisions.md#the-gate-compares-quickest-quarters says what other reductions, medians among them, do.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.statistics.judging import holm

LEVEL = 0.01
"""Of the test, after Holm's adjustment."""

THRESHOLD = 0.08
"""How much slower is a regression."""

MIN_BLOCKS = 5
"""In the quickest quarter, if there are so many at all."""

Verdict = Literal["slower", "faster", "same", "too few rounds"]


@dataclass(frozen=True)
class Sample:
    """One benchmark in one session, timed in turns with the reference workload."""

    seconds: tuple[float, ...]
    """Per call, a value for each block."""

    reference_seconds: tuple[float, ...]
    """Likewise of the reference."""

    images: int
    """Per call."""

    threshold: float = THRESHOLD
    """How much slower is a regression of this benchmark."""

    def __add__(self, other: Sample) -> Sample:
        """Join the blocks of two turns of one session into one sample."""
        seconds = self.seconds + other.seconds
        return Sample(seconds, self.reference_seconds + other.reference_seconds, self.images, self.threshold)

    @property
    def ratios(self) -> list[float]:
        """The quickest quarter of the blocks, each over the median of the reference's quickest quarter."""
        typical = statistics.median(quickest(self.reference_seconds))
        return [own / typical for own in quickest(self.seconds)]


@dataclass(frozen=True)
class Judgement:
    """What the gate finds of one benchmark."""

    name: str
    """That of the benchmark."""

    change: float
    """The new median ratio over the old one, less 1."""

    p: float
    """Of a one-sided Mann-Whitney test in the direction of the change, Holm-adjusted."""

    threshold: float
    """How large a change had to be."""

    verdict: Verdict
    """Slower or faster only if the change is larger than the threshold and p is small. Too few rounds if the change is
    larger and p is not small, or if p could not have been small, however slow the benchmark had become."""


def quickest(seconds: Sequence[float]) -> list[float]:
    """Return the quickest quarter, but at least five (or all there are)."""
    return sorted(seconds)[: max(MIN_BLOCKS, len(seconds) // 4)]


def judge(old: Mapping[str, Sample], new: Mapping[str, Sample], threshold: float | None = None) -> list[Judgement]:
    """Judge each benchmark of both sessions, in the new one's order.

    A benchmark is slower if the median ratio rose by more than its threshold *and* the adjusted p is below 1 %. The
    threshold says what matters, and covers what differs between two sessions as a whole, which a test over rounds can't
    see; the test keeps a handful of noisy rounds from being taken for a change. It is faster if the new median is below
    the old one's by the same factor, likewise. It is not called the same where the change is as large, but the rounds
    are too few to be sure of it; nor where they are so few that the test could not have told.

    Args:
        threshold: takes the place of each benchmark's own.
    """
    names = [name for name in new if name in old]
    pairs = [(new[name].ratios, old[name].ratios) for name in names]
    changes = [statistics.median(ours) / statistics.median(theirs) for ours, theirs in pairs]
    p_values = [
        one_sided_p(ours, theirs, "greater" if change > 1 else "less")
        for (ours, theirs), change in zip(pairs, changes, strict=True)
    ]
    found = []
    for name, pair, change, p in zip(names, pairs, changes, holm(p_values), strict=True):
        limit = 1 + (new[name].threshold if threshold is None else threshold)
        verdict: Verdict = "slower" if change > limit else "faster" if change < 1 / limit else "same"
        if p >= LEVEL and (verdict != "same" or not could_tell(*pair, len(names))):
            verdict = "too few rounds"
        found.append(Judgement(name, change - 1, p, limit - 1, verdict))
    return found


def could_tell(a: Sequence[float], b: Sequence[float], benchmarks: int) -> bool:
    """Return whether the test would be sure if all of `a` were above all of `b`, and no other benchmark moved."""
    above = max(b) - min(a) + 1  # moved by that much; equal values stay equal, and the test is the same
    return benchmarks * one_sided_p([value + above for value in a], b, "greater") < LEVEL


def rounds_needed(benchmarks: int) -> int:
    """Return how many rounds a session has to have for `could_tell`, if the other one has as many."""
    few = MIN_BLOCKS
    while not could_tell(range(few), range(few), benchmarks):
        few += 1
    return few if few == MIN_BLOCKS else 4 * few


def one_sided_p(a: Sequence[float], b: Sequence[float], alternative: Literal["greater", "less"]) -> float:
    """Return the p-value of the Mann-Whitney test that `a` tends to be greater (less) than `b`."""
    from scipy.stats import mannwhitneyu  # here: it is slow to load

    return float(mannwhitneyu(a, b, alternative=alternative).pvalue)
