"""The remaining time: arithmetic on events, checked against jobs whose length is known."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from bench.job.display import Display
from bench.job.estimate import Estimate, duration
from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.spec import run as spec_module
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec


def specs(count: int, arch: str = "cnn2") -> list[RunSpec]:
    return [
        RunSpec(arch, "f", "vae", "digits", "d", "dynamic", seed, 2, 8, 1e-3, 4, None, "cpu", 1)
        for seed in range(count)
    ]


def test_nothing_known_is_said_to_be_unknown() -> None:
    assert Estimate(specs(3), 1).remaining() is None
    assert duration(None) == "–"


def test_start_up_is_not_taken_for_slowness() -> None:
    """Ten seconds to start, then 1 % a second: 50 s are left of this run, not 60."""
    (run,) = specs(1)
    estimate = Estimate([run], 1)
    for share, seconds in ((0.01, 11.0), (0.5, 60.0)):
        estimate.update(Event(EventKind.PROGRESS, run, Progress(share, 1, 0.0), seconds=seconds))
    assert estimate.remaining() == pytest.approx(50)


def test_finished_runs_tell_of_those_to_come() -> None:
    runs = specs(5)
    estimate = Estimate(runs, 2)
    for spec in runs[:2]:
        estimate.update(Event(EventKind.FINISHED, spec, seconds=30.0))
    assert estimate.remaining() == pytest.approx(45)  # three runs of 30 s on two workers


def test_it_never_promises_less_than_the_longest_run_in_flight() -> None:
    runs = specs(1) + specs(1, "cnn3")
    estimate = Estimate(runs, 2)
    for spec, share in zip(runs, (0.9, 0.1), strict=True):
        estimate.update(Event(EventKind.PROGRESS, spec, Progress(0.0, 1, 0.0), seconds=0.0))
        estimate.update(Event(EventKind.PROGRESS, spec, Progress(share, 1, 0.0), seconds=90 * share))
    assert estimate.remaining() == pytest.approx(81)


def test_it_converges_to_zero() -> None:
    runs = specs(2)
    estimate = Estimate(runs, 1)
    for spec in runs:
        estimate.update(Event(EventKind.FINISHED, spec, seconds=1.0))
    assert estimate.remaining() == 0


def test_an_evaluation_that_lost_its_run_is_over_and_teaches_nothing() -> None:
    run = specs(1)[0]
    parts = [EvaluationSpec(run, part, {}) for part in ("iwae", "probe")]
    estimate = Estimate([run, *parts], 1)
    estimate.update(Event(EventKind.FAILED, run, seconds=10.0))
    estimate.update(Event(EventKind.SKIPPED, parts[0]))
    assert estimate.remaining() == pytest.approx(10)  # one part to go, taken for as long as what is known
    estimate.update(Event(EventKind.SKIPPED, parts[1]))
    assert estimate.remaining() == 0


KINDS = [EventKind(kind) for kind in ("started", "progress", "finished", "failed", "skipped")]


def walked(specs: list[RunSpec], events: list[Event], workers: int) -> float | None:
    """What is left, by its definition: from all events so far and all specs."""
    last = {event.spec: event for event in events}
    known: dict[tuple[str, ...], list[float]] = {}
    left = []
    for spec in specs:
        signs = [(e.progress.done, e.seconds) for e in events if e.spec == spec and e.progress]
        event = last.get(spec, Event(EventKind.TICK))
        if event.kind in ("finished", "failed") and not event.by_another:
            known.setdefault(spec.kind, []).append(event.seconds)
        if event.kind == "progress" and signs[-1][0] > signs[0][0]:
            rate = (signs[-1][1] - signs[0][1]) / (signs[-1][0] - signs[0][0])
            known.setdefault(spec.kind, []).append(rate)
        if event.kind not in ("finished", "failed", "skipped"):
            left.append((spec, 1 - (event.progress.done if event.progress else 0.0)))
    if not known:
        return None
    means = {kind: sum(values) / len(values) for kind, values in known.items()}
    typical = sum(means.values()) / len(means)
    seconds = [means.get(spec.kind, typical) * share for spec, share in left]
    if not seconds:
        return 0.0
    return max(sum(seconds) / min(workers, len(seconds)), max(seconds) if len(seconds) <= workers else 0.0)


@given(st.data())
def test_what_is_left_is_what_a_walk_over_all_runs_would_find(data: st.DataObject) -> None:
    runs = [spec for arch in ("cnn2", "cnn3", "mlp") for spec in specs(data.draw(st.integers(1, 4)), arch)]
    workers = data.draw(st.integers(1, 4))
    estimate, events, going = Estimate(runs, workers), list[Event](), list(runs)
    clock = 0
    for _ in range(data.draw(st.integers(0, 30))):
        if not going:
            break
        spec, kind = data.draw(st.sampled_from(going)), data.draw(st.sampled_from(KINDS))
        place = Progress(data.draw(st.integers(0, 8)) / 8, 1, 0.5) if kind == "progress" else None
        clock += data.draw(st.integers(0, 100))
        by_another = kind in ("finished", "failed") and data.draw(st.booleans())
        events.append(Event(kind, spec, place, seconds=float(clock), by_another=by_another))
        estimate.update(events[-1])
        if kind in ("finished", "failed", "skipped"):
            going.remove(spec)
        expected = walked(runs, events, workers)
        found = estimate.remaining()
        assert found is None if expected is None else found == pytest.approx(expected)


def test_what_a_job_s_own_process_does_at_an_event_does_not_grow_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: an identity is hashed once, and neither an event nor a picture goes through all runs."""
    hashed, looks = Counter[str](), Counter[str]()
    digest, kind = spec_module.digest, RunSpec.kind.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(spec_module, "digest", lambda content: hashed.update(["run id"]) or digest(content))
    monkeypatch.setattr(RunSpec, "kind", property(lambda spec: looks.update(["kind"]) or kind(spec)))
    runs = specs(2_500) + specs(2_500, "cnn3")
    queue, display = Queue(runs), Display(runs, 0, 8)
    pictures: list[object] = []
    monkeypatch.setattr(display, "live", SimpleNamespace(is_started=True, update=pictures.append))
    looks.clear()
    events = 0
    for _ in range(50):
        for event in lives(queue):
            display.drawn = 0.0  # each is drawn
            display.show(event)
            events += 1
    assert events == len(pictures) == 200
    assert looks["kind"] <= 5 * events
    assert hashed["run id"] <= len(runs)


