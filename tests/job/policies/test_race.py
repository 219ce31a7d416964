"""The policy of `--race` on made-up records: who gets the next seed, and what is confirmed. Nothing is trained."""

from __future__ import annotations

import dataclasses
import pickle
import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from bench.job.policies.race import Racing
from bench.job.rounds import Rounds
from bench.launchers.events import Event, EventKind
from bench.spec.declared import Declared, built_in
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.statistics.sequential.race import standing
from bench.store.record import Record
from bench.store.store import Store
from bench.worker.site import Site
from tests.job.policies.test_policies import FakeLauncher, rounds_of

SHORT, FULL = 1, 4
"""Epochs of the race and of the confirmation."""

Result = Callable[[RunSpec], float | None]
"""What a run scores; None if it fails."""


def run(arch: str, seed: int, epochs: int, task: str = "vae") -> RunSpec:
    return RunSpec(arch, arch, task, "digits", "d", None, seed, epochs, 8, 1e-3, None, None, "cpu", 1)


def policy(
    archs: str = "a b c d", *, most: int = 8, first: int = 3, at_once: int = 1, confirm: int = 2,
    parts: bool = False, task: str = "vae", declared: Declared | None = None,
) -> Racing:  # fmt: skip
    """The baseline is the first architecture."""
    names = archs.split()
    raced = tuple(run(arch, seed, SHORT, task) for seed in range(most) for arch in names)
    fresh = tuple(run(arch, seed, FULL, task) for seed in range(most, most + confirm) for arch in names)
    evaluations = tuple(EvaluationSpec(each, "iwae", {"samples": 2}) for each in fresh) if parts else ()
    return Racing(raced, fresh, evaluations, names[0], declared or built_in(), first, most, at_once)


def record(spec: Work, value: float | None, metric: str = "elbo") -> Record:
    """A record with a value on validation images, by which a race is judged; by the test images it would turn round."""
    if value is None:
        return Record(spec.run_id, spec.content(), Status.FAILED, "as in a test")
    return Record(spec.run_id, spec.content(), Status.FINISHED, None, {metric: -value}, [{f"val_{metric}": value}])


def noise(spec: RunSpec) -> float:
    return random.Random(f"{spec.arch} {spec.seed} {spec.epochs}").gauss(0, 1)


def lead(**leads: float) -> Result:
    """Normal results; an architecture's mean is its lead over the others, in their standard deviations."""
    return lambda spec: leads.get(spec.arch, 0.0) + noise(spec)


def value_of(spec: Work, result: Result) -> float | None:
    return result(spec) if isinstance(spec, RunSpec) else 1.0


def performed(rule: Racing, result: Result, metric: str = "elbo") -> dict[str, Record]:
    """Do what the policy names until it names nothing more."""
    records: dict[str, Record] = {}
    while work := rule.next(records):
        records |= {each.run_id: record(each, value_of(each, result), metric) for each in work}
    return records


def cells(work: Iterable[Work], epochs: int) -> list[tuple[str, int]]:
    return [(each.arch, each.seed) for each in work if isinstance(each, RunSpec) and each.epochs == epochs]


def test_the_first_round_is_a_few_seeds_of_everyone_with_the_epochs_of_the_race_and_no_evaluation() -> None:
    rule = policy("a b", parts=True)
    assert cells(rule.next({}), SHORT) == [(arch, seed) for seed in range(3) for arch in "ab"]
    assert len(rule.next({})) == len(rule.planned({})) == 6
    assert cells(policy("a b", first=5).next({}), SHORT)[-1] == ("b", 4)
    assert pickle.loads(pickle.dumps(rule)).next({}) == rule.next({})


def test_the_race_does_what_its_standing_asks_for_and_no_more() -> None:
    rule, result, values = policy(most=12), lead(b=4.0, c=3.0), {arch: dict[int, float]() for arch in "abcd"}
    records: dict[str, Record] = {}
    while work := [each for each in rule.next(records) if each in rule.runs]:
        wanted = standing(values, most=12).wanted
        assert cells(work, SHORT) == list(wanted)
        for each in work:
            assert isinstance(each, RunSpec)
            value = result(each)
            assert value is not None
            values[each.arch][each.seed], records[each.run_id] = value, record(each, value)
    race = standing(values, most=12)
    assert race.ended and race.winner == "b" and race.out, "or nothing was tested"
    entry = rule.entry(records)
    assert entry["winner"] == "b" and entry["ended"] == race.ended
    assert entry["planned"] == len(entry["run_ids"]) == race.runs < entry["full_grid"] == 48
    assert entry["seeds"] == race.rounds[-1].seeds


