"""The options that say how many seeds there are, and what has to hold between them. Loads nothing heavy."""

from __future__ import annotations

import argparse
from typing import Any

from archs.errors import UserError
from bench.job import values
from bench.spec.arguments import integer
from bench.spec.defaults import DEFAULT_CONFIRM, DEFAULT_MAX_SEEDS, DEFAULT_SEEDS, EPOCHS_OF_ALL, FEWEST_SEEDS

MOST_CONFIRMED = 1_000


def add_options(group: argparse._ArgumentGroup) -> None:
    """Add the options to a group of a parser."""
    group.add_argument(
        "--seeds",
        type=values.seeds,
        default=DEFAULT_SEEDS,
        metavar="N",
        help=f"how many seeds: 0…N−1, paired across architectures; with --until-sure or --race, of the first round; "
        f"default: {DEFAULT_SEEDS}",
    )
    group.add_argument(
        "--until-sure",
        action="store_true",
        help="add seeds, one at a time, to each comparison with the baseline that is not settled yet, until all are "
        "better, worse or equivalent; verdicts and intervals are of a kind that may be looked at after each seed",
    )
    group.add_argument(
        "--race",
        action="store_true",
        help="find the best of many architectures on one task: seeds are added, one at a time, to those that may "
        "still be it; whoever is shown to be worse than the best is out; the winner is then compared with the "
        "baseline at seeds that the race has not seen",
    )
    group.add_argument(
        "--max-seeds",
        type=integer(FEWEST_SEEDS, values.MOST_SEEDS),
        metavar="N",
        help=f"of --until-sure and --race: nothing gets more; default: {DEFAULT_MAX_SEEDS}",
    )
    group.add_argument(
        "--max-minutes",
        type=values.minutes,
        metavar="M",
        help="of --until-sure and --race: after so many minutes no more seeds are begun. With --until-sure the same "
        "command goes on with M more; a race is over then, and its winner is confirmed",
    )
    group.add_argument(
        "--race-epochs",
        type=integer(1, 100_000),
        metavar="N",
        help="of --race: epochs of its runs; those of --epochs are for the confirmation; default: the same",
    )
    group.add_argument(
        "--confirm",
        type=integer(0, MOST_CONFIRMED),
        metavar="N",
        help="of --race: fresh seeds of the winner and the baseline, which the report is made of; 0: none, the report "
        f"shows the race's own runs, by which the winner was picked; default: {DEFAULT_CONFIRM}",
    )


def check(asked: dict[str, Any]) -> None:
    """Fill in what was left open; raise `UserError` for options that don't go together, by name of the option."""
    race = asked["race"]
    if race and asked["until_sure"]:
        raise UserError("--race and --until-sure add seeds by rules that don't go together; leave one of them out")
    rule = "--race" if race else "--until-sure" if asked["until_sure"] else None
    for name in () if rule else ("max_seeds", "max_minutes"):
        if asked[name] is not None:
            option = option_of(name)
            raise UserError(
                f"{option} limits --until-sure or --race, and neither is asked for; add one of them, or leave {option} "
                "out"
            )
    for name in () if race else ("race_epochs", "confirm"):
        if asked[name] is not None:
            option = option_of(name)
            raise UserError(f"{option} is of --race, which is not asked for; add it, or leave {option} out")
    first, most = asked["seeds"], asked["max_seeds"] or DEFAULT_MAX_SEEDS
    if rule and first < FEWEST_SEEDS:
        raise UserError(f"{rule} --seeds {first}: expected at least {FEWEST_SEEDS} for the first round, or no --seeds")
    if rule and first > most:
        wanted = f"add --max-seeds {first} or more" if asked["max_seeds"] is None else "raise --max-seeds"
        raise UserError(f"{rule} --seeds {first}: the first round has more than the most seeds, {most}; {wanted}")
    if race:
        check_race(asked)
    asked["max_seeds"] = most
    asked["confirm"] = DEFAULT_CONFIRM if asked["confirm"] is None else asked["confirm"]


def check_race(asked: dict[str, Any]) -> None:
    """Raise `UserError` for options that a race can't have."""
    tasks = list(dict.fromkeys(asked["tasks"]))
    if len(tasks) > 1:
        raise UserError(
            f"--race finds the best by one result, but {len(tasks)} tasks are asked for ({', '.join(tasks)}); name "
            f"one: --tasks {tasks[0]}"
        )
    if asked["tune"] is not None:
        raise UserError(
            "--race --tune: a race compares runs of one recipe; race first, then tune its winner beside the baseline: "
            "leave --tune out"
        )
    if asked["match"] != EPOCHS_OF_ALL:
        raise UserError(
            f"--race --match {asked['match']}: a race compares runs of equally many epochs; race first, then match its "
            "winner with the baseline: leave --match out"
        )


def option_of(name: str) -> str:
    """Return the option that a field of a request is of."""
    return f"--{name.replace('_', '-')}"
