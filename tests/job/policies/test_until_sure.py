"""The policy of `--until-sure` on made-up records: which seeds of what come next. Nothing is trained."""

from __future__ import annotations

import dataclasses
import pickle
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import pandas as pd
import pytest

from bench.job.policies.ordinals import ordinal, ordinals
from bench.job.policies.until_sure import UntilSure
from bench.spec.declared import built_in
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.statistics.comparisons import comparisons_frame
from bench.statistics.frames import records_frame
from bench.store.record import Record

METRIC = {"vae": "elbo", "classifier": "accuracy", "m2": "accuracy"}
Result = Callable[[RunSpec], float | None]
"""What a run scores; None if it fails."""


def run(arch: str, task: str, seed: int, labels: int | None = None) -> RunSpec:
    return RunSpec(arch, arch, task, "digits", "d", None, seed, 2, 8, 1e-3, None, None, "cpu", 1, labels=labels)


def runs(archs: str, tasks: Iterable[tuple[str, int | None]], most: int) -> tuple[RunSpec, ...]:
    return tuple(
        run(arch, task, seed, labels) for seed in range(most) for arch in archs.split() for task, labels in tasks
    )


def policy(
    archs: str = "a b", tasks: Sequence[tuple[str, int | None]] = (("vae", None),), *, most: int = 12, first: int = 3,
    at_once: int = 1, trials: Sequence[RunSpec] = (), evaluations: Sequence[EvaluationSpec] = (),
) -> UntilSure:  # fmt: skip
    """The baseline is the first architecture."""
    planned = runs(archs, tasks, most)
    return UntilSure(planned, tuple(trials), tuple(evaluations), archs.split()[0], built_in(), first, most, at_once)


def record(spec: Work, value: float | None) -> Record:
    metrics = {} if value is None else {METRIC[spec.task] if isinstance(spec, RunSpec) else "x": value}
    status, error = (Status.FAILED, "as in a test") if value is None else (Status.FINISHED, None)
    return Record(spec.run_id, spec.content(), status, error, metrics)


def noise(spec: RunSpec) -> float:
    return random.Random(f"{spec.arch} {spec.task} {spec.seed} {spec.labels}").gauss(0, 1)


def lead(**leads: float) -> Result:
    """Normal results; an architecture's mean is its lead over the others, in their standard deviations."""
    return lambda spec: leads.get(spec.arch, 0.0) + noise(spec)


def performed(rule: UntilSure, result: Result, records: dict[str, Record] | None = None) -> dict[str, Record]:
    """Do what the policy names until it names nothing more."""
    records = {} if records is None else records
    while work := rule.next(records):
        for spec in work:
            records[spec.run_id] = record(spec, result(spec) if isinstance(spec, RunSpec) else 1.0)
    return records


def seeds(work: Iterable[Work]) -> dict[tuple[str, str], int]:
    """How many seeds of each architecture and task: all from 0 on."""
    found: dict[tuple[str, str], set[int]] = {}
    for each in work:
        if isinstance(each, RunSpec):
            name = each.task if each.labels is None else f"{each.task}-{each.labels}"
            found.setdefault((each.arch, name), set()).add(each.seed)
    assert all(own == set(range(len(own))) for own in found.values()), "seeds are added without a gap"
    return {cell: len(own) for cell, own in found.items()}


def verdicts(rule: UntilSure, records: dict[str, Record]) -> pd.DataFrame:
    """As the page finds them: from the records of all that is planned."""
    shown = [records[each.run_id] for each in rule.planned(records) if isinstance(each, RunSpec)]
    return comparisons_frame(records_frame(shown), "a", declared=rule.declared, anytime=True).set_index("arch")


