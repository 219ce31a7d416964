"""What a job shows while it runs: lines, pictures, and how long it will take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from rich.table import Table

from bench.job.display import Display
from bench.job.remaining.estimate import Estimate
from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.spec import run as spec_module
from bench.spec.progress import Progress, duration
from bench.spec.run import RunSpec
from bench.speed.expected import Expected


def specs(count: int, arch: str = "cnn2") -> list[RunSpec]:
    return [
        RunSpec(arch, "f", "vae", "digits", "d", "dynamic", seed, 2, 8, 1e-3, 4, None, "cpu", 1)
        for seed in range(count)
    ]


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
    with Display(runs, 1, 1, estimate=Estimate(runs, 1, Expected(), later=20.0)) as display:
        display.show(Event(EventKind.STARTED, runs[0]))
        display.show(Event(EventKind.FINISHED, runs[0], seconds=3.0))
        display.show(Event(EventKind.FAILED, runs[1], error="ValueError: [bold]no[/bold]", seconds=1.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1 of 3 runs is done already, 2 to train"
    assert lines[1] == "[0/2] starting 1 worker"
    assert lines[2] == "[1/2] cnn2 vae lr 0.001 seed 0 finished in 0:03, about 0:23 left"
    assert lines[3] == "[2/2] cnn2 vae lr 0.001 seed 1 failed in 0:01: ValueError: [bold]no[/bold]"


def test_nothing_known_is_not_told(capsys: pytest.CaptureFixture) -> None:
    assert Estimate(specs(3), 1, Expected()).remaining() is None
    with Display(specs(3), 0, 1):
        pass
    assert capsys.readouterr().err == "[0/3] starting 1 worker\n"


def test_a_round_begins_with_what_earlier_rounds_have_learned(capsys: pytest.CaptureFixture) -> None:
    first = Estimate(specs(2), 1, Expected())
    for spec in specs(2):
        first.update(Event(EventKind.FINISHED, spec, seconds=40.0))
    second = Estimate(specs(3)[2:], 1, Expected(), first, later=25.0)
    assert second.remaining() == pytest.approx(40)
    with Display(specs(3)[2:], 0, 1, "1 of 2 verdicts open", second) as display:
        display.show(Event(EventKind.FINISHED, specs(3)[2], seconds=20.0))
    assert capsys.readouterr().err.splitlines() == [
        "1 of 2 verdicts open, about 0:40 left in this round, 0:25 after the last",
        "[1/1] cnn2 vae lr 0.001 seed 2 finished in 0:20, about 0:00 left in this round, 0:25 after the last",
    ]
