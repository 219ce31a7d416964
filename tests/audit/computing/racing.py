"""A race run again by rules written down once more, with evidence by an integral in place of the project's formula.

The mean of n normal differences over their spread, times the root of n, is u / w: u is normal about the root of n times
the true effect, and w the root of a chi-square over its degrees of freedom. If the effect is half-normal below 0, u is
skew-normal. The evidence is how much denser u / w is then than Student's t, which it is if there is no effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tests.audit.facts import TASKS, Facts, Wrong

PRECISION, FIRST, ALPHA = 0.1, 3, 0.05


@dataclass
class Race:
    """What came of a race."""

    left: list[str]
    out: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """Who is out → after how many seeds, and by whom."""

    rests: list[str] = field(default_factory=list)
    winner: str | None = None
    seeds: int = 0
    """Of the last round that is over."""

    ended: str = "stopped"

    @property
    def open(self) -> list[str]:
        """Who is left, and neither the winner nor at rest."""
        return [arch for arch in self.left if arch not in self.rests and arch != self.winner]


def entry(facts: Facts) -> dict[str, Any]:
    """Return what the manifest has of the race."""
    if "race" not in facts.manifest:
        raise Wrong("there was no race")
    return facts.manifest["race"]


@cache
def runs(facts: Facts) -> pd.DataFrame:
    """Return a row per run: arch, seed, validation score as it is shown (NaN of one that failed), parameters."""
    task, rows = TASKS[entry(facts)["task"]], []
    for run_id in entry(facts)["run_ids"]:
        record = facts.record(run_id)
        is_whole = record["status"] == "finished"
        value = record["history"][-1][f"val_{task.metric}"] * task.scale if is_whole else math.nan
        size = sum(layer["weights"] + layer["biases"] for layer in record["layers"]) if is_whole else math.nan
        rows.append((record["spec"]["arch"], record["spec"]["seed"], value, size))
    return pd.DataFrame(rows, columns=["arch", "seed", "value", "params"])


@cache
def values(facts: Facts) -> dict[str, dict[int, float]]:
    """Return architecture → seed → value."""
    found: dict[str, dict[int, float]] = {arch: {} for arch in entry(facts)["archs"]}
    for row in runs(facts).itertuples():
        found[row.arch][row.seed] = row.value
    return found


def of(facts: Facts, arch: str) -> list[float]:
    """Return what an architecture's finished runs scored, by seed."""
    return [value for _, value in sorted(values(facts)[arch].items()) if math.isfinite(value)]


def evidence(t: float, n: int) -> float:
    """Return the evidence that n differences have a mean below 0."""
    log_w = np.linspace(-16, 4, 4_001)
    w, wide, skew = np.exp(log_w), math.sqrt(1 + n / PRECISION), math.sqrt(n / PRECISION)
    density = np.sqrt(n - 1) * stats.chi.pdf(w * np.sqrt(n - 1), n - 1)
    u = w * t / wide
    of_u = 2 * stats.norm.pdf(u) * stats.norm.cdf(-skew * u) / wide
    return float(np.trapezoid(density * of_u * w * w, log_w) / stats.t.pdf(t, n - 1))


@cache
def critical(n: int, alpha: float) -> float:
    """Return the t below which the evidence is 1 / alpha or more; −infinity if it never is."""
    if evidence(-1e5, n) < 1 / alpha:
        return -math.inf
    return float(optimize.brentq(lambda t: evidence(t, n) * alpha - 1, -1e5, 0.0, xtol=1e-9))


def mean_evidence(pairs: list[list[float]]) -> float:
    """Return the evidence, averaged over the pairs of an arm with each other one, that it is not the best."""
    found = []
    for pair in pairs:
        own = np.array([value for value in pair if math.isfinite(value)])
        if len(own) < FIRST:
            found.append(1.0)
            continue
        if own.std(ddof=1) == 0:
            raise Wrong("differences without a spread are not audited")
        found.append(evidence(own.mean() / own.std(ddof=1) * math.sqrt(len(own)), len(own)))
    return float(np.mean(found))


