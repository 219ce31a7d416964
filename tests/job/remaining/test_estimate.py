"""The remaining time: arithmetic on events."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.job.remaining.estimate import LAST, PRIOR, Estimate, Pace
from bench.launchers.events import Event, EventKind
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec
from bench.speed.expected import Expected
from tests.job.test_progress import specs


def test_start_up_is_not_taken_for_slowness() -> None:
    """Ten seconds to start, then 1 % a second: 50 s are left of this run, not 60."""
    (run,) = specs(1)
    estimate = Estimate([run], 1, Expected())
    for share, seconds in ((0.01, 11.0), (0.5, 60.0)):
        estimate.update(Event(EventKind.PROGRESS, run, Progress(share, 1, 0.0), seconds=seconds))
    assert estimate.remaining() == pytest.approx(50, abs=0.1)


def test_finished_runs_tell_of_those_to_come() -> None:
    """Three runs of 30 s on two workers: one of them waits for a worker, so it is a minute and not 45 s."""
    runs = specs(5)
    estimate = Estimate(runs, 2, Expected())
    for spec in runs[:2]:
        estimate.update(Event(EventKind.FINISHED, spec, seconds=30.0))
    assert estimate.remaining() == pytest.approx(60)
    estimate.later = 12.0
    assert estimate.whole() == pytest.approx(72)


def test_it_never_promises_less_than_the_longest_run_in_flight() -> None:
    runs = specs(1) + specs(1, "cnn3")
    estimate = Estimate(runs, 2, Expected(), clock=lambda: 0.0)
    for spec, share in zip(runs, (0.9, 0.1), strict=True):
        estimate.update(Event(EventKind.PROGRESS, spec, Progress(0.0, 1, 0.0), seconds=0.0))
        estimate.update(Event(EventKind.PROGRESS, spec, Progress(share, 1, 0.0), seconds=90 * share))
    assert estimate.remaining() == pytest.approx(81)


def test_it_converges_to_zero() -> None:
    runs = specs(2)
    estimate = Estimate(runs, 1, Expected())
    for spec in runs:
        estimate.update(Event(EventKind.FINISHED, spec, seconds=1.0))
    assert estimate.remaining() == 0


def test_an_evaluation_that_lost_its_run_is_over_and_teaches_nothing() -> None:
    run, other = specs(2)
    part = EvaluationSpec(run, "iwae", {})
    estimate = Estimate([run, other, part], 1, Expected())
    estimate.update(Event(EventKind.FAILED, run, seconds=10.0))
    assert estimate.kinds[part.kind].finished == estimate.kinds[run.kind].finished == Pace()
    estimate.update(Event(EventKind.SKIPPED, part))
    assert estimate.remaining() == pytest.approx(10), "while none of them finished, the next is as long as that failed"
    estimate.update(Event(EventKind.FINISHED, other, seconds=30.0))
    assert estimate.remaining() == 0


KINDS = [EventKind(kind) for kind in ("started", "progress", "finished", "failed", "skipped")]


def walked(runs: list[RunSpec], events: list[Event], workers: int) -> float | None:
    """What is left, by its definition: from all events so far and all runs, each of one step's length."""
    last = {event.spec: event for event in events}
    seen: dict[tuple[str, ...], list[tuple[float, float]]] = {}  # kind → (seconds, runs)
    failed: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    flying, waiting = [], []
    for run in runs:
        signs = [(e.seconds, e.progress.done) for e in events if e.spec == run and e.progress]
        event = last.get(run, Event(EventKind.TICK))
        seen.setdefault(run.kind, [])
        failed.setdefault(run.kind, [])
        if event.kind in ("finished", "failed"):
            where = seen if event.kind == "finished" else failed
            if not event.by_another:
                where[run.kind].append((event.seconds, 1.0))
        elif event.kind == "started":
            flying.append((run, 1.0))
        elif event.kind == "progress":
            seen[run.kind].append((signs[-1][0] - signs[0][0], signs[-1][1] - signs[0][1]))
            flying.append((run, 1 - signs[-1][1]))
        elif event.kind != "skipped":
            waiting.append(run)
    if not flying and not waiting:
        return 0.0

    def pace(of: list[tuple[float, float]], prior: float | None) -> float | None:
        known = [*of, *([] if prior is None else [(PRIOR * prior, PRIOR)])]
        count = sum(runs for _, runs in known)
        return sum(seconds for seconds, _ in known) / count if count else None

    everything = [one for of in seen.values() for one in of]
    if not sum(runs for _, runs in everything):
        everything += [one for of in failed.values() for one in of]
    common = pace(everything, None)
    if common is None:
        return None
    sort = pace([one for of in seen.values() for one in of], common)
    paces = {kind: pace(of if sum(n for _, n in of) else failed[kind], sort) for kind, of in seen.items()}
    free = [0.0] * workers
    for seconds in sorted((paces[run.kind] * share for run, share in flying), reverse=True):  # type: ignore[operator]
        free[free.index(min(free))] += seconds
    for run in waiting:
        free[free.index(min(free))] += paces[run.kind]  # type: ignore[operator]
    return max(free)


@given(st.data())
def test_what_is_left_is_what_a_walk_over_all_runs_would_find(data: st.DataObject) -> None:
    runs = [spec for arch in ("cnn2", "cnn3", "mlp") for spec in specs(data.draw(st.integers(1, 4)), arch)]
    workers = data.draw(st.integers(1, 4))
    estimate = Estimate(runs, workers, Expected(), clock=lambda: 0.0)
    events, going = list[Event](), list(runs)
    clock = 0
    for _ in range(data.draw(st.integers(0, 30))):
        if not going:
            break
        spec, kind = data.draw(st.sampled_from(going)), data.draw(st.sampled_from(KINDS))
        place = None
        if kind == "progress":
            before = max((event.progress.done for event in events if event.spec == spec and event.progress), default=0)
            place = Progress(data.draw(st.integers(int(8 * before), 8)) / 8, 1, 0.5)
        elif kind == "started" and any(event.spec == spec for event in events):
            continue
        clock += data.draw(st.integers(0, 100))
        by_another = kind in ("finished", "failed") and data.draw(st.booleans())
        events.append(Event(kind, spec, place, seconds=float(clock), by_another=by_another))
        estimate.update(events[-1])
        if kind in ("finished", "failed", "skipped"):
            going.remove(spec)
        expected = walked(runs, events, workers)
        found = estimate.remaining()
        assert found is None if expected is None else found == pytest.approx(expected)


def test_many_runs_that_wait_are_shared_out_evenly_but_the_last() -> None:
    """What is handed out one by one is told apart from what is not by nothing but its number."""
    runs = specs(3 * LAST) + specs(1, "cnn3")
    estimate = Estimate(runs, 4, Expected())
    estimate.update(Event(EventKind.FINISHED, runs[0], seconds=10.0))
    estimate.update(Event(EventKind.FINISHED, runs[1], seconds=10.0))
    # 191 runs of 10 s on four workers, of which three have one more than the fourth
    assert estimate.remaining() == pytest.approx(480, rel=0.01)


def test_longer_runs_of_a_later_round_take_as_much_longer() -> None:
    """As those that confirm a race: what was learned is a pace, not a length."""
    first = Estimate(specs(1), 1, Expected())
    first.update(Event(EventKind.FINISHED, specs(1)[0], seconds=40.0))
    longer = [dataclasses.replace(run, epochs=6) for run in specs(1)]
    assert Estimate(longer, 1, Expected(), first).remaining() == pytest.approx(120)