def test_the_first_round_is_a_few_seeds_of_everything_in_the_order_of_a_fixed_job() -> None:
    rule = policy("a b c", [("vae", None), ("classifier", None)])
    assert rule.next({}) == rule.planned({}) == list(runs("a b c", [("vae", None), ("classifier", None)], 3))
    assert policy(first=5).next({}) == list(runs("a b", [("vae", None)], 5))
    assert pickle.loads(pickle.dumps(rule)).next({}) == rule.next({})


def test_what_is_settled_gets_no_more_seeds_and_the_rest_goes_on_to_the_most() -> None:
    rule = policy("a far near", most=10)
    records = performed(rule, lead(far=50.0))
    found = verdicts(rule, records)
    assert found.loc["far", "verdict"] == "better" and found.loc["near", "verdict"] == "unresolved"
    counts = seeds(rule.planned(records))
    assert counts["far", "vae"] == found.loc["far", "settled_at"] < 10
    assert counts["a", "vae"] == counts["near", "vae"] == 10
    assert rule.ended(records) == "most seeds"
    assert len(records) == sum(counts.values()), "nothing else was done"


def test_a_round_is_one_more_seed_of_what_is_open_and_of_the_baseline() -> None:
    rule, records, rounds = policy("a far near", most=6), dict[str, Record](), []
    while work := rule.next(records):
        rounds.append([(each.arch, each.seed) for each in work if isinstance(each, RunSpec)])
        records |= {each.run_id: record(each, lead(far=1e4)(each)) for each in work if isinstance(each, RunSpec)}
    assert len(rounds[0]) == 9
    assert rounds[1] == [("a", 3), ("far", 3), ("near", 3)], "three pairs never settle one of two comparisons"
    assert rounds[2:] == [[("a", 4), ("near", 4)], [("a", 5), ("near", 5)]], "four do, if they are clear"


@pytest.mark.parametrize("margin_of_seeds, ended", [(1e-5, "settled"), (30.0, "most seeds")])
def test_equivalence_ends_it_too(margin_of_seeds: float, ended: str) -> None:
    """Accuracies whose differences are far smaller, or far larger, than what is still equivalent."""
    rule = policy("a b", [("classifier", None)], most=8)
    records = performed(rule, lambda spec: 0.5 + margin_of_seeds * noise(spec))
    assert rule.ended(records) == ended
    if ended == "settled":
        assert verdicts(rule, records).loc["b", "verdict"] == "equivalent"


def test_tasks_and_numbers_of_labels_are_settled_each_by_itself() -> None:
    tasks = [("vae", None), ("m2", 100), ("m2", 600)]
    rule = policy("a b", tasks, most=6)
    records = performed(rule, lambda spec: noise(spec) + (1e4 if spec.arch == "b" and spec.labels == 100 else 0))
    counts = seeds(rule.planned(records))
    assert {task: counts["b", task] for task in ("vae", "m2-100", "m2-600")} == {"vae": 6, "m2-100": 3, "m2-600": 6}
    assert {arch: counts[arch, "m2-100"] for arch in "ab"} == {"a": 3, "b": 3}


def test_one_network_under_two_names_is_not_open() -> None:
    """A crossing is its encoder's network where nothing decodes."""
    rule = policy("a a+b b", [("classifier", None)], most=5)
    records = performed(rule, lambda spec: noise(dataclasses.replace(spec, arch=spec.arch.partition("+")[0])))
    assert seeds(rule.planned(records)) == {("a", "classifier"): 5, ("a+b", "classifier"): 3, ("b", "classifier"): 5}
    assert rule.standing({}).startswith("2 of 2 verdicts open")
    few = {each.run_id: records[each.run_id] for each in rule.planned({})}
    assert rule.standing(few).startswith("1 of 1 verdict open"), "which is known when the first has run"


