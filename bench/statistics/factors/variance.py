"""Computes how much of the variance of a response over all runs of a grid goes with each factor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.statistics.factors.grid import tidy

Floats = NDArray[np.float64]

COLUMNS = ["term", "kind", "df", "sum_sq", "share"]


def variance_shares(df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed") -> pd.DataFrame:
    """Return the shares of the total sum of squares, of type II: a row per factor, pair of factors, seed and rest.

    kind         term                   sum of squares of ...
    main         "depth"                a factor, given the other factors, the pairs without it, and the seed
    interaction  "depth × kernel"       a pair of factors, given all other terms
    seed         the block              the seed, given all factors and pairs
    higher       "higher interactions"  cells beyond main effects and pairs, with three factors or more
    residual     "residual"             noise between seeds within cells; with one seed there is none to see
    overlap      "shared (unbalanced)"  what several terms explain alike, or (negative) explain twice; only if cells
                                        are missing, and then the shares sum to 1 with this row

    On a balanced grid type II equals sequential sums; on any other it does not depend on the order of factors. Levels
    count as names, not as numbers. A term that the cells at hand can't tell from the others has df 0. Shares describe
    the levels that were run, and a term with many df also collects noise.
    """
    rows = tidy(df, response, factors, block)
    y = rows[response].to_numpy(dtype=float)
    y = y - (y.mean() if len(y) else 0.0)
    terms = {(f,): one_hot(rows, (f,)) for f in factors} | {p: one_hot(rows, p) for p in combinations(factors, 2)}
    terms[(block,)] = one_hot(rows, (block,))
    total = float(y @ y)

    table: list[tuple[str, str, int, float]] = []
    for term in terms:
        others = [m for other, m in terms.items() if not set(term) <= set(other)]
        kind = "seed" if term == (block,) else "main" if len(term) == 1 else "interaction"
        table.append((" × ".join(term), kind, *_gain(y, others, terms[term])))
    everything = list(terms.values())
    if len(factors) > 2:
        cells = one_hot(rows, tuple(factors))
        table.append(("higher interactions", "higher", *_gain(y, everything, cells)))
        everything.append(cells)
    left, rank = fit(y, everything)
    table.append(("residual", "residual", len(y) - rank, left))
    tiny = 1e-12 * total  # rounding is not variance
    table = [(term, kind, df_, ss if ss > tiny else 0.0) for term, kind, df_, ss in table]
    overlap = total - sum(row[-1] for row in table)
    if abs(overlap) > 1e-9 * total:
        table.append(("shared (unbalanced)", "overlap", 0, overlap))
    out = pd.DataFrame(table, columns=COLUMNS[:4])
    out["share"] = out["sum_sq"] / total if total > 0 else np.nan
    return out


def one_hot(rows: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Return the indicator matrix [rows, combinations] of the combinations of `columns` that occur."""
    codes = rows.groupby(list(columns), sort=False, observed=True).ngroup().to_numpy()
    return np.eye(int(codes.max(initial=-1)) + 1)[codes]


def fit(y: Floats, matrices: Sequence[Floats]) -> tuple[float, int]:
    """Return residual sum of squares and rank of the least-squares fit of y on an intercept and `matrices`."""
    design = np.column_stack([np.ones(len(y)), *matrices])
    coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    residual = y - design @ coefficients
    return float(residual @ residual), int(rank)


def _gain(y: Floats, others: Sequence[Floats], term: Floats) -> tuple[int, float]:
    """Return the df and the sum of squares that `term` adds to a model of `others`."""
    without, rank_without = fit(y, others)
    with_term, rank_with = fit(y, [*others, term])
    return rank_with - rank_without, without - with_term
