"""A race: who is out and by whom, who rests, what is asked for next, and that it is a function of the values alone."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest

from bench.statistics.sequential.one_sided import log_evidence_below
from bench.statistics.sequential.race import Elimination, Race, standing

Values = dict[str, dict[int, float]]


def arms(rng: np.random.Generator, means: list[float], seeds: int = 20, fails: float = 0.0) -> Values:
    """Arms "a", "b", … with normal values, some of which are NaN."""
    found: Values = {}
    for i, mean in enumerate(means):
        values = np.where(rng.random(seeds) < fails, np.nan, rng.normal(mean, 1.0, seeds))
        found[chr(ord("a") + i)] = dict(enumerate(map(float, values)))
    return found


def series(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def played(values: Values, most: int = 20, **options: float) -> Race[str]:
    """Run a race to its end, giving it what it asks for and nothing else."""
    known: Values = {arm: {} for arm in values}
    while (race := standing(known, most=most, **options)).ended is None:  # type: ignore[arg-type]
        assert race.wanted
        for arm, seed in race.wanted:
            assert seed not in known[arm]
            known[arm][seed] = values[arm][seed]
    assert race.runs == sum(map(len, known.values()))
    return race


CASES: list[tuple[Callable[[np.random.Generator], Values], float]] = [
    (lambda rng: arms(rng, [0, 0, 0, 0]), 0.0),
    (lambda rng: arms(rng, [3, 0, 1, 2, 0]), 0.0),
    (lambda rng: arms(rng, [3, 0, 1, 2, 0]), 1.5),
    (lambda rng: arms(rng, [0, 0.2, 0.1, 2], fails=0.3), 0.0),
    (lambda rng: arms(rng, [1, 1, 1.5, 1, 0], fails=0.2), 2.0),
    (lambda rng: arms(rng, [1, 2, 3], fails=0.9), 1.0),
]


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("seed", range(4))
def test_what_is_played_round_by_round_is_what_all_values_at_once_give(case: int, seed: int) -> None:
    """Neither values that it would not have asked for, nor the order in which values came, change a race."""
    make, margin = CASES[case]
    values = make(np.random.default_rng([case, seed]))
    race = played(values, margin=margin)
    assert race == standing(values, most=20, margin=margin)
    shuffled = {arm: dict(random.Random(seed).sample(list(seeds.items()), len(seeds))) for arm, seeds in values.items()}
    assert race == standing(shuffled, most=20, margin=margin)
    turned = standing({arm: shuffled[arm] for arm in reversed(shuffled)}, most=20, margin=margin)
    assert (turned.ended, turned.winner, turned.seeds) == (race.ended, race.winner, race.seeds)
    assert {each.arm: each for each in turned.out} == {each.arm: each for each in race.out}
    negative = {arm: {s: -v for s, v in own.items()} for arm, own in values.items()}
    assert standing(negative, most=20, margin=margin, higher_is_better=False) == race


def evidence(values: Values, one: str, other: str, seeds: int) -> float:
    """The evidence by its first seeds that `one` is worse than `other`: in plain arithmetic."""
    d = [values[one][s] - values[other][s] for s in range(seeds)]
    d = [x for x in d if math.isfinite(x)]
    if len(d) < 3:
        return 1.0
    return math.exp(log_evidence_below(np.array([len(d)]), np.array([np.mean(d) / np.std(d, ddof=1)]))[0])


def bound_is(values: Values, one: str, other: str, seeds: int, limit: float, level: float) -> bool:
    """Whether `one` less `other` was shown to be below a limit by any of its first seeds: in plain arithmetic."""
    d = [values[one][s] - values[other][s] for s in range(seeds)]
    d = [x - limit for x in d if math.isfinite(x)]
    shown = False
    for n in range(3, len(d) + 1):
        mean, std = np.mean(d[:n]), np.std(d[:n], ddof=1)
        shown |= bool(log_evidence_below(np.array([n]), np.array([mean / std]))[0] >= math.log(1 / level))
    return shown


@pytest.mark.parametrize("case", range(len(CASES)))
def test_each_round_is_what_plain_arithmetic_says(case: int) -> None:
    make, margin = CASES[case]
    values = make(np.random.default_rng([case, 99]))
    race, level = played(values, margin=margin), 0.05 / (len(values) - 1)
    left, racing, seeds = list(values), list(values), dict.fromkeys(values, 0)
    for one in race.rounds:
        assert one.racing == tuple(racing)
        seeds |= dict.fromkeys(racing, one.seeds)

        def shown(arm: str, other: str, limit: float, seeds: dict[str, int] = seeds) -> bool:
            return bound_is(values, arm, other, min(seeds[arm], seeds[other]), limit, level)

        failed = {arm for arm in left if not any(math.isfinite(values[arm][s]) for s in range(seeds[arm]))}
        left = [arm for arm in left if arm not in failed]
        means = {
            arm: np.mean([evidence(values, arm, b, min(seeds[arm], seeds[b])) for b in values if b != arm])
            for arm in left if arm != one.leader
        }  # fmt: skip
        out = failed | {arm for arm, mean in means.items() if mean >= 20}
        assert {each.arm for each in one.out} == out
        assert all((each.by in left) if each.by else each.arm in failed for each in one.out)
        left = [arm for arm in left if arm not in out]
        assert one.survivors == tuple(left)
        racing = [arm for arm in left if arm == one.leader or not shown(arm, one.leader or "", margin)]
    assert race.seeds == seeds and set(race.open) == set(racing) - {race.winner}


def test_the_first_round_is_asked_for_seed_by_seed() -> None:
    race = standing({"a": {}, "b": {1: 2.0}}, most=10)
    assert race.wanted == (("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 2))
    assert (race.ended, race.winner, race.rounds, race.runs) == (None, None, (), 0)
    assert standing({"a": {}, "b": {}}, most=10, first=5).wanted[-1] == ("b", 4)
    assert standing({"a": {}, "b": {}}, most=2).wanted[-1] == ("b", 1)


def test_who_is_clearly_worse_is_out_by_the_one_that_is_furthest_ahead() -> None:
    rng = np.random.default_rng(0)
    race = standing(arms(rng, [0, 50, 0, 55]), most=10, at_once=2)
    assert [one.seeds for one in race.rounds][:2] == [3, 5]
    assert race.out[:2] == (Elimination("a", 3, "d"), Elimination("c", 3, "d"))
    assert race.seeds["a"] == race.seeds["c"] < race.seeds["d"] and race.winner == "d"


def test_who_is_worse_than_many_is_out_before_any_one_pair_would_tell() -> None:
    """Three seeds are evidence of 62 at most: of one pair among eight too little, of six of seven pairs enough."""
    rng = np.random.default_rng(8)
    race = standing(arms(rng, [0, 1000, 1000, 1000, 1000, 1000, 1000, -1]), most=3)
    assert {each.arm for each in race.out} == {"a", "h"}
    alone = standing(arms(rng, [0, 1000, 0, 0, 0, 0, 0, 0]), most=3)
    assert alone.out == (), "one far ahead of seven equals: 62 / 7 is too little"
    later = standing(arms(rng, [0, 1000, 0, 0, 0, 0, 0, 0]), most=4)
    assert len(later.out) == 7 and {each.by for each in later.out} == {"b"}


def test_a_failed_arm_is_out_and_one_that_fails_at_times_is_not() -> None:
    rng = np.random.default_rng(1)
    values = arms(rng, [0, 0.1, 0])
    values["c"] = dict.fromkeys(range(20), math.nan)
    values["b"] |= {0: math.inf, 1: math.nan}
    race = standing(values, most=6)
    assert race.out == (Elimination("c", 3, None),)
    assert race.survivors == ("a", "b") and race.ended == "most seeds" and race.seeds == {"a": 6, "b": 6, "c": 3}
    nothing = standing({arm: dict.fromkeys(range(3), math.nan) for arm in "ab"}, most=6)
    assert (nothing.ended, nothing.winner, nothing.survivors) == ("all failed", None, ())
    values["a"] = values["c"]
    alone = standing(values, most=6)
    assert (alone.ended, alone.winner, alone.survivors) == ("one left", "b", ("b",))


def test_a_value_that_is_not_finite_is_a_failure_and_the_others_count() -> None:
    values = arms(np.random.default_rng(6), [0, 50])
    values["b"][0] = math.inf
    race = standing(values, first=4, most=10)
    assert race.out == (Elimination("a", 4, "b"),) and race.winner == "b"


def test_an_arm_gains_nothing_by_failing_at_a_hard_seed() -> None:
    """Seed 2 is 100 worse for everyone: without it the mean of "b" would be far above."""
    values = {"a": series(1.0, 1.1, -99.0, 1.2), "b": series(0.9, 1.2, math.nan, 1.0)}
    assert standing(values, most=4).winner == "a"


def test_two_names_of_one_network_rest_and_are_not_thrown_out() -> None:
    rng = np.random.default_rng(2)
    values = arms(rng, [0])
    values["twin"] = dict(values["a"])
    race = standing(values, most=20)
    assert (race.ended, race.winner, race.survivors, race.open) == ("close", "a", ("a", "twin"), ())
    assert race.seeds == {"a": 5, "twin": 5}  # 1 / 2⁵ < 5 %
    shifted = {"a": values["a"], "b": {s: v - 0.1 for s, v in values["a"].items()}}
    assert standing(shifted, most=20).out == (Elimination("b", 5, "a"),)


def test_who_rests_takes_up_the_race_where_another_one_leads() -> None:
    """ "b" is as good as "a" but for a thousandth; then "a" falls back, and "c", which was open, leads."""
    rng = np.random.default_rng(3)
    a = [float(x) for x in rng.normal(0, 1, 30)]
    values = {
        "a": series(*a[:9], *(x - 40 for x in a[9:])),
        "b": series(*(x + 1e-3 * y for x, y in zip(a, rng.normal(size=30), strict=True))),
        "c": series(*rng.normal(-0.5, 3, 30)),
    }
    race = standing(values, most=30, margin=0.01)
    rested = [one for one in race.rounds if "b" not in one.racing]
    assert rested and all(one.leader == "a" for one in rested[:-1]) and rested[0].seeds < 10
    back = next(one for one in race.rounds if one.seeds > rested[0].seeds and "b" in one.racing)
    until = {arm: {s: v for s, v in own.items() if s < back.seeds - 1} for arm, own in values.items()}
    until["b"] = {s: v for s, v in values["b"].items() if s < rested[0].seeds - 1}
    wanted = [seed for arm, seed in standing(until, most=30, margin=0.01).wanted if arm == "b"]
    assert wanted == list(range(rested[0].seeds - 1, back.seeds))
    assert race == played(values, most=30, margin=0.01)


def test_the_margin_ends_a_race_that_could_go_on() -> None:
    rng = np.random.default_rng(4)
    values = arms(rng, [0, 0, 0], seeds=30)
    without, within = standing(values, most=30), standing(values, most=30, margin=3.0)
    assert without.ended == "most seeds" and set(without.open) == set("abc") - {without.winner}
    assert within.ended == "close" and within.open == () and within.runs < without.runs


def test_a_budget_ends_it_at_the_last_whole_round() -> None:
    rng = np.random.default_rng(5)
    values = arms(rng, [0, 0, 0])
    values["b"] = {s: v for s, v in values["b"].items() if s < 6}
    going, over = standing(values, most=20), standing(values, most=20, budget_is_spent=True)
    assert going.ended is None and going.wanted == (("b", 6),)
    assert over.ended == "budget" and over.wanted == () and over.rounds == going.rounds and over.runs == 18
    assert over.winner in over.survivors and set(over.open) == set("abc") - {over.winner}
    nothing = standing({"a": {}, "b": {}}, most=20, budget_is_spent=True)
    assert (nothing.ended, nothing.winner, nothing.survivors) == ("budget", None, ("a", "b"))
    done = standing(arms(rng, [0, 30]), most=20, budget_is_spent=True)
    assert done.ended == "one left"


def test_one_arm_alone_has_won() -> None:
    race = standing({"a": {}}, most=5)
    assert (race.ended, race.winner, race.runs, race.wanted) == ("one left", "a", 0, ())
