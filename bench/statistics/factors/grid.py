"""A grid of runs as a table of cells x seeds, and contrasts over the cells that match.

A cell is one combination of levels. A contrast uses only cells that exist at both of its levels with every other
factor equal, so that a grid with holes (illegal cells, failed runs) never compares unlike with unlike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from archs.errors import UserError, nearest
from bench.statistics.estimates import Interval, decision_p, mean_interval, without_rounding

_ALWAYS = "(all)"  # a constant index level: leaves an index standing when every factor is dropped from it


@dataclass(frozen=True)
class Grid:
    """values: [cells, seeds], the response, NaN where there is no finished run; levels: {factor: ordered labels}."""

    values: pd.DataFrame
    levels: dict[str, list[str]]

    @property
    def size(self) -> float:
        """Largest |response|: what rounding is measured against."""
        return float(self.values.abs().max().max()) if self.values.size else 0.0

    def at(self, **levels: str) -> pd.DataFrame:
        """The cells at these levels, indexed by the other factors."""
        index = self.values.index
        keep = np.logical_and.reduce([index.get_level_values(f) == level for f, level in levels.items()])
        return self.values[keep].droplevel(list(levels))


def tidy(df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed") -> pd.DataFrame:
    """The usable rows of `df`: finished (where there is a `status`), finite, on the grid; levels as labels.

    Raises UserError for an unknown column, or when two runs share a cell and a seed (some factor is not listed).
    """
    for name in (*factors, response, block):
        if name not in df.columns:
            raise UserError(f"column {name!r} is not in the grid's frame{nearest(name, map(str, df.columns))}")
    if "status" in df.columns:
        df = df[df["status"] == "finished"]
    out = pd.DataFrame({f: df[f].map(_label, na_action="ignore") for f in factors})
    out[block], out[response] = df[block], pd.to_numeric(df[response], errors="coerce")
    out = out[np.isfinite(out[response])].dropna(subset=list(factors)).reset_index(drop=True)
    repeated = out[out.duplicated([*factors, block])]
    if len(repeated):
        cell = ", ".join(f"{name}={repeated.iloc[0][name]}" for name in (*factors, block))
        raise UserError(f"more than one run at {cell}: expected one, list every factor that varies")
    return out


def make_grid(df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed") -> Grid:
    """The grid of a tidy frame; levels are in numeric order where all are numbers, else as given."""
    rows = tidy(df, response, factors, block).assign(**{_ALWAYS: 0})
    levels = {f: ordered_levels(df[f], set(rows[f])) for f in factors}
    return Grid(rows.pivot(index=[*factors, _ALWAYS], columns=block, values=response), levels)


def ordered_levels(given: pd.Series, used: set[str]) -> list[str]:
    """Labels of the used levels: by number, else by category where the column has categories, else as they appear."""
    source = given.cat.categories if isinstance(given.dtype, pd.CategoricalDtype) else given.dropna()
    labels = [label for label in dict.fromkeys(map(_label, source)) if label in used]
    try:
        return sorted(labels, key=float)
    except ValueError:
        return labels


def _label(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


@dataclass(frozen=True)
class Contrast:
    """One effect over the seeds: its interval, the deciding p, and what it rests on.

    cells: matched cells averaged in every seed; cells_dropped, seeds_dropped: matched, but with a run missing.
    """

    interval: Interval
    p: float
    cells: int
    cells_dropped: int
    seeds_dropped: tuple[int, ...]


def contrast(plus: pd.DataFrame, minus: pd.DataFrame, size: float, level: float = 0.95) -> Contrast:
    """plus - minus over matched cells: averaged over the cells within a seed, then a t interval over the seeds.

    `size` is the largest |response|; differences equal but for the rounding of such numbers count as equal.
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
    """plus - minus, [cells, seeds], on the cells that both have."""
    both = plus.index.intersection(minus.index)
    return plus.loc[both] - minus.loc[both]


def complete_part(table: pd.DataFrame) -> pd.DataFrame:
    """`table` without the rows or columns that have holes: the one with the largest share of holes goes first.

    Every seed must average the same cells, or the difference between cells would pass for noise between seeds.
    On a tie the cell goes: seeds are what an interval is made of.
    """
    while table.size and table.isna().to_numpy().any():
        rows, columns = table.isna().mean(axis=1), table.isna().mean(axis=0)
        if rows.max() >= columns.max():
            table = table.drop(index=[rows.idxmax()])
        else:
            table = table.drop(columns=[columns.idxmax()])
    return table
