"""Who is better, by docs/science.md: each network once, Holm's step within a task, the best among all pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations

import numpy as np

from tests.audit.computing import sequential
from tests.audit.computing.own_statistics import ALPHA, Sample, fisher, holm, p_value, sample, sd
from tests.audit.facts import TASKS, Facts

MARKS = {"better": "▲", "worse": "▼", "equivalent": "≈", "unresolved": "?", "same network": "="}
Ends = tuple[float, float]
WORDS = {"better": "better", "worse": "worse", "equivalent": "equivalent", "unresolved": "not resolvable"}


@dataclass(frozen=True)
class Judged:
    """A difference, the verdict on it, and the interval that shows the verdict."""

    differences: Sample
    verdict: str
    low: float
    high: float
    p_holm: float
    family: int
    alpha: float
    """The level that the interval is of is 1 less this."""

    settled_at: int | None = None
    """After how many pairs, where seeds were added until settled."""

    @property
    def mark(self) -> str:
        return MARKS[self.verdict]


def judge(
    differences: Sample, p_holm: float, step: float, family: int, margin: float, interval: Callable[[float], Ends]
) -> Judged:
    """Judge a difference at its step of Holm's test; what would be equivalent at 5 % over the whole family.

    Args:
        interval: from 1 less the level to its ends.
    """
    for alpha in (step, ALPHA / max(family, 1)):
        low, high = interval(alpha) if math.isfinite(alpha) else (math.nan, math.nan)
        if not (-margin <= low and high <= margin):
            break
    else:
        return Judged(differences, "equivalent", low, high, p_holm, family, alpha)
    if math.isnan(low) or (differences.sd == 0 and not p_holm < ALPHA):
        return Judged(differences, "unresolved", math.nan, math.nan, p_holm, family, math.nan)
    verdict = "better" if low > 0 else "worse" if high < 0 else "unresolved"
    return Judged(differences, verdict, low, high, p_holm, family, alpha)


def judged_family(
    pairs: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]], margin: float, anytime: bool = False
) -> dict:
    """Judge (a, b) → values of a and of b by seed, as one family; higher is better for all of our tasks."""
    found = {}
    for key, (a, b) in pairs.items():
        size = float(max(np.nanmax(np.abs(a)), np.nanmax(np.abs(b))))
        differences = sample(a - b, size)
        p = sequential.p_at_any_look(a - b, size) if anytime else p_value(a - b, differences)
        found[key] = (differences, p, a - b, size)
    adjusted, steps = holm([p for _, p, _, _ in found.values()])
    tested = sum(math.isfinite(p) for _, p, _, _ in found.values())
    judged = {}
    for (key, (differences, _, d, size)), p, step in zip(found.items(), adjusted, steps, strict=True):
        if anytime:
            ends = partial(sequential.interval, d, size)
            row = judge(differences, p, step, tested, margin, ends)
            judged[key] = replace(row, settled_at=_settled_at(row, d, size, margin))
        else:
            judged[key] = judge(differences, p, step, tested, margin, partial(_t_interval, differences))
    return judged


def _t_interval(differences: Sample, alpha: float) -> Ends:
    return differences.interval(1 - alpha)


def _settled_at(row: Judged, d: np.ndarray, size: float, margin: float) -> int | None:
    """Return after how many pairs the interval, at the level that it is read at, first said what it says."""
    if row.verdict == "unresolved":
        return None
    says = {
        "equivalent": lambda look: -margin <= look.low and look.high <= margin,
        "better": lambda look: look.low > 0,
        "worse": lambda look: look.high < 0,
    }[row.verdict]
    return next(look.n for look in sequential.sequence(d, size, row.alpha) if says(look))


@cache
def same_networks(facts: Facts, task: str) -> dict[str, str]:
    """Return crossing → the architecture that it is, on a task that uses no decoder."""
    groups: dict[str, list[str]] = {}
    for arch in dict.fromkeys(facts.of(task)["arch"]):
        groups.setdefault(arch.split("+")[0], []).append(arch)
    first = {e: next((a for a in (facts.baseline, e) if a in own), own[0]) for e, own in groups.items()}
    if TASKS[task].has_decoder:
        return {}
    return {arch: first[encoder] for encoder, own in groups.items() for arch in own if arch != first[encoder]}


@cache
def distinct(facts: Facts, task: str) -> list[str]:
    """Return the networks, best first."""
    return [arch for arch in facts.ranked(task) if arch not in same_networks(facts, task)]


@cache
def versus(facts: Facts, task: str) -> dict[str, Judged]:
    """Return architecture → the verdict against the baseline."""
    values, base = facts.values(task), facts.baseline
    others = [arch for arch in distinct(facts, task) if arch != base]
    pairs = {(arch, base): (values[arch].to_numpy(), values[base].to_numpy()) for arch in others}
    return {arch: row for (arch, _), row in judged_family(pairs, TASKS[task].margin, facts.anytime).items()}


@cache
def rivals(facts: Facts, task: str) -> list[str]:
    """Return those beside the leader that may be the best."""
    archs, values, against = distinct(facts, task), facts.values(task), versus(facts, task)
    alpha, margin, losers = ALPHA / max(len(archs) - 1, 1), TASKS[task].margin, set()
    for a, b in combinations(archs, 2):
        differences, size = (values[a] - values[b]).to_numpy(), float(values.abs().max().max())
        d = sample(differences, size)
        low, high = sequential.interval(differences, size, alpha) if facts.anytime else d.interval(1 - alpha)
        inside = -margin <= low and high <= margin
        is_clear = d.sd > 0 or p_value(differences, d) < alpha
        if (low > 0 or high < 0) and is_clear and not inside:
            losers.add(b if low > 0 else a)

    def is_out(arch: str) -> bool:
        if arch == facts.baseline:
            return archs[0] in against and against[archs[0]].verdict == "better"
        return arch in losers or against[arch].verdict == "worse"

    return [arch for arch in archs[1:] if not is_out(arch)]


@cache
def best(facts: Facts, task: str) -> str | None:
    archs = distinct(facts, task)
    return archs[0] if len(archs) > 1 and not rivals(facts, task) else None


@cache
def pairing_ratio(facts: Facts, task: str, arch: str) -> float:
    """Return the spread of the differences over that of unpaired ones."""
    a, b = facts.values(task)[[arch, facts.baseline]].dropna().to_numpy().T
    return float(np.std(a - b, ddof=1)) / math.hypot(sd(a), sd(b))


@cache
def correlation(facts: Facts, task: str, arch: str) -> tuple[float, float, float]:
    """Return that of its results with the baseline's over seeds, and its 95 % interval."""
    return fisher(*facts.values(task)[[arch, facts.baseline]].dropna().to_numpy().T)


@cache
def matched_pairs(facts: Facts, task: str) -> list[tuple[str, str, Judged]]:
    """Return (more convolution, less, verdict) of networks within 10 % in size and 10 points apart in their share."""
    rows = {arch: facts.first(task, arch) for arch in distinct(facts, task)}
    in_order = [arch for arch in dict.fromkeys(facts.of(task)["arch"]) if arch in rows]
    size = {arch: float(row["params_total"]) for arch, row in rows.items()}
    share = {arch: row["params_conv"] / size[arch] for arch, row in rows.items()}
    values, pairs = facts.values(task), {}
    for a, b in combinations(in_order, 2):
        more, less = (a, b) if share[a] > share[b] else (b, a)
        if max(size[a], size[b]) <= 1.1 * min(size[a], size[b]) and share[more] - share[less] >= 0.1:
            pairs[more, less] = (values[more].to_numpy(), values[less].to_numpy())
    judged = judged_family(pairs, TASKS[task].margin, facts.anytime)
    return sorted(((a, b, row) for (a, b), row in judged.items()), key=lambda one: share[one[1]] - share[one[0]])
