"""Estimates what each factor of a grid is worth: main effects, two-way interactions, effects within a level.

The factors are those of a grid `cnn:depth=2/3,kernel=3/5` (depth, kernel) or of a crossing `a+b` (encoder, decoder).
An effect is computed within each seed first and then over the seeds, so that its interval covers the noise between
seeds. All functions take a frame of runs, and the frames that they return share these columns:

    effect, low, high, std         in the response's unit; the 95 % interval is over seeds, and NaN with one seed
    n, cells                       seeds, and matched cells averaged within each seed
    p, p_holm                      as `bench.statistics.estimates.decision_p`; Holm-adjusted over the rows of the frame
    cells_dropped, seeds_dropped   what is matched only in part, and left out because a run is missing
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import pandas as pd

from bench.statistics.factors.grid import Contrast, make_grid, subtract
from bench.statistics.judging import holm

ESTIMATE_COLUMNS = ["effect", "low", "high", "std", "n", "cells", "p", "p_holm", "cells_dropped", "seeds_dropped"]
MAIN_COLUMNS = ["factor", "from_level", "to_level"]
INTERACTION_COLUMNS = ["factor_a", "from_a", "to_a", "factor_b", "from_b", "to_b"]
CONDITIONAL_COLUMNS = ["factor", "from_level", "to_level", "by", "by_level"]


def main_effects(
    df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed", level: float = 0.95
) -> pd.DataFrame:
    """Return a row per step between consecutive levels of a factor: mean(to) - mean(from) over matched cells."""
    grid = make_grid(df, response, factors, block)
    rows = []
    for factor in factors:
        for low, high in pairwise(grid.levels[factor]):
            found = grid.contrast(grid.at(**{factor: high}), grid.at(**{factor: low}), level)
            rows.append([factor, low, high, *_estimate(found)])
    return _frame(rows, MAIN_COLUMNS)


def interactions(
    df: pd.DataFrame, response: str, factors: Sequence[str], block: str = "seed", level: float = 0.95
) -> pd.DataFrame:
    """Return a row per 2×2 block of consecutive levels of two factors: the difference between two differences.

    The effect is (step of a at to_b) - (step of a at from_b): how much more the step of a is worth after the step of b.
    Steps without a matched 2×2 block have 0 cells and an effect of NaN.
    """
    grid = make_grid(df, response, factors, block)
    rows = []
    for a, b in combinations(factors, 2):
        for a1, a2 in pairwise(grid.levels[a]):
            for b1, b2 in pairwise(grid.levels[b]):
                plus = subtract(grid.at(**{a: a2, b: b2}), grid.at(**{a: a1, b: b2}))
                minus = subtract(grid.at(**{a: a2, b: b1}), grid.at(**{a: a1, b: b1}))
                rows.append([a, a1, a2, b, b1, b2, *_estimate(grid.contrast(plus, minus, level))])
    return _frame(rows, INTERACTION_COLUMNS)


def conditional_effects(
    df: pd.DataFrame,
    response: str,
    factors: Sequence[str],
    factor: str,
    by: str,
    block: str = "seed",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return a row per step of `factor` within each level of `by`: an interaction in the response's unit."""
    grid = make_grid(df, response, factors, block)
    rows = []
    for low, high in pairwise(grid.levels[factor]):
        for held in grid.levels[by]:
            plus, minus = (grid.at(**{factor: step, by: held}) for step in (high, low))
            found = grid.contrast(plus, minus, level)
            rows.append([factor, low, high, by, held, *_estimate(found)])
    return _frame(rows, CONDITIONAL_COLUMNS)


def _estimate(c: Contrast) -> list[object]:
    """Return the values of ESTIMATE_COLUMNS; p_holm is filled in when the frame is complete."""
    i = c.interval
    return [i.mean, i.low, i.high, i.std, i.n, c.cells, c.p, float("nan"), c.cells_dropped, c.seeds_dropped]


def _frame(rows: list[list[object]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[*columns, *ESTIMATE_COLUMNS])
    if len(frame):
        frame["p_holm"] = holm(frame["p"].tolist())
    return frame
