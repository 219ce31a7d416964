"""Holds summary.csv and comparisons.csv, which a reader may take numbers from, to records.csv."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from tests.audit.computing import sequential
from tests.audit.computing.own_statistics import ALPHA, fisher, p_value, sample, seeds_needed, seeds_range
from tests.audit.computing.robustness import (
    collapsed,
    differences,
    is_skewed,
    median_interval,
    outliers,
    without,
)
from tests.audit.computing.tuning import tuned
from tests.audit.computing.verdicts import pairing_ratio, same_networks, versus
from tests.audit.facts import TASKS, Facts


def by_recipe(facts: Facts, name: str) -> list[tuple[str, Facts, pd.DataFrame]]:
    """Return (recipe, its runs, its rows) of a file, which has one recipe where nothing was tuned."""
    frame, own = facts.split(pd.read_csv(facts.folder / f"{name}.csv")), tuned(facts)
    if own is None:
        return [("", facts, frame)]
    assert set(frame["recipe"]) == {"common", "tuned"}
    return [(recipe, one, frame[frame["recipe"] == recipe]) for recipe, one in (("common", facts), ("tuned", own))]


def wrong_summaries(facts: Facts) -> list[str]:
    """Return what is wrong in summary.csv: n, mean, standard deviation and 95 % interval of each metric."""
    found = []
    for recipe, one, frame in by_recipe(facts, "summary"):
        for row in frame.itertuples():
            own = sample(one.of(row.task, row.arch)[row.metric].dropna().to_numpy(dtype=float))
            expected = (own.n, own.mean, own.sd, *own.interval())
            printed = (row.n, row.mean, row.std, row.low, row.high)
            if not np.allclose(printed, expected, rtol=1e-9, atol=1e-12, equal_nan=True):
                found.append(f"{row.arch} {row.task} {row.metric} {recipe}: {printed}, expected {expected}")
    return found


def wrong_comparisons(facts: Facts) -> list[str]:
    """Return what is wrong in comparisons.csv, which has a row per task and architecture but the baseline."""
    found = []
    for recipe, one, frame in by_recipe(facts, "comparisons"):
        found += [f"{problem} {recipe}" for problem in _wrong_rows(one, frame)]
    return found


def _wrong_rows(facts: Facts, frame: pd.DataFrame) -> list[str]:
    found = []
    for row in frame.to_dict("records"):
        for name, value in expected_of(facts, row["task"], row["arch"]).items():
            printed = row[name]
            is_right = printed == value
            if isinstance(value, float):
                is_right = bool(np.isclose(printed, value, rtol=1e-9, atol=1e-12, equal_nan=True))
            elif value is None:
                is_right = pd.isna(printed)
            if not is_right:
                found.append(f"{row['arch']} {row['task']} {name}: {printed}, expected {value}")
    rows = sorted(zip(frame["task"], frame["arch"], strict=True))
    archs = [arch for arch in facts.manifest["archs"] if arch != facts.baseline]
    return found if rows == sorted(itertools.product(facts.tasks, archs)) else [*found, f"rows: {rows}"]


def expected_of(facts: Facts, task: str, arch: str) -> dict[str, Any]:
    """Return column → value of a row, in the recorded unit."""
    values, scale, margin = facts.values(task), TASKS[task].scale, TASKS[task].margin
    gone = facts.failed[(facts.failed["task"] == task) & (facts.failed["arch"] == arch)]
    if arch not in values:  # none of its runs finished
        return {
            "baseline": facts.baseline,
            "n": 0,
            "difference": math.nan,
            "verdict": "unresolved",
            "n_failed": len(gone),
        }
    a, b = values[[arch, facts.baseline]].dropna().to_numpy().T
    d = sample(a - b, float(values.abs().max().max()))
    low, high = d.interval()
    if facts.anytime:
        low, high = sequential.interval(a - b, float(values.abs().max().max()), ALPHA)
    flips = [abs(np.dot(signs, a - b)) for signs in itertools.product((1, -1), repeat=d.n)]
    at_least = abs((a - b).sum()) - 1e-9 * np.abs(a - b).sum()
    expected: dict[str, Any] = {
        "baseline": facts.baseline, "n": d.n, "difference": d.mean / scale, "std": d.sd / scale,
        "low_95": low / scale, "high_95": high / scale, "p_signflip": float(np.mean(np.array(flips) >= at_least)),
        "p_t": p_value(a - b, d) if d.sd > 0 else math.nan, "n_failed": len(gone),
        "spread_ratio": pairing_ratio(facts, task, arch), "effect_size": hedges_g(d.n, d.mean, d.sd),
        "anytime": facts.anytime,
    }  # fmt: skip
    expected |= beside_the_mean(facts, task, arch)
    if d.n >= 4:
        expected |= dict(zip(("correlation", "correlation_low", "correlation_high"), fisher(a, b), strict=True))
    if arch in same_networks(facts, task):
        same = {"verdict": "same network", "same_as": same_networks(facts, task)[arch], "family": 0, "settled_at": None}
        return expected | same | {"low": None, "high": None, "p_holm": None, "seeds_needed": None}
    row = versus(facts, task)[arch]
    size = float(values.abs().max().max())
    expected |= {"settled_at": row.settled_at}
    expected |= {"p_anytime": sequential.p_at_any_look(a - b, size) if facts.anytime else math.nan}
    expected |= {"verdict": row.verdict, "same_as": None, "family": row.family, "p_holm": row.p_holm,
                 "low": row.low / scale, "high": row.high / scale}  # fmt: skip
    half = (row.high - row.low) / 2 / (d.sd / math.sqrt(d.n))
    expected["level"] = 1 - row.alpha if facts.anytime else float(1 - 2 * special.stdtr(d.n - 1, -half))
    needed: list[int | None] = [None, None, None]
    if row.verdict == "unresolved":
        alpha = ALPHA / row.family
        needed = [seeds_needed(d, margin, alpha), *seeds_range(d, margin, alpha)]
        needed = [sequential.would_settle(d, margin, alpha), None, None] if facts.anytime else needed
    return expected | dict(zip(("seeds_needed", "seeds_fewest", "seeds_most"), needed, strict=True))


def beside_the_mean(facts: Facts, task: str, arch: str) -> dict[str, Any]:
    """Return what is said of a comparison beside its mean; of seeds without their order, as text."""
    d, scale, found = differences(facts, task, arch), TASKS[task].scale, collapsed(facts, task)
    low, high = median_interval(d)
    has_skew = len(d) > 2 and np.ptp(d) > 1e-12 * d.abs().max()
    expected: dict[str, Any] = {
        "median": float(np.median(d)) / scale, "median_low": low / scale, "median_high": high / scale,
        "won": int((d > 0).sum()), "lost": int((d < 0).sum()), "tied": int((d == 0).sum()),
        "unseen_failure": float(stats.beta.ppf(0.95, 1, len(d))), "skewed": is_skewed(d),
        "skewness": float(stats.skew(d)) if has_skew else math.nan, "outliers": str(tuple(outliers(d))),
        "collapsed": str(tuple(found[arch])), "collapsed_baseline": str(tuple(found[facts.baseline])),
    }  # fmt: skip
    if arch in same_networks(facts, task):
        return expected
    names = ("n_without", "difference_without", "low_without", "high_without", "verdict_without")
    if arch not in without(facts, task):
        return expected | dict.fromkeys(names)
    new = without(facts, task)[arch].judged
    own = new.differences
    return expected | dict(
        zip(names, (own.n, own.mean / scale, new.low / scale, new.high / scale, new.verdict), strict=True)
    )


def hedges_g(n: int, mean: float, sd: float) -> float:
    """Return the standardised difference with the exact correction of Hedges 1981."""
    if n < 3 or not sd > 0:
        return math.nan
    m = n - 1
    return math.gamma(m / 2) / (math.sqrt(m / 2) * math.gamma((m - 1) / 2)) * mean / sd