def test_winner_and_baseline_are_confirmed_at_seeds_that_the_race_could_not_have_used() -> None:
    rule = policy(parts=True)
    records = performed(rule, lead(c=30.0))
    planned = rule.planned(records)
    assert cells(planned, FULL) == [("a", 8), ("c", 8), ("a", 9), ("c", 9)]
    evaluated = [each.run for each in planned if isinstance(each, EvaluationSpec)]
    assert cells(evaluated, FULL) == cells(planned, FULL)
    assert rule.shown(records) == [each for each in planned if each not in rule.runs], "and the report shows just these"
    assert rule.entry(records)["confirmed"] == 2
    assert {each.run_id for each in planned} == set(records), "nothing else was done"


def test_a_baseline_that_wins_is_confirmed_alone() -> None:
    rule = policy()
    assert cells(rule.planned(performed(rule, lead(a=30.0))), FULL) == [("a", 8), ("a", 9)]


def test_without_a_confirmation_the_report_shows_what_the_race_has_of_winner_and_baseline() -> None:
    rule = policy(confirm=0)
    records = performed(rule, lead(c=30.0))
    shown = rule.shown(records)
    assert {each.arch for each in shown if isinstance(each, RunSpec)} == {"a", "c"} and cells(shown, FULL) == []
    entry = rule.entry(records)
    assert (entry["confirmed"], entry["winner"], entry["ended"]) == (0, "c", "one left")
    assert {each.run_id for each in shown} < set(entry["run_ids"])


def test_until_the_first_of_the_confirmation_has_ended_the_race_is_shown() -> None:
    rule, result = policy(), lead(c=30.0)
    records = performed(rule, result)
    fresh = [each for each in rule.planned(records) if each in rule.confirmations]
    before = {run_id: one for run_id, one in records.items() if run_id not in {each.run_id for each in fresh}}
    assert cells(rule.shown(before), FULL) == [] and rule.shown(before)
    one = before | {fresh[0].run_id: records[fresh[0].run_id]}
    assert rule.shown(one) == fresh, "with what is missing of it"
    assert rule.shown({}) == rule.planned({}), "with no round, everything"


def test_a_failed_arm_is_out_and_if_all_fail_there_is_no_winner() -> None:
    rule = policy("a b c")
    records = performed(rule, lambda spec: None if spec.arch == "b" else lead(c=30.0)(spec))
    assert rule.entry(records)["winner"] == "c" and ("b", 3) not in cells(rule.planned(records), SHORT)
    none = performed(rule, lambda spec: None)
    entry = rule.entry(none)
    assert (entry["winner"], entry["ended"], len(none)) == (None, "all failed", 9)
    assert rule.shown(none) == rule.planned(none) and rule.next(none) == []
    assert rule.conclusion(none) == "race: every run of all 3 failed"


@pytest.mark.parametrize("primary, winner", [("elbo", "c"), ("reconstruction", "b")])
def test_the_direction_is_that_of_the_primary_metric(primary: str, winner: str) -> None:
    known = built_in()
    task = dataclasses.replace(known.tasks["vae"], primary=primary)
    rule = policy("a b c", declared=Declared({"vae": task}, known.metrics))
    assert rule.entry(performed(rule, lead(c=30.0, b=-30.0), primary))["winner"] == winner


def test_arms_within_the_margin_of_the_task_are_not_raced_to_the_end() -> None:
    """Accuracies that differ by far less than what is still equivalent."""
    rule = policy("a b c", task="classifier", most=20)
    records = performed(rule, lambda spec: 0.9 + 1e-5 * noise(spec), "accuracy")
    entry = rule.entry(records)
    assert entry["ended"] == "close" and entry["planned"] < 20
    assert "nothing that is left beside it (2) is better by more than the margin" in rule.conclusion(records)


