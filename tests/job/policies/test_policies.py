"""A plan is a policy: what it names is done, and it is asked again. Records are made up; nothing is trained."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bench.job.policies.fixed import EachOnce
from bench.job.policies.policy import Policy, Records
from bench.job.rounds import Held, Rounds
from bench.launchers.events import Event, EventKind
from bench.spec.device import Device
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.spec.status import Status
from bench.store.record import Record
from bench.store.store import Store
from bench.trackers import Trackers
from bench.worker.site import Site


def run(seed: int, arch: str = "cnn2") -> RunSpec:
    return RunSpec(arch, "f", "vae", "digits", "d", "dynamic", seed, 2, 8, 1e-3, 4, None, "cpu", 1)


def record(spec: Work, status: Status = Status.FINISHED, elbo: float = -100.0) -> Record:
    metrics = {"elbo": elbo} if status is Status.FINISHED else {}
    return Record(spec.run_id, spec.content(), status, None if metrics else "as in a test", metrics)


@dataclass
class FakeLauncher:
    """Does work by writing records. outcomes: run id → what becomes of it; "skipped" leaves nothing.
    The rest finish.
    """

    outcomes: dict[str, str] = field(default_factory=dict)
    launched: list[list[Work]] = field(default_factory=list)
    interrupt: bool = False

    def device(self, asked: str) -> Device | None:
        return None

    def slots(self, devices: Sequence[Device]) -> int:
        return 1

    def launch(self, work: Sequence[Work], site: Site, again: Mapping[str, Record]) -> Generator[Event, None, None]:
        self.launched.append(list(work))
        for spec in work:
            yield Event(EventKind.STARTED, spec)
            kind = EventKind(self.outcomes.get(spec.run_id, "finished"))
            if kind is not EventKind.SKIPPED:
                Store(spec.store_folder(site.runs_dir)).write(record(spec, Status(kind.value)))
            yield Event(kind, spec)
            if self.interrupt:
                raise KeyboardInterrupt

    def close(self) -> None:
        pass


def rounds_of(
    policy: Policy, folder: Path, launcher: FakeLauncher, *, fail_fast: bool = False, retry: bool = False
) -> Rounds:
    return Rounds(policy, Site(str(folder), ""), launcher, Trackers(), Held(str(folder), retry), fail_fast)


@dataclass(frozen=True)
class UntilGood(Policy):
    """One more seed until one is good enough, or there are three: a policy that plans as it goes."""

    good: float

    def next(self, records: Records) -> Sequence[Work]:
        return [spec for spec in self.planned(records) if spec.run_id not in records]

    def planned(self, records: Records) -> Sequence[Work]:
        found: list[Work] = []
        for seed in range(3):
            found.append(run(seed))
            known = records.get(run(seed).run_id)
            if known is None or known.metrics.get("elbo", self.good - 1) >= self.good:
                break
        return found


def test_a_fixed_list_names_what_has_no_record_in_its_order() -> None:
    policy = EachOnce((run(0), run(1), run(2)))
    assert policy.next({}) == [run(0), run(1), run(2)]
    assert policy.next({run(1).run_id: record(run(1), Status.FAILED)}) == [run(0), run(2)]
    assert policy.next({run(seed).run_id: record(run(seed)) for seed in range(3)}) == []
    assert pickle.loads(pickle.dumps(policy)) == policy


def test_a_finished_run_is_never_run_again_and_a_failed_one_only_when_that_is_asked(tmp_path: Path) -> None:
    for seed, status in ((0, Status.FINISHED), (1, Status.FAILED)):
        Store(tmp_path).write(record(run(seed), status))
    policy = EachOnce((run(0), run(1), run(2)))
    plain, retried = FakeLauncher(), FakeLauncher()
    rounds_of(policy, tmp_path, plain).run()
    assert plain.launched == [[run(2)]]
    again = rounds_of(policy, tmp_path, retried, retry=True)
    again.run()
    assert retried.launched == [[run(1)]], "and once, though it is asked again afterwards"
    assert {known.status for known in again.held.records.values()} == {Status.FINISHED}


def test_a_policy_is_asked_again_with_what_came_of_its_answer(tmp_path: Path) -> None:
    launcher = FakeLauncher()
    rounds_of(UntilGood(-99.0), tmp_path, launcher).run()
    assert launcher.launched == [[run(0)], [run(1)], [run(2)]]
    settled = FakeLauncher()
    rounds_of(UntilGood(-100.0), tmp_path / "other", settled).run()
    assert settled.launched == [[run(0)]]


def test_a_policy_that_plans_as_it_goes_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    for seed in (0, 1):
        Store(tmp_path).write(record(run(seed)))
    launcher = FakeLauncher()
    rounds = rounds_of(UntilGood(-99.0), tmp_path, launcher)
    rounds.run()
    assert launcher.launched == [[run(2)]], "what an earlier job did is found, round by round"
    assert len(rounds.held.records) == 3


def test_what_leaves_no_record_is_tried_once_in_a_job(tmp_path: Path) -> None:
    """An evaluation whose run failed is skipped: there is no record of it, and the policy names it again."""
    part = EvaluationSpec(run(0), "iwae", {"samples": 1})
    launcher = FakeLauncher({run(0).run_id: "failed", part.run_id: "skipped"})
    rounds = rounds_of(EachOnce((run(0), part)), tmp_path, launcher)
    rounds.run()
    assert launcher.launched == [[run(0), part]]
    assert part.run_id not in rounds.held.records


def test_the_first_failure_stops_a_job_that_wants_it_so(tmp_path: Path) -> None:
    launcher = FakeLauncher({run(0).run_id: "failed"})
    rounds = rounds_of(EachOnce((run(0), run(1))), tmp_path, launcher, fail_fast=True)
    rounds.run()
    assert rounds.is_over and list(rounds.held.records) == [run(0).run_id]
    later = FakeLauncher()
    rounds_of(EachOnce((run(0), run(1))), tmp_path, later, fail_fast=True).run()
    assert later.launched == [[run(1)]], "a failure of before is not one of this job"


@pytest.mark.parametrize("policy", [EachOnce((run(0), run(1))), UntilGood(-99.0)], ids=["a list", "as it goes"])
def test_ctrl_c_ends_the_rounds_and_what_is_done_is_known(policy: Policy, tmp_path: Path) -> None:
    launcher = FakeLauncher(interrupt=True)
    rounds = rounds_of(policy, tmp_path, launcher)
    rounds.run()
    assert rounds.stopped_by == 130 and len(launcher.launched) == 1
    assert list(rounds.held.records) == [run(0).run_id]


def test_a_policy_gives_the_same_answer_whatever_the_order_of_the_records() -> None:
    known = {run(seed).run_id: replace(record(run(seed)), metrics={"elbo": -101.0}) for seed in (0, 1)}
    turned = dict(reversed(list(known.items())))
    assert UntilGood(-99.0).next(known) == UntilGood(-99.0).next(turned) == [run(2)]
