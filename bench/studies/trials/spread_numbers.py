"""The spread of each source: its standard deviation with an interval, and its share of the variance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from bench.studies.trials.choice import DIVERGED
from bench.studies.trials.sources import ALL, NONE, PARTS, SOURCES

CHAOTIC = 0.5
"""Where rounding alone has more than this of the standard deviation of all together, training is called chaotic;

said only where the whole interval is above it."""


@dataclass(frozen=True)
class Spread:
    """A standard deviation over runs (ddof = 1) with its 95 % interval, which rests on normal scores."""

    n: int
    std: float
    low: float
    high: float

    @property
    def variance(self) -> float:
        return self.std**2


def spread_of(values: Iterable[float]) -> Spread:
    """Return the spread of finite values: (n − 1) s² / σ² is chi-square with n − 1 degrees of freedom.

    NaN for n < 2.
    """
    x = np.array(list(values), dtype=float)
    if len(x) < 2:
        return Spread(len(x), np.nan, np.nan, np.nan)
    df, std = len(x) - 1, float(x.std(ddof=1)) if np.ptp(x) else 0.0
    low, high = (std * np.sqrt(df / special.chdtri(df, tail)) for tail in (0.025, 0.975))
    return Spread(len(x), std, float(low), float(high))


@dataclass(frozen=True)
class Ratio:
    """Of two standard deviations, with its 95 % interval."""

    value: float
    low: float
    high: float


def ratio_of(numerator: Spread, denominator: Spread) -> Ratio:
    """Return the ratio of the standard deviations of two sets of runs: that of the variances is F distributed.

    The sets are taken as independent; here they share a run, which makes the interval a little too wide.
    """
    if not (denominator.std > 0 and numerator.n > 1):
        return Ratio(np.nan, np.nan, np.nan)
    value, df = numerator.std / denominator.std, (numerator.n - 1, denominator.n - 1)
    high, low = (value / np.sqrt(special.fdtri(*df, tail)) for tail in (0.025, 0.975))
    return Ratio(value, float(low), float(high))


@dataclass(frozen=True)
class Network:
    """The spreads of one architecture in one task."""

    arch: str
    mean: float
    """Of the runs with everything from their seed."""

    spreads: Mapping[str, Spread]
    """Source → its spread."""

    diverged: int
    """Runs that did, which no spread counts."""

    def share_of_sum(self, source: str) -> float:
        """Return the share of a source in the sum of the variances of PARTS."""
        total = sum(self.spreads[part].variance for part in PARTS)
        return self.spreads[source].variance / total if total else np.nan

    def share_of_all(self, source: str) -> float:
        """Return the variance of a source over that of all together."""
        total = self.spreads[ALL].variance
        return self.spreads[source].variance / total if total else np.nan

    @property
    def rounding(self) -> Ratio:
        """Rounding alone over all together."""
        return ratio_of(self.spreads["rounding"], self.spreads[ALL])

    @property
    def is_chaotic(self) -> bool:
        return self.rounding.low > CHAOTIC


def networks_of(runs: pd.DataFrame) -> list[Network]:
    """Return the spreads of each architecture of one task, by name: the file has them as they ended.

    Args:
        runs: a row per run with arch, source, seed, status and value. The one of NONE belongs to every source, as
            their seed 0.
    """
    found = []
    for arch, own in runs.groupby("arch"):
        kept = own[own["status"] != DIVERGED]
        values = {source: kept.loc[kept["source"].isin((source, NONE)), "value"] for source in SOURCES}
        spreads = {source: spread_of(each) for source, each in values.items()}
        found.append(Network(str(arch), float(values[ALL].mean()), spreads, len(own) - len(kept)))
    return found
