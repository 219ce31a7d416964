"""Simulates races for the best arm: how often the best is thrown out, what a race saves, what its winner is worth.

    python -m bench.studies.racing.simulate --out docs/racing
    python -m bench.studies.racing.simulate --from docs/racing        # table and figure once more

It writes racing.csv (a row per kind of race and most seeds), table.md and figure.png. A winner was chosen because its
mean was high, so that its mean is too high; beside it stand fresh seeds, which had no part in the choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from archs.errors import UserError
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.paths import path_object
from bench.studies.checks import writable
from bench.studies.racing.alternatives import grid, halving
from bench.studies.racing.races import Races, disagreements, run
from bench.studies.racing.scenarios import Scenario, all_scenarios, draw
from bench.studies.trials.children import table_of

MOST = (10, 20, 30)
FRESH = 5
"""Seeds that confirm the winner."""

CHECKED = {10: 50, 40: 5}
"""Arms → races of each kind that are sent through the shipped function too."""

PAIRS_AT_ONCE = 400_000
FILES = ("racing.csv", "table.md", "figure.png")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What became of the races of one kind. Shares are fractions; biases are in stds between seeds of ordinary arms."""

    truth: str
    gap: float
    arms: int
    rho: float
    noise: str
    margin: float
    races: int
    """These are fields of `Scenario`."""

    most: int
    """Seeds after which a race ended, whatever was open."""

    thrown_out: float
    """The best arm, arm 0, was thrown out; of arms that are alike the mean over all, each of which is the best."""

    broken: float
    """The best arm is better than the winner by more than the margin, and not listed as open."""

    right: float
    """The winner is the best arm; NaN of equal arms."""

    alone: float
    """One arm was left."""

    settled: float
    """Nothing was open at the end."""

    left: float
    """Arms that were not out at the end, mean."""

    seeds: float
    """That the winner had had at the end, median."""

    runs: float
    """Mean per race."""

    share: float
    """Of the runs of all arms at all seeds."""

    own: float
    """How far the winner's mean in the race is above its true one, mean."""

    fresh: float
    """The same of the mean of its fresh seeds."""

    fresh_error: float
    """The standard error of `fresh`."""

    difference: float
    """How far the winner's mean difference to the baseline (the last arm) in the race is above the true one, mean."""

    fresh_difference: float
    """The same of fresh seeds of both."""

    difference_error: float
    """The standard error of `fresh_difference`."""

    halving: float
    """Successive halving with as many runs ends with the best arm; NaN of equal arms."""

    grid: float
    """A grid with as many runs has the best arm on top; NaN of equal arms."""

    checked: int
    """Races that were sent through the shipped function too."""

    disagreements: int
    """Of those the ones that it ends otherwise."""


COLUMNS = tuple(field.name for field in dataclasses.fields(Outcome))