def lives(queue: Queue) -> Iterator[Event]:
    """The events of the next run."""
    spec = queue.take()
    assert spec is not None
    yield Event(EventKind.STARTED, spec)
    for share in (0.1, 0.5):
        yield Event(EventKind.PROGRESS, spec, Progress(share, 1, 0.5), seconds=share)
    queue.mark_ended(spec)
    yield Event(EventKind.FINISHED, spec, seconds=1.0)


def test_a_picture_holds_no_more_than_the_terminal_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Table] = []
    runs = specs(2_000)
    display = Display(runs, 0, 1)
    monkeypatch.setattr(display, "live", SimpleNamespace(is_started=True, update=drawn.append))
    for spec in runs:
        display.drawn = time.monotonic()
        display.show(Event(EventKind.STARTED, spec))
    display.drawn = 0.0
    display.show(Event(EventKind.TICK))
    (cells,) = [list(column.cells) for column in drawn[-1].columns]
    assert cells[1].row_count == display.console.height < 2_000


def test_duration() -> None:
    assert [duration(seconds) for seconds in (0, 59.6, 95, 3_700)] == ["0:00", "1:00", "1:35", "1:01:40"]


def test_a_display_keeps_up_with_an_event_for_each_seed_of_a_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    runs = specs(32)
    display = Display(runs, 0, 1)
    monkeypatch.setattr(display, "live", SimpleNamespace(is_started=True, update=drawn.append))
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    for share in range(1, 25):
        for spec in runs:
            display.show(Event(EventKind.PROGRESS, spec, Progress(share / 25, 1, 0.5), seconds=float(share)))
    assert len(drawn) == 1
    monkeypatch.setattr(time, "monotonic", lambda: 101.0)
    display.show(Event(EventKind.TICK))
    assert len(drawn) == 2


def test_plain_lines_name_the_run_and_the_count(capsys: pytest.CaptureFixture) -> None:
    runs = specs(2)
    with Display(runs, 1, 1) as display:
        display.show(Event(EventKind.STARTED, runs[0]))
        display.show(Event(EventKind.FINISHED, runs[0], seconds=3.0))
        display.show(Event(EventKind.FAILED, runs[1], error="ValueError: [bold]no[/bold]", seconds=1.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1 of 3 runs is done already, 2 to train"
    assert lines[1] == "[1/2] cnn2 vae lr 0.001 seed 0 finished in 0:03, about 0:03 left"
    assert lines[2] == "[2/2] cnn2 vae lr 0.001 seed 1 failed in 0:01: ValueError: [bold]no[/bold]"


def test_a_round_begins_with_what_earlier_rounds_have_learned(capsys: pytest.CaptureFixture) -> None:
    first = Estimate(specs(2), 1)
    for spec in specs(2):
        first.update(Event(EventKind.FINISHED, spec, seconds=40.0))
    second = Estimate(specs(3)[2:], 1, first)
    assert second.remaining() == pytest.approx(40)
    with Display(specs(3)[2:], 0, 1, "1 of 2 verdicts open", second) as display:
        display.show(Event(EventKind.FINISHED, specs(3)[2], seconds=20.0))
    assert capsys.readouterr().err.splitlines() == [
        "1 of 2 verdicts open, about 0:40 left in this round",
        "[1/1] cnn2 vae lr 0.001 seed 2 finished in 0:20, about 0:00 left in this round",
    ]
