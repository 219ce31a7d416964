"""What had failed before a job is said when it starts: how much, with which errors, and what tries it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import run_ablation
from bench.job.perform import Outcome
from bench.job.policies.fixed import EachOnce
from bench.job.policies.policy import Records
from bench.job.request import Request
from bench.job.rounds import Held, Rounds, failed_before, first_line
from bench.launchers.events import Event
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.store.record import Record
from bench.store.store import Store
from bench.trackers import Trackers
from tests.job.test_progress import specs


class Nobody:
    """A launcher that does nothing, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[Work] = []

    def launch(self, work: Sequence[Work], *unused: Any) -> Iterator[Event]:
        self.asked += work
        yield from ()


@dataclasses.dataclass(frozen=True)
class OneByOne(EachOnce):
    """A policy that asks for its runs in rounds of one."""

    def planned(self, records: Records) -> Sequence[Work]:
        ended = sum(each.run_id in records for each in self.work)
        return self.work[: ended + 1]

    def next(self, records: Records) -> Sequence[Work]:
        return [each for each in self.planned(records) if each.run_id not in records]


def start(
    folder: Path, policy: EachOnce, retry_failed: bool = False, is_bad_trial: Callable[..., bool] = lambda *_: False
) -> list[Work]:
    """Start a job and return what it would train."""
    nobody, site = Nobody(), SimpleNamespace(workers=1)
    held = Held(str(folder), retry_failed)
    Rounds(policy, site, nobody, Trackers(), held, fail_fast=False, is_bad_trial=is_bad_trial).run()  # type: ignore[arg-type]
    return nobody.asked


def fail(folder: Path, run: Work, error: str) -> None:
    Store(folder).write(Record(run.run_id, dataclasses.asdict(run), "failed", error=error))


@pytest.mark.parametrize("policy", [EachOnce, OneByOne])
def test_a_second_start_says_what_failed_with_which_errors_and_what_tries_it_again(
    policy: type[EachOnce], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = specs(4)
    for run, error in zip(
        runs, ["ValueError: shapes\nsecond line", "KeyError: 'x'", "ValueError: shapes"], strict=False
    ):
        fail(tmp_path, run, error)
    assert start(tmp_path, policy(tuple(runs))) == runs[3:]
    said = capsys.readouterr().err.splitlines()
    assert said[:3] == [
        "3 runs failed before; --retry-failed tries them again:",
        "  2 × ValueError: shapes",
        "  1 × KeyError: 'x'",
    ]
    assert sum("failed before" in line for line in said) == 1
    if policy is EachOnce:
        assert said[3] == "3 of 4 runs are done already, 1 to train"
        assert start(tmp_path, policy(tuple(runs)), retry_failed=True) == runs
        assert "failed before" not in capsys.readouterr().err


def test_nothing_is_said_where_nothing_failed_or_a_bad_trial_is_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    runs = specs(2)
    assert start(tmp_path, EachOnce(tuple(runs))) == runs
    fail(tmp_path, runs[0], "Diverged: loss is nan by step 3 of 9 (epoch 1)")
    assert start(tmp_path, EachOnce(tuple(runs)), is_bad_trial=lambda work, error: "Diverged" in error) == runs[1:]
    said = capsys.readouterr().err
    assert "failed" not in said and "1 of 2 runs is done already" in said


def test_runs_and_evaluations_are_told_apart_and_many_errors_are_counted() -> None:
    run = specs(1)[0]
    evaluation = EvaluationSpec(run, "probe", {})
    assert failed_before([(run, "a"), (evaluation, "a")]).splitlines() == [
        "1 run and 1 evaluation failed before; --retry-failed tries them again:", "  2 × a",
    ]  # fmt: skip
    assert failed_before([(evaluation, "a")]).startswith("1 evaluation failed before; --retry-failed tries it again:")
    many: list[tuple[RunSpec, str]] = [(run, f"error {n}") for n in range(7)]
    assert failed_before(many).splitlines()[-2:] == ["  1 × error 4", "  2 × 2 other errors"]


def test_an_error_is_shown_in_one_line_that_moves_no_cursor() -> None:
    assert first_line("\n  ValueError: \x1b[31mred\x9b \n more") == "ValueError: ?[31mred?"
    assert len(first_line("x" * 999)) == 200


@pytest.mark.parametrize(
    ("outcome", "words", "last"),
    [
        ((3, 0, 0), [], None),
        ((2, 1, 0), [], "1 failed: the same command with --retry-failed tries it again"),
        ((0, 2, 1), [], "2 failed: the same command with --retry-failed tries them again"),
        ((0, 2, 0), ["--retry-failed"], "2 failed: the same command tries them again"),
        ((2, 0, 1), [], "1 of the runs has no record: the same command tries it again"),
        ((1, 0, 2), [], "2 of the runs have no record: the same command tries them again"),
        ((1, 1, 2), ["--fail-fast"], "stopped at the first failure: 2 not done; the same command without --fail-fast"),
    ],
)
def test_the_last_line_says_what_to_do_and_the_status_is_no_success(
    outcome: tuple[int, int, int], words: list[str], last: str | None, capsys: pytest.CaptureFixture
) -> None:
    request = Request(**{word.strip("-").replace("-", "_"): True for word in words})
    status = run_ablation.conclude(request, Outcome(Path(), *outcome))
    said = capsys.readouterr().err
    assert status == (0 if last is None else 1)
    assert said == "" if last is None else said.startswith(last)
    *_, failed, undone = outcome
    also_missing = failed and undone and not request.fail_fast
    assert said.count("\n") == (0 if last is None else 2 if also_missing else 1)
    assert not also_missing or "1 of the runs has no record: the same command tries it again" in said
