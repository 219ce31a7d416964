"""What is started next: held to its definition on made-up plans, and counted."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.launchers.queue import Queue
from bench.spec import run as spec_module
from bench.spec.run import EvaluationSpec, RunSpec, Work


def runs(seeds: int, arch: str = "cnn2") -> list[RunSpec]:
    return [
        RunSpec(arch, "f", "vae", "digits", "d", "dynamic", seed, 2, 8, 1e-3, 4, None, "cpu", 1)
        for seed in range(seeds)
    ]


def test_work_waits_for_the_runs_that_it_needs() -> None:
    first, second = runs(2)
    part = EvaluationSpec(first, "samples", {}, others=(second.run_id,))
    queue = Queue([part, first, second])
    assert [queue.take(), queue.take(), queue.take()] == [first, second, None]
    queue.mark_ended(second)
    assert queue.take() is None
    queue.mark_ended(first)
    assert len(queue) == 1
    assert queue.take() == part
    assert not queue


def test_what_needs_a_run_of_another_job_waits_until_that_has_ended() -> None:
    (run,) = runs(1)
    part = EvaluationSpec(run, "probe", {})
    queue = Queue([run, part])
    assert queue.take() == run
    queue.put_back([run])  # another job has it: looked at again later
    assert [queue.take(), queue.take()] == [run, None]
    queue.mark_ended(run)
    assert queue.take() == part


def test_a_run_that_is_no_part_of_the_job_is_not_waited_for() -> None:
    part = EvaluationSpec(runs(1)[0], "probe", {})
    assert Queue([part]).take() == part


def test_seeds_of_one_setting_are_a_group_and_an_evaluation_is_one_by_itself() -> None:
    ours, theirs = runs(3), runs(2, "cnn3")
    queue = Queue([*ours, *theirs, *(EvaluationSpec(run, "probe", {}) for run in ours)])
    assert (queue.groups(), queue.groups_of_runs(), queue.count_alike(ours[0])) == (5, 2, 3)
    assert queue.take() == ours[0]
    assert queue.take_alike(ours[0], 1) == [ours[1]]
    assert queue.take_alike(ours[0], 0) == []
    assert queue.take_alike(ours[0], 5) == [ours[2]]
    assert (queue.groups(), queue.groups_of_runs(), queue.count_alike(ours[0])) == (4, 1, 0)
    assert [queue.take(), queue.take(), queue.take()] == [*theirs, None]


def first_ready(waiting: list[Work], out: list[Work]) -> Work | None:
    """By definition: the first that needs no run which waits or is out."""
    unfinished = {spec.run_id for spec in (*waiting, *out)}
    return next((spec for spec in waiting if unfinished.isdisjoint(spec.needs)), None)


@given(st.data())
def test_the_first_that_is_ready_is_taken_whatever_happened_before(data: st.DataObject) -> None:
    pool = [run for arch in ("cnn2", "cnn3") for run in runs(3, arch)]
    pool += [replace(run, lr=8e-3) for run in pool[:2]]  # trials, which go into the same stacks
    parts = [
        EvaluationSpec(
            run, "probe", {}, others=tuple(other.run_id for other in data.draw(st.sets(st.sampled_from(pool))))
        )
        for run in data.draw(st.lists(st.sampled_from(pool), unique=True))
    ]
    waiting: list[Work] = data.draw(st.permutations([*pool, *parts]))
    out: list[Work] = []
    queue = Queue(waiting)
    for _ in range(40):
        what = data.draw(st.sampled_from(["take", "alike", "end", "put back"]))
        if what == "take":
            found = first_ready(waiting, out)
            assert queue.take() == found
            taken = [] if found is None else [found]
        elif what == "alike":
            run, most = data.draw(st.sampled_from(pool)), data.draw(st.integers(0, 3))
            alike = [spec for spec in waiting if isinstance(spec, RunSpec) and spec.arch == run.arch]
            assert queue.count_alike(run) == len(alike)
            taken = list[Work](alike[:most])
            assert queue.take_alike(run, most) == taken
        else:
            taken = []
            if out:
                one = out.pop(data.draw(st.integers(0, len(out) - 1)))
                if what == "end":
                    queue.mark_ended(one)
                else:
                    queue.put_back([one])
                    waiting.append(one)
        waiting = [spec for spec in waiting if spec not in taken]
        out += taken
        assert len(queue) == len(waiting)
        archs = {spec.arch for spec in waiting if isinstance(spec, RunSpec)}
        assert queue.groups_of_runs() == len(archs)
        assert queue.groups() == len(archs) + sum(isinstance(spec, EvaluationSpec) for spec in waiting)


def looks_per_piece(count: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """How often the queue asks a piece of work what it needs, from the first to the last of a job."""
    looks = Counter[str]()
    needs = EvaluationSpec.needs.fget  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(EvaluationSpec, "needs", property(lambda spec: looks.update(["needs"]) or needs(spec)))
        patch.setattr(RunSpec, "needs", property(lambda spec: looks.update(["needs"]) or ()))
        pool = runs(count)
        queue = Queue([*(EvaluationSpec(run, "probe", {}) for run in pool), *pool])  # the worst order
        taken, out = 0, list[Work]()
        while queue or out:
            while len(out) < 8 and (spec := queue.take()) is not None:
                out.append(spec)
                taken += 1
            queue.mark_ended(out.pop(0))
        assert taken == 2 * count
    return looks["needs"] / taken


def test_a_long_job_costs_no_more_looks_per_run_than_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_per_piece(2_500, monkeypatch) == pytest.approx(looks_per_piece(25, monkeypatch), rel=0.1)
    assert looks_per_piece(2_500, monkeypatch) < 3


def test_an_identity_is_hashed_once_and_goes_with_its_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []
    digest = spec_module.digest
    monkeypatch.setattr(spec_module, "digest", lambda content: hashed.append(content) or digest(content))
    run, other = runs(2)
    part = EvaluationSpec(run, "probe", {"steps": 3})
    before = pickle.dumps(run)
    ids = run.run_id, part.run_id
    assert (run.run_id, part.run_id, part.needs) == (*ids, (ids[0],))
    assert len(hashed) == 2
    assert pickle.loads(pickle.dumps([run, part]))[0].run_id == ids[0]  # as a worker gets it: it need not hash
    assert len(hashed) == 2
    fresh = pickle.loads(before)
    assert (fresh, hash(fresh), copy.copy(run)) == (run, hash(run), run), "whether it was asked for makes no difference"
    assert repr(fresh) == repr(run) and fresh.content() == run.content()
    assert replace(run, seed=1).run_id == other.run_id != ids[0]
    assert replace(part, run=other).run_id != ids[1]