def test_an_arm_of_which_every_run_failed_gets_no_more_seeds_and_is_not_waited_for() -> None:
    rule = policy("a bad far", most=8)
    records = performed(rule, lambda spec: None if spec.arch == "bad" else lead(far=1e4)(spec))
    assert seeds(rule.planned(records)) == {("a", "vae"): 3, ("bad", "vae"): 3, ("far", "vae"): 3}, (
        "the other is the only one that can be tested, and settled by three pairs"
    )
    assert rule.ended(records) == "settled"
    said = "settled: far vae better at 3 seeds; not compared, since every run of one side failed: bad vae"
    assert rule.conclusion(records) == said


def test_without_a_baseline_that_works_nothing_goes_on() -> None:
    rule = policy("a b", [("vae", None), ("classifier", None)], most=5)
    records = performed(rule, lambda spec: None if (spec.arch, spec.task) == ("a", "vae") else noise(spec))
    assert seeds(rule.planned(records))["b", "vae"] == 3 and seeds(rule.planned(records))["b", "classifier"] == 5


def test_a_seed_that_failed_is_dropped_and_the_next_goes_on() -> None:
    rule = policy("a b", most=8)
    records = performed(rule, lambda spec: None if spec.seed in (0, 1) and spec.arch == "b" else lead(b=1e4)(spec))
    assert seeds(rule.planned(records)) == {("a", "vae"): 5, ("b", "vae"): 5}
    assert verdicts(rule, records).loc["b", ["verdict", "n"]].tolist() == ["better", 3]


