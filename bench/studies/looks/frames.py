"""The tables of the calibration with looks: what errs how often, what a choice costs, and when verdicts settle."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from bench.statistics.estimates import ALPHA, Interval, seeds_needed
from bench.statistics.sequential.confidence import FIRST_LOOK, PRECISION
from bench.studies.looks.families import MOST, SCENARIOS, family
from bench.studies.looks.noises import NOISES
from bench.studies.looks.stopping import Paths, at, disagreements, first_at, look

LOOKS = 50
"""The most seeds of a comparison whose errors are counted."""

PATIENCE = 200
"""The most seeds of one of which it is asked when it settles."""

FIXED = 6
"""Seeds of the t test that looks once."""

PRECISIONS = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
FIRST_LOOKS = (3, 4, 5, 6)
EFFECTS = (0.5, 1.0, 2.0, 5.0)
MARGINS = (1.0, 2.0, 5.0)

CHOICE = ["precision", "first", "trials", "normal", "t3", "two_modes", "exponential", "one_collapses"]
CHOICE += ["half", "one", "two", "five", "ten", "one_most", "of_five", "of_fifty"]
CHOICE += ["inside_one", "inside_two", "inside_five"]
"""What one prior and first look give: the shares called different by LOOKS seeds, where the true mean is 0, and median
seeds to a verdict, NaN above PATIENCE: on so many sd; one_most: by which nine of ten of 1 sd are settled; of_five and
of_fifty: 5 sd at 5 % / 5, and 10 sd at 5 % / 49; inside: "equivalent" with this margin, of equals."""


@dataclass(frozen=True)
class Errors:
    """How often a verdict errs where the true mean is 0 or, in the last of the rates, the margin; as fractions."""

    noise: str
    trials: int

    by_10: float
    """Called different at any look up to 10 seeds."""

    by_30: float
    by_50: float

    last: float
    """Called different at 50 seeds, whatever was said before."""

    outside: float
    """The mean at 50 seeds lies outside an interval of fewer seeds, so that the intersection of all would deny it."""

    naive: float
    """Called different by the 95 % t interval at any look up to 50 seeds."""

    fixed: float
    """Called different by the 95 % t interval at FIXED seeds."""

    equivalent: float
    """Called equivalent at any look up to 50 seeds, with a margin 1 % below the true mean (`Noise.margin`)."""

    shipped: int
    """The first trials, which are sent through `compare_paired` at several looks too, for both questions."""

    disagreements: int
    """Their verdicts in which it and the arithmetic on arrays differ."""


def errors(rng: np.random.Generator, name: str, trials: int, shipped: int) -> Errors:
    """Look at differences without a difference after each seed."""
    noise = NOISES[name]
    d = noise.draw(rng, (trials, LOOKS))
    paths = look(d)
    apart = paths.without(0.0, paths.half(ALPHA))
    by_t = paths.without(0.0, paths.t_half())
    shifted, margin = d + noise.margin, 0.99 * noise.margin
    there = look(shifted)
    return Errors(
        noise=name,
        trials=trials,
        by_10=_ever(apart, paths, 10),
        by_30=_ever(apart, paths, 30),
        by_50=_ever(apart, paths, 50),
        last=float(apart[:, -1].mean()),
        outside=_denied(paths),
        naive=_ever(by_t, paths, 50),
        fixed=float(by_t[:, FIXED - FIRST_LOOK].mean()),
        equivalent=_ever(there.inside(margin, there.half(ALPHA)), there, 50),
        shipped=shipped,
        disagreements=disagreements(d, shipped) + disagreements(shifted, shipped, margin),
    )


def _denied(paths: Paths) -> float:
    """Return the share of trials whose last mean lies outside any interval."""
    outside = np.abs(paths.mean - paths.mean[:, -1:]) > paths.half(ALPHA)
    return float(outside.any(axis=1).mean())


def _ever(happened: np.ndarray, paths: Paths, most: int) -> float:
    return float(happened[:, paths.n <= most].any(axis=1).mean())


@dataclass(frozen=True)
class Settling:
    """When a comparison settles, and what is reported then; means and margins in stds of its differences."""

    noise: str
    effect: float
    """The true mean difference."""

    margin: float
    """NaN: none is stated."""

    trials: int

    median: float
    """Seeds at which it is settled, in half of the trials by then; NaN: above PATIENCE."""

    most: float
    """Seeds by which nine of ten are; NaN: above PATIENCE."""

    fixed: float
    """Seeds of the t test that looks once, for 80 % power; NaN: never."""

    by_30: float
    """Settled with at most MOST seeds, the rest of the columns being about what is reported then."""

    wrong: float
    """Settled wrongly: on the wrong side, different without a difference, or equivalent outside the margin."""

    covered: float
    """Intervals that hold the truth where seeds end: settled, or at MOST."""

    bias: float
    """How far the reported difference is above the true one there, in stds."""

    bias_called: float
    """The same over those that were called different; NaN if none was."""

    t_covered: float
    """95 % t intervals of the same seeds that hold the truth, as if their number had been settled beforehand."""


def settling(rng: np.random.Generator, name: str, effect: float, margin: float | None, trials: int) -> Settling:
    """Add seeds until the interval leaves out 0 or lies inside the margin."""
    d = NOISES[name].draw(rng, (trials, PATIENCE)) + effect
    paths = look(d)
    half = paths.half(ALPHA)
    equal = np.zeros_like(half, dtype=bool) if margin is None else paths.inside(margin, half)
    apart = paths.without(0.0, half) & ~equal
    index = first_at(apart | equal)
    n = np.where(index < len(paths.n), paths.n[np.minimum(index, len(paths.n) - 1)], np.inf)
    end = np.minimum(index, MOST - FIRST_LOOK)
    mean = at(paths.mean, end)
    is_equal, is_apart = at(equal, end), at(apart, end)
    wrong = is_apart & ((effect == 0) | (np.sign(mean) != np.sign(effect)))
    if margin is not None:
        wrong |= is_equal & (abs(effect) > margin)
    median, most = (float(np.quantile(n, q, method="inverted_cdf")) for q in (0.5, 0.9))
    needed = seeds_needed(Interval(effect, 1.0, FIXED, np.nan, np.nan), margin=margin)
    return Settling(
        noise=name,
        effect=effect,
        margin=np.nan if margin is None else margin,
        trials=trials,
        median=median if np.isfinite(median) else np.nan,
        most=most if np.isfinite(most) else np.nan,
        fixed=np.nan if needed is None else needed,
        by_30=float((is_equal | is_apart).mean()),
        wrong=float(wrong.mean()),
        covered=float((np.abs(mean - effect) <= at(half, end)).mean()),
        bias=float((mean - effect).mean()),
        bias_called=float((mean - effect)[is_apart].mean()) if is_apart.any() else np.nan,
        t_covered=float((np.abs(mean - effect) <= at(paths.t_half(), end)).mean()),
    )


def choices(trials: int, seed: int) -> pd.DataFrame:
    """Simulate every prior and first look on the same differences: a row for each, with the columns `CHOICE`."""
    rng = np.random.default_rng(seed)
    calm = rng.normal(size=(trials, PATIENCE))
    names = ("normal", "t3", "two modes", "exponential", "one collapses")
    noises = {name: look(NOISES[name].draw(rng, (trials, LOOKS))) for name in names}
    paths = {effect: look(calm + effect) for effect in (0.0, *EFFECTS, 10.0)}
    rows = []
    for precision in PRECISIONS:
        called = {name: noise.without(0.0, noise.half(ALPHA, precision)) for name, noise in noises.items()}
        apart = {
            effect: paths[effect].without(0.0, paths[effect].half(ALPHA, precision)) for effect in (*EFFECTS, 10.0)
        }
        among = [paths[e].without(0.0, paths[e].half(ALPHA / tests, precision)) for e, tests in ((5.0, 5), (10.0, 49))]
        inside = {margin: paths[0.0].inside(margin, paths[0.0].half(ALPHA, precision)) for margin in MARGINS}
        for first in FIRST_LOOKS:
            cut = first - FIRST_LOOK
            rates = [float(happened[:, cut:].any(axis=1).mean()) for happened in called.values()]
            medians = [_quantile(happened[:, cut:], first, 0.5) for happened in apart.values()]
            ends = [_quantile(happened[:, cut:], first, 0.5) for happened in inside.values()]
            most = _quantile(apart[1.0][:, cut:], first, 0.9)
            tables = [_quantile(happened[:, cut:], first, 0.5) for happened in among]
            values = [precision, first, trials, *rates, *medians, most, *tables, *ends]
            rows.append(dict(zip(CHOICE, values, strict=True)))
    return pd.DataFrame(rows)


def _quantile(happened: np.ndarray, first: int, share: float) -> float:
    """Return the seeds by which a share of the trials has seen it, NaN if it is never so many."""
    seeds = float(np.quantile(first + first_at(happened), share, method="inverted_cdf"))
    return seeds if seeds < first + happened.shape[1] else np.nan


def errors_frame(trials: int, shipped: int, seed: int) -> pd.DataFrame:
    """Return a row per noise."""
    rows = [errors(np.random.default_rng([seed, i]), name, trials, shipped) for i, name in enumerate(NOISES)]
    return pd.DataFrame(map(asdict, rows))


def settling_frame(trials: int, seed: int) -> pd.DataFrame:
    """Return a row per noise, true difference and margin."""
    asked: list[tuple[str, float, float | None]] = [("normal", effect, None) for effect in (0.0, *EFFECTS)]
    asked += [("normal", 0.0, margin) for margin in MARGINS]
    asked += [("normal", 0.5, 1.0), ("normal", 2.0, 1.0)]
    asked += [(name, effect, None) for name in ("exponential", "one collapses") for effect in (1.0, 2.0)]
    rows = [settling(np.random.default_rng([seed, i]), *row, trials) for i, row in enumerate(asked)]
    return pd.DataFrame(map(asdict, rows))


def families_frame(trials: int, shipped: int, seed: int) -> pd.DataFrame:
    """Return a row per scenario."""
    rows = [family(np.random.default_rng([seed, i]), name, trials, shipped) for i, name in enumerate(SCENARIOS)]
    return pd.DataFrame(map(asdict, rows))


def curves_frame(trials: int, seed: int) -> pd.DataFrame:
    """Return the share of comparisons, of normal differences, that are settled by each number of seeds: for the figure.

    Columns: kind ("false", of no difference; "naive", of that by 95 % t intervals; "effect"; "margin", of no
    difference called equivalent), size (of the effect or margin, in stds), n, share.
    """
    calm = np.random.default_rng(seed).normal(size=(trials, LOOKS))
    paths = {effect: look(calm + effect) for effect in (0.0, *EFFECTS)}
    half = {effect: path.half(ALPHA) for effect, path in paths.items()}
    still = paths[0.0]
    found = [("false", 0.0, still.without(0.0, half[0.0])), ("naive", 0.0, still.without(0.0, still.t_half()))]
    found += [("effect", effect, paths[effect].without(0.0, half[effect])) for effect in EFFECTS]
    found += [("margin", margin, still.inside(margin, half[0.0])) for margin in MARGINS]
    rows = [
        (kind, size, int(n), share)
        for kind, size, happened in found
        for n, share in zip(still.n, np.logical_or.accumulate(happened, axis=1).mean(axis=0), strict=True)
    ]
    return pd.DataFrame(rows, columns=["kind", "size", "n", "share"])


def as_shipped(choice: pd.DataFrame) -> pd.Series:
    """Return the row of the prior and the first look that are in use."""
    return choice[(choice["precision"] == PRECISION) & (choice["first"] == FIRST_LOOK)].iloc[0]