def test_several_seeds_a_round_where_they_are_trained_together() -> None:
    rule, records, rounds = policy("a b", most=8, at_once=3, confirm=0), dict[str, Record](), []
    while work := rule.next(records):
        rounds.append(len(work) // 2)
        records |= {each.run_id: record(each, value_of(each, lead())) for each in work}
    assert rounds == [3, 3, 2], "and never more than the most"
    clear = policy(at_once=3)
    assert clear.entry(performed(clear, lead(b=20.0)))["seeds"] == 6, "which is not looked at between rounds"


@pytest.mark.parametrize("chance_seed", range(3))
def test_the_end_is_the_same_whatever_the_order_and_however_often_it_is_killed(chance_seed: int) -> None:
    """Records come in any order, some of another job; a new process, which knows nothing but them, goes on."""

    def result(spec: RunSpec) -> float | None:
        return None if noise(spec) > 1.8 else lead(b=3.0, c=2.5)(spec)

    fresh = policy("a b c d e", most=9)
    undisturbed = performed(fresh, result)
    chance = random.Random(chance_seed)
    records = {each.run_id: record(each, result(each)) for each in chance.sample(fresh.runs, 12)}
    records |= {each.run_id: record(each, result(each)) for each in chance.sample(fresh.confirmations, 3)}
    rule, kills = policy("a b c d e", most=9), 0
    while work := rule.next(records):
        if chance.random() < 0.3:
            rule, kills = policy("a b c d e", most=9), kills + 1
        for each in chance.sample(list(work), chance.randint(1, len(work))):
            records = {**records, each.run_id: record(each, value_of(each, result))}
            records = dict(chance.sample(sorted(records.items()), len(records)))
    assert kills and rule.planned(records) == fresh.planned(undisturbed)
    assert rule.entry(records) == fresh.entry(undisturbed)
    assert rule.conclusion(records) == fresh.conclusion(undisturbed)


class Scoring(FakeLauncher):
    """Writes records with results."""

    def __init__(self, result: Result):
        super().__init__()
        self.result = result

    def launch(self, work: Sequence[Work], site: Site, again: Mapping[str, Record]) -> Generator[Event, None, None]:
        for spec in work:
            yield Event(EventKind.STARTED, spec)
            Store(spec.store_folder(site.runs_dir)).write(record(spec, value_of(spec, self.result)))
            yield Event(EventKind.FINISHED, spec)


def raced(rule: Racing, folder: Path, result: Result, time_is_up: bool) -> Rounds:
    rounds = rounds_of(rule, folder, Scoring(result))
    rounds.no_round_after = 0.0 if time_is_up else None
    rounds.run()
    return rounds


def test_when_the_time_is_up_the_race_is_over_and_its_winner_is_confirmed_and_stays(tmp_path: Path) -> None:
    """One leads after three seeds and another later, so that racing on would change the winner."""

    def result(spec: RunSpec) -> float:
        return {"a": 0.0, "b": 3.0 if spec.seed < 3 else -9.0, "c": 0.9}[spec.arch] + 0.5 * noise(spec)

    rule = policy("a b c")
    on_time = raced(rule, tmp_path / "whole", result, time_is_up=False)
    assert on_time.policy.entry(on_time.held.records)["winner"] == "c" and not on_time.out_of_time

    rounds = raced(rule, tmp_path / "cut", result, time_is_up=True)
    entry = rounds.policy.entry(rounds.held.records)
    assert rounds.out_of_time and (entry["ended"], entry["winner"], entry["seeds"]) == ("budget", "b", 3)
    assert cells(rounds.work, FULL) == [("a", 8), ("b", 8), ("a", 9), ("b", 9)]
    assert entry["confirmed"] == 2 and rounds.policy.next(rounds.held.records) == []
    assert "left beside it when its time was up: 1, of which 1 may" in rounds.policy.conclusion(rounds.held.records)

    later = raced(policy("a b c", at_once=2).resumed(entry), tmp_path / "cut", result, time_is_up=False)
    assert later.policy.entry(later.held.records) == entry, "what would be found with more seeds is not asked for"
    everything = {each.run_id: record(each, result(each)) for each in (*rule.runs, *rule.confirmations)}
    assert rule.resumed(entry).entry(everything) == entry, "nor looked at where another job has it"
    for other in (policy("a c b"), policy("a b c", most=9), policy("a b c", first=4)):
        assert other.resumed(entry) is other, "another race"
    assert rule.resumed({**entry, "ended": "one left"}) is rule and rule.resumed({}) is rule


def test_time_that_is_up_while_the_winner_is_confirmed_changes_nothing(tmp_path: Path) -> None:
    rule = policy("a b", first=8, most=8)
    rounds = raced(rule, tmp_path, lead(b=30.0), time_is_up=True)
    assert rounds.policy is rule and not rounds.out_of_time
    assert rule.ended(rounds.held.records) == "one left" and cells(rounds.work, FULL)


def test_who_watches_is_told_where_it_stands() -> None:
    rule, result = policy("a b c d"), lead(c=1.0)
    assert rule.standing({}) == "race: 4 architectures, first 3 of at most 8 seeds"
    three = {each.run_id: record(each, result(each)) for each in rule.runs if each.seed < 3}
    assert rule.standing(three) == "race: 4 of 4 left after 3 seeds, 4th of at most 8"
    assert rule.conclusion(three).startswith("race: 4 of 4 left after 3 seeds, ")
    together = policy("a b c d", at_once=3)
    assert together.standing(three) == "race: 4 of 4 left after 3 seeds, 4th to 6th of at most 8"
    clear = {each.run_id: record(each, lead(c=1e6)(each)) for each in rule.runs if each.seed < 5}
    assert rule.standing(clear) == "confirming a and c at 2 fresh seeds"
    done = performed(rule, lead(c=1e6))
    assert rule.standing(done) == ""
    seeds = rule.entry(done)["seeds"]
    used = f"race: c won after {seeds} seeds, {4 * seeds} runs of the full grid's 32: every other was shown to be worse"
    assert rule.conclusion(done).startswith(used)
