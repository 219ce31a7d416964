"""Makes a grid of runs a table of cells × seeds, and computes contrasts over the cells that match.

A cell is one combination of levels. A contrast uses only cells that exist at both of its levels with every other
factor equal, so that a grid with holes (illegal cells, failed runs) never compares unlike with unlike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from archs.errors import UserError, nearest
from bench.statistics.estimates import Interval, decision_p, mean_interval, without_rounding
from bench.statistics.settings import setting_text

Floats = NDArray[np.float64]
Cells = dict[tuple[str, ...], Floats]
"""Levels of a cell → its response for each seed of the grid, NaN where there is no finished run."""


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


@dataclass(frozen=True)
class Grid:
    """A response over the cells of a grid and over seeds."""

    values: Cells
    """By the levels of all factors, in the order of `levels`."""

    seeds: tuple[int, ...]
    """Those that have a value somewhere."""

    levels: dict[str, list[str]]
    """Factor → labels of its levels, in order."""

    @cached_property
    def size(self) -> float:
        """The largest |response|, which rounding is measured against."""
        return max((float(np.nanmax(np.abs(row))) for row in self.values.values()), default=0.0)

    def at(self, /, **levels: str) -> Cells:
        """Return the values of the cells at these levels, by the levels of the other factors."""
        others = [i for i, factor in enumerate(self.levels) if factor not in levels]
        held = [(i, levels[factor]) for i, factor in enumerate(self.levels) if factor in levels]
        return {
            tuple(cell[i] for i in others): row
            for cell, row in self.values.items()
            if all(cell[i] == level for i, level in held)
        }

    def contrast(self, plus: Cells, minus: Cells, level: float = 0.95) -> Contrast:
        """Return the effect plus - minus: the mean over matched cells within a seed, then an interval over the seeds.

        Differences that are equal but for the rounding of numbers as large as the response count as equal.

        Args:
            plus: as `at` returns it, or a difference of two such.
            minus: the same.
            level: of the t interval.
        """
        differences = np.array(list(subtract(plus, minus).values())).reshape(-1, len(self.seeds))  # [cells, seeds]
        is_known = ~np.isnan(differences)
        cells, seeds = is_known.any(axis=1), is_known.any(axis=0)
        matched = int(cells.sum())
        cells[cells], seeds[seeds] = complete_part(differences[np.ix_(cells, seeds)])
        used = differences[np.ix_(cells, seeds)]
        per_seed = used.mean(axis=0) if len(used) else np.empty(0)  # [seeds]
        per_seed = without_rounding(per_seed, self.size)
        interval = mean_interval(per_seed, level)
        dropped = [int(seed) for seed, is_used in zip(self.seeds, seeds, strict=True) if len(used) and not is_used]
        return Contrast(interval, decision_p(per_seed, interval), len(used), matched - len(used), tuple(dropped))


def subtract(plus: Cells, minus: Cells) -> Cells:
    """Return plus - minus on the cells that both have."""
    return {cell: row - minus[cell] for cell, row in plus.items() if cell in minus}


def complete_part(table: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows and columns of `table` to keep so that it has no hole (NaN).

    Whichever has the largest share of holes goes first. Every seed must average the same cells, or the difference
    between cells would pass for noise between seeds. On a tie the cell is dropped, since an interval is made of seeds.

    Args:
        table: [cells, seeds].
    """
    holes = np.isnan(table)
    rows, columns = np.ones(len(holes), dtype=bool), np.ones(holes.shape[1], dtype=bool)
    while (left := holes[np.ix_(rows, columns)]).any():
        of_row, of_column = left.mean(axis=1), left.mean(axis=0)
        if of_row.max() >= of_column.max():
            rows[np.flatnonzero(rows)[of_row.argmax()]] = False
        else:
            columns[np.flatnonzero(columns)[of_column.argmax()]] = False
    return rows, columns


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
    rows = tidy(df, response, factors, block)
    levels = {f: ordered_levels(df[f], set(rows[f])) for f in factors}
    seeds = tuple(sorted(set(rows[block])))
    column = {seed: i for i, seed in enumerate(seeds)}
    values: Cells = {}
    for *cell, seed, value in rows[[*factors, block, response]].itertuples(index=False, name=None):
        values.setdefault(tuple(cell), np.full(len(seeds), np.nan))[column[seed]] = value
    return Grid(dict(sorted(values.items())), seeds, levels)


def ordered_levels(given: pd.Series, used: set[str]) -> list[str]:
    """Return the labels of the used levels in the order of numbers, else of the column's categories, else as given."""
    source = given.cat.categories if isinstance(given.dtype, pd.CategoricalDtype) else given.dropna()
    labels = [label for label in dict.fromkeys(map(setting_text, source)) if label in used]
    try:
        numbers = {label: float(label) for label in labels}
    except ValueError:
        return labels
    return sorted(labels, key=numbers.__getitem__) if all(map(math.isfinite, numbers.values())) else labels