def simulate(scenario: Scenario, seed: int) -> list[Outcome]:
    """Simulate races of one kind; return what became of them, for each of `MOST`."""
    rng = np.random.default_rng(seed)
    parts: dict[int, list[dict[str, Floats]]] = {most: [] for most in MOST}
    checked = min(CHECKED.get(scenario.arms, 0), scenario.races)
    wrong, done = dict.fromkeys(MOST, 0), 0
    while done < scenario.races:
        races = min(scenario.races - done, PAIRS_AT_ONCE // scenario.arms**2)
        values = draw(rng, scenario, races, MOST[-1] + FRESH)
        margin = scenario.margin * scenario.unit
        for most, found in zip(MOST, run(values, margin, MOST), strict=True):
            parts[most].append(numbers(scenario, values, found))
            wrong[most] += 0 if done else disagreements(values, margin, most, found, checked)
        done += races
    outcomes = []
    for most in MOST:
        all_of = {name: np.concatenate([part[name] for part in parts[most]]) for name in parts[most][0]}
        outcomes.append(summary(rng, scenario, most, all_of, checked, wrong[most]))
    return outcomes


def numbers(scenario: Scenario, values: Floats, found: Races) -> dict[str, Floats]:
    """Return what each race came to, by the names of `Outcome`: arrays [races]."""
    each, winner, base, means = np.arange(len(values)), found.leader, scenario.arms - 1, scenario.means
    own = np.where(np.arange(values.shape[-1]) < found.seeds[each, winner, None], values[each, winner], np.nan)
    common = np.minimum(found.seeds[each, winner], found.seeds[:, base])
    ahead = values[each, winner] - values[:, base]
    in_race = np.where(np.arange(values.shape[-1]) < common[:, None], ahead, np.nan)
    truly_ahead = np.where(winner == base, np.nan, means[winner] - means[base])
    is_far = means[0] - means[winner] > scenario.margin * scenario.unit + 1e-9
    return {
        "thrown_out": (~found.left).mean(axis=1) if scenario.is_all_alike else ~found.left[:, 0],
        "broken": is_far & ~found.open()[:, 0],
        "right": np.full(len(values), np.nan) if scenario.truth == "equal" else winner == 0,
        "alone": found.left.sum(axis=1) == 1,
        "settled": found.over,
        "left": found.left.sum(axis=1),
        "seeds": found.seeds[each, winner],
        "runs": found.seeds.sum(axis=1),
        "own": np.nanmean(own, axis=1) - means[winner],
        "fresh": values[each, winner, -FRESH:].mean(axis=1) - means[winner],
        "difference": np.nanmean(in_race, axis=1) - truly_ahead,
        "fresh_difference": ahead[:, -FRESH:].mean(axis=1) - truly_ahead,
    }


def summary(
    rng: np.random.Generator, scenario: Scenario, most: int, of_race: dict[str, Floats], checked: int, wrong: int
) -> Outcome:
    """Return one row: means over races, and what the alternatives make of as many runs."""
    mean: dict[str, Any] = {
        name: float(pd.Series(of_race[name], dtype=float).mean()) for name in of_race
    }  # without NaN
    known = scenario.truth != "equal"
    return Outcome(
        **{field.name: getattr(scenario, field.name) for field in dataclasses.fields(Scenario)},
        **{**mean, "seeds": float(np.median(of_race["seeds"]))},
        most=most,
        share=mean["runs"] / (scenario.arms * most),
        fresh_error=float(pd.Series(of_race["fresh"]).sem()),
        difference_error=float(pd.Series(of_race["fresh_difference"]).sem()),
        halving=halving(rng, scenario, mean["runs"]) if known else np.nan,
        grid=grid(rng, scenario, mean["runs"]) if known else np.nan,
        checked=checked,
        disagreements=wrong,
    )


def simulate_all(races: int | None) -> Iterator[Outcome]:
    """Simulate all scenarios; `races` of each kind instead of their own number, if given."""
    for seed, scenario in enumerate(all_scenarios()):
        yield from simulate(replace(scenario, races=races or scenario.races), seed)


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.racing.simulate", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    where = build.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=path_object, metavar="FOLDER", help="simulate, and write to this folder")
    where.add_argument(
        "--from",
        dest="source",
        type=path_object,
        metavar="FOLDER",
        help="simulate nothing: page and figure of the table in this folder",
    )
    build.add_argument(
        "--races",
        type=integer(2_000, 10_000_000),  # fewer can't tell 4 % from 6 %
        help="of each kind; default: 10,000 of ten arms, 2,000 of forty",
    )
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.source and chosen.races:
        raise UserError("--races with --from: --from simulates nothing; leave one of them out")
    if chosen.source and not (chosen.source / FILES[0]).is_file():
        raise UserError(f"--from {chosen.source}: has no {FILES[0]}; expected a folder that --out wrote")
    folder: Path = chosen.source or chosen.out
    for name in FILES:
        writable(folder / name, "--from" if chosen.source else "--out")
    if not chosen.source:
        found = pd.DataFrame([dataclasses.asdict(outcome) for outcome in simulate_all(chosen.races)])
        found.to_csv(folder / FILES[0], index=False, float_format="%.5g")
    return rendered(folder)


def rendered(folder: Path) -> int:
    """Write table.md and figure.png beside racing.csv; return the exit status."""
    from bench.studies.racing.page import draw_figure, page  # here: matplotlib is slow to import

    table = table_of(folder / FILES[0], COLUMNS, "--from")
    (folder / "table.md").write_text(page(table), encoding="utf-8")
    draw_figure(table, folder / "figure.png")
    print(f"{folder / 'table.md'}: {len(table)} kinds of races")
    return 0


if __name__ == "__main__":
    run_command(main)