def test_several_seeds_a_round_where_they_are_trained_together() -> None:
    rule = policy("a b", most=10, at_once=3)
    records, rounds = dict[str, Record](), []
    while work := rule.next(records):
        rounds.append(len(work) // 2)
        records |= {each.run_id: record(each, lead()(each)) for each in work if isinstance(each, RunSpec)}
    assert rounds == [3, 3, 3, 1], "and never more than the most"


def test_trials_and_evaluations_come_with_their_run_and_no_verdict_waits_for_them() -> None:
    tasks = [("vae", None), ("classifier", None)]
    own = runs("a b", tasks, 6)
    trials = [dataclasses.replace(each, lr=0.5 + each.seed) for each in own]
    judge = {each.seed: each.run_id for each in own if (each.arch, each.task) == ("a", "classifier")}
    parts = [EvaluationSpec(each, "samples", {}, (judge[each.seed],)) for each in own if each.task == "vae"]
    rule = policy("a b", tasks, most=6, trials=trials, evaluations=parts)
    first = rule.next({})
    assert Counter(type(each).__name__ for each in first) == {"RunSpec": 24, "EvaluationSpec": 6}
    done = {each.run_id: record(each, noise(each)) for each in first if each in own and isinstance(each, RunSpec)}
    assert {each.seed for each in rule.next(done) if each in own and isinstance(each, RunSpec)} == {3}
    assert all(each in rule.next(done) for each in (*trials[:12], *parts[:6])), (
        "what is missing of the first round comes too"
    )

    def result(spec: RunSpec) -> float:
        return noise(spec) + (1e4 if (spec.arch, spec.task) == ("b", "classifier") else 0)

    planned = rule.planned(performed(rule, result))
    counts = seeds(each for each in planned if each in own)
    assert counts == {("a", "vae"): 6, ("b", "vae"): 6, ("a", "classifier"): 6, ("b", "classifier"): 3}, (
        "the baseline's classifier judges samples of all six"
    )
    kept = {(each.arch, each.task, each.seed) for each in planned if each in trials and isinstance(each, RunSpec)}
    assert kept == {(each.arch, each.task, each.seed) for each in trials if each.task == "vae" or each.seed < 3}
    assert [each for each in planned if isinstance(each, EvaluationSpec)] == parts


def test_records_beyond_what_the_rule_has_come_to_are_no_part_of_the_plan() -> None:
    """As an earlier job of ten fixed seeds leaves them."""
    rule, result = policy("a b c", most=10), lead(b=12.0)
    all_there = {each.run_id: record(each, result(each)) for each in rule.runs}
    assert rule.next(all_there) == []
    assert rule.planned(all_there) == rule.planned(performed(rule, result))
    assert seeds(rule.planned(all_there))["b", "vae"] < 10


@pytest.mark.parametrize("chance_seed", range(3))
def test_the_end_is_the_same_whatever_the_order_and_however_often_it_is_killed(chance_seed: int) -> None:
    """Records come in any order; a new process, which knows nothing but them, goes on after each of many kills."""
    tasks = [("vae", None), ("classifier", None)]

    def result(spec: RunSpec) -> float | None:
        return None if noise(spec) > 1.8 else lead(b=2.0, c=0.3)(spec)

    fresh = policy("a b c", tasks, most=9)
    undisturbed = performed(fresh, result)
    chance, records = random.Random(chance_seed), dict[str, Record]()
    for extra in chance.sample(fresh.runs, 10):  # of some other job
        records[extra.run_id] = record(extra, result(extra))
    rule, kills = policy("a b c", tasks, most=9), 0
    while work := rule.next(records):
        if chance.random() < 0.2:
            rule, kills = policy("a b c", tasks, most=9), kills + 1
        for each in chance.sample(list(work), chance.randint(1, len(work))):
            assert isinstance(each, RunSpec)
            records = {**records, each.run_id: record(each, result(each))}
            records = dict(chance.sample(sorted(records.items()), len(records)))
    assert kills and rule.planned(records) == fresh.planned(undisturbed)
    assert rule.conclusion(records) == fresh.conclusion(undisturbed)
    assert rule.ended(records) == fresh.ended(undisturbed) == "most seeds"


def test_policy_and_page_agree_on_what_is_open() -> None:
    for number in range(3):
        rule = policy("a b c d", most=7)
        chance = {each: noise(run(each.arch, "vae", 100 * number + each.seed)) for each in rule.runs}
        result = {each: 3.0 * (each.arch == "b") + luck for each, luck in chance.items()}
        records = performed(rule, result.__getitem__)
        found = verdicts(rule, records)
        still_open = set(found.index[found["verdict"] == "unresolved"])
        assert (rule.ended(records) == "settled") == (not still_open)
        counts = seeds(rule.planned(records))
        assert all(counts[arch, "vae"] == 7 for arch in still_open)
        assert all(f"{arch} vae" in rule.conclusion(records) for arch in "bcd")


def test_who_watches_is_told_where_it_stands() -> None:
    rule = policy("a far near", most=9)
    assert rule.standing({}) == "2 of 2 verdicts open, first 3 of at most 9 seeds"
    result = lead(far=1e4)
    four = {each.run_id: record(each, result(each)) for each in rule.runs if each.seed < 4}
    assert rule.standing(four).startswith("1 of 2 verdicts open, 5th of at most 9 seeds, ")
    together = policy("a far near", most=9, first=4, at_once=4)
    assert together.standing(four).startswith("1 of 2 verdicts open, 5th to 8th of at most 9 seeds, ")
    done = performed(rule, result)
    assert rule.standing(done) == ""
    assert rule.conclusion(done) == "settled: far vae better at 4 seeds; open after 9 seeds: near vae"


@pytest.mark.parametrize(
    "spread, said", [(0.4, ", expected to be settled by the "), (9.0, ", not all expected to be settled by the 30th")]
)
def test_who_watches_is_told_what_to_expect(spread: float, said: str) -> None:
    """Differences of 1 + the spread × (−1, 0, 1): the evidence against 0 grows as if they went on like that."""
    rule = policy("a b", most=30)
    values = {seed: 1 + spread * (seed - 1) for seed in range(3)}
    runs = [each for each in rule.planned({}) if isinstance(each, RunSpec)]
    first = {each.run_id: record(each, values[each.seed] if each.arch == "b" else 0.0) for each in runs}
    assert said in rule.standing(first)


def test_numbers_as_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip
    assert (ordinals(4, 4), ordinals(4, 6)) == ("4th", "4th to 6th")
