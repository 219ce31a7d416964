"""Makes a grid of runs a table of cells × seeds, and computes contrasts over the cells that match.

A cell is one combination of levels. A contrast uses only cells that exist at both of its levels with every other
factor equal, so that a grid with holes (illegal cells, failed runs) never compares unlike with unlike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from archs.errors import UserError, nearest
from bench.statistics.estimates import Interval, decision_p, mean_interval, without_rounding
from bench.statistics.settings import setting_text

_ALWAYS = "(all)"
"""A constant level of the index, so that an index is left when every factor is dropped from it."""


@dataclass(frozen=True)
class Grid:
    """A response over the cells of a grid and over seeds."""

    values: pd.DataFrame
    """[cells, seeds], indexed by the factors; NaN where there is no finished run."""

    levels: dict[str, list[str]]
    """Factor → labels of its levels, in order."""

    @property
    def size(self) -> float:
        """The largest |response|, which rounding is measured against."""
        return float(self.values.abs().max().max()) if self.values.size else 0.0

    def at(self, /, **levels: str) -> pd.DataFrame:
        """Return the values of the cells at these levels, indexed by the other factors."""
        index = self.values.index
        keep = np.logical_and.reduce([index.get_level_values(f) == level for f, level in levels.items()])
        return self.values[keep].droplevel(list(levels))


def tidy(df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed") -> pd.DataFrame:
    """Return the usable rows of `df`, which are finished (if there is a `status`) and finite, with levels as labels.

    Raises:
        UserError: a column is unknown, or two runs share a cell and a seed, so that a factor must be missing.
    """
    for name in (*factors, response, block):
        if name not in df.columns:
            raise UserError(f"column {name!r} is not in the grid's frame{nearest(name, map(str, df.columns))}")
    if "status" in df.columns:
        df = df[df["status"] == "finished"]
    out = pd.DataFrame({f: df[f].map(setting_text, na_action="ignore") for f in factors})
    out[block], out[response] = df[block], pd.to_numeric(df[response], errors="coerce")
    out = out[np.isfinite(out[response])].dropna(subset=list(factors)).reset_index(drop=True)
    repeated = out[out.duplicated([*factors, block])]
    if len(repeated):
        cell = ", ".join(f"{name}={repeated.iloc[0][name]}" for name in (*factors, block))
        raise UserError(f"more than one run at {cell}: expected one, list every factor that varies")
    return out


def make_grid(df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed") -> Grid:
    """Return the grid of a frame of runs; levels are in numeric order if all are numbers, else as given."""
    rows = tidy(df, response, factors, block).assign(**{_ALWAYS: 0})
    levels = {f: ordered_levels(df[f], set(rows[f])) for f in factors}
    return Grid(rows.pivot(index=[*factors, _ALWAYS], columns=block, values=response), levels)


def ordered_levels(given: pd.Series, used: set[str]) -> list[str]:
    """Return the labels of the used levels in the order of numbers, else of the column's categories, else as given."""
    source = given.cat.categories if isinstance(given.dtype, pd.CategoricalDtype) else given.dropna()
    labels = [label for label in dict.fromkeys(map(setting_text, source)) if label in used]
    try:
        numbers = {label: float(label) for label in labels}
    except ValueError:
        return labels
    return sorted(labels, key=numbers.__getitem__) if all(map(math.isfinite, numbers.values())) else labels


@dataclass(frozen=True)
class Contrast:
    """One effect over the seeds, and what it rests on."""

    interval: Interval
    p: float
    """The p that decides, as `bench.statistics.estimates.decision_p`."""

    cells: int
    """Matched cells, averaged within every seed."""

    cells_dropped: int
    """Matched cells that are left out because a run is missing."""

    seeds_dropped: tuple[int, ...]
    """Seeds that are left out because a run is missing."""


def contrast(plus: pd.DataFrame, minus: pd.DataFrame, size: float, level: float = 0.95) -> Contrast:
    """Return the effect plus - minus: the mean over matched cells within a seed, then a t interval over the seeds.

    Args:
        plus: [cells, seeds].
        minus: [cells, seeds].
        size: the largest |response|; differences that are equal but for the rounding of such numbers count as equal.
        level: of the interval.
    """
    difference = subtract(plus, minus)  # [cells, seeds]
    matched = difference.dropna(how="all")
    used = complete_part(matched.dropna(axis="columns", how="all"))
    per_seed = used.mean(axis=0).to_numpy(dtype=float) if len(used) else np.empty(0)  # [seeds]
    per_seed = without_rounding(per_seed, size)
    interval = mean_interval(per_seed, level)
    seeds_dropped = [int(s) for s in difference.columns.difference(used.columns)] if len(used) else []
    return Contrast(interval, decision_p(per_seed, interval), len(used), len(matched) - len(used), tuple(seeds_dropped))


def subtract(plus: pd.DataFrame, minus: pd.DataFrame) -> pd.DataFrame:
    """Return plus - minus, [cells, seeds], on the cells that both have."""
    both = plus.index.intersection(minus.index)
    return plus.loc[both] - minus.loc[both]


def complete_part(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` without rows and columns that have holes, dropping whichever has the largest share of holes first.

    Every seed must average the same cells, or the difference between cells would pass for noise between seeds. On a
    tie the cell is dropped, since an interval is made of seeds.
    """
    while table.size and table.isna().to_numpy().any():
        rows, columns = table.isna().mean(axis=1), table.isna().mean(axis=0)
        if rows.max() >= columns.max():
            table = table.drop(index=[rows.idxmax()])
        else:
            table = table.drop(columns=[columns.idxmax()])
    return table