def is_below(differences: list[float], bound: float, alpha: float) -> bool:
    """Return whether some first few of paired differences show that their mean is below a bound."""
    found = [value for value in differences if math.isfinite(value)]
    for n in range(FIRST, len(found) + 1):
        own = np.array(found[:n]) - bound
        if own.std(ddof=1) == 0:
            raise Wrong("differences without a spread are not audited")
        if own.mean() / own.std(ddof=1) * math.sqrt(n) < critical(n, alpha):
            return True
    return False


@cache
def race(facts: Facts) -> Race:
    """Return the race, run again."""
    rule = entry(facts)
    most_seen = rule["seeds"] if rule["ended"] == "budget" else rule["max_seeds"]
    table = {arch: {s: v for s, v in own.items() if s < most_seen} for arch, own in values(facts).items()}
    alpha, margin = ALPHA / (len(table) - 1), TASKS[rule["task"]].margin
    found, racing, had, n = Race(list(table)), list(table), dict.fromkeys(table, 0), rule["first_seeds"]

    def pairs(one: str, other: str) -> list[float]:
        return [table[one][seed] - table[other][seed] for seed in range(min(had[one], had[other]))]

    while True:
        if any(seed not in table[arch] for arch in racing for seed in range(n)):
            found.ended = "budget" if rule["ended"] == "budget" else "stopped"
            return found
        had.update(dict.fromkeys(racing, n))
        found.seeds = n
        for arch in list(found.left):
            if not any(math.isfinite(value) for value in table[arch].values()):
                found.out[arch] = n, None
                found.left.remove(arch)
        racing = [arch for arch in racing if arch in found.left]
        found.winner = max(racing, key=lambda a: np.mean([np.nanmean(pairs(a, b)) for b in racing]), default=None)
        beaten: dict[str, str] = {}
        for arch in found.left:
            others = [b for b in table if b != arch]
            if arch != found.winner and mean_evidence([pairs(arch, b) for b in others]) >= 1 / ALPHA:
                beaten[arch] = max(
                    (b for b in found.left if b != arch), key=lambda b: float(np.nanmean(pairs(b, arch)))
                )
        for arch, by in beaten.items():
            if not np.nanmean(pairs(arch, by)) < 0:
                raise Wrong(f"{arch} is out by {by}, and not worse on average")
            found.out[arch] = n, by
        found.left = [arch for arch in found.left if arch not in beaten]
        winner = found.winner
        found.rests = [a for a in found.left if a != winner and winner and is_below(pairs(a, winner), margin, alpha)]
        racing = [arch for arch in found.left if arch not in found.rests]
        if len(found.left) < 2:
            found.ended = "one left" if found.left else "all failed"
        elif len(racing) == 1:
            found.ended = "close"
        elif n == rule["max_seeds"]:
            found.ended = "most seeds"
        else:
            n = min(n + rule["at_once"], rule["max_seeds"])
            continue
        return found


def in_order(facts: Facts) -> list[str]:
    """Return all that raced: the winner, who else is left, then the others, the last out first; by their means."""
    own = race(facts)
    means = {arch: np.mean(of(facts, arch)) if of(facts, arch) else -math.inf for arch in values(facts)}
    last = {arch: own.out[arch][0] if arch in own.out else math.inf for arch in means}
    return sorted(means, key=lambda arch: (arch != own.winner, -last[arch], -means[arch]))


def against_baseline(facts: Facts, arch: str) -> list[float]:
    """Return an architecture's differences from the baseline in the race, where both finished."""
    own, base = values(facts)[arch], values(facts)[facts.baseline]
    found = [value - base[seed] for seed, value in own.items() if seed in base]
    return [value for value in found if math.isfinite(value)]
