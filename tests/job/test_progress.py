"""The remaining time: arithmetic on events, checked against jobs whose length is known."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from bench.job.display import Display, Estimate, duration
from bench.launchers.events import Event
from bench.launchers.local import next_ready
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
    estimate = Estimate(specs(1), 1)
    for share, seconds in ((0.01, 11.0), (0.5, 60.0)):
        estimate.update(Event("progress", estimate.specs[0], Progress(share, 1, 0.0), seconds=seconds))
    assert estimate.remaining() == pytest.approx(50)


def test_finished_runs_tell_of_those_to_come() -> None:
    estimate = Estimate(specs(5), 2)
    for spec in estimate.specs[:2]:
        estimate.update(Event("finished", spec, seconds=30.0))
    assert estimate.remaining() == pytest.approx(45)  # three runs of 30 s on two workers


def test_it_never_promises_less_than_the_longest_run_in_flight() -> None:
    estimate = Estimate(specs(1) + specs(1, "cnn3"), 2)
    for spec, share in zip(estimate.specs, (0.9, 0.1), strict=True):
        estimate.update(Event("progress", spec, Progress(0.0, 1, 0.0), seconds=0.0))
        estimate.update(Event("progress", spec, Progress(share, 1, 0.0), seconds=90 * share))
    assert estimate.remaining() == pytest.approx(81)


def test_it_converges_to_zero() -> None:
    estimate = Estimate(specs(2), 1)
    for spec in estimate.specs:
        estimate.update(Event("finished", spec, seconds=1.0))
    assert estimate.remaining() == 0


def test_an_evaluation_that_lost_its_run_is_over_and_teaches_nothing() -> None:
    run = specs(1)[0]
    parts = [EvaluationSpec(run, part, {}) for part in ("iwae", "probe")]
    estimate = Estimate([run, *parts], 1)
    estimate.update(Event("failed", run, seconds=10.0))
    estimate.update(Event("skipped", parts[0]))
    assert estimate.remaining() == pytest.approx(10)  # one part to go, taken for as long as what is known
    estimate.update(Event("skipped", parts[1]))
    assert estimate.remaining() == 0


def test_work_waits_for_the_runs_that_it_needs() -> None:
    first, second = specs(2)
    part = EvaluationSpec(first, "samples", {}, others=(second.run_id,))
    waiting = [part, second]
    assert next_ready(waiting, [first]) == second
    assert next_ready(waiting, [first, second]) is None
    assert next_ready(waiting, []) == part
    assert next_ready(waiting, []) is None


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
            display.show(Event("progress", spec, Progress(share / 25, 1, 0.5), seconds=float(share)))
    assert len(drawn) == 1
    monkeypatch.setattr(time, "monotonic", lambda: 101.0)
    display.show(Event("tick"))
    assert len(drawn) == 2


def test_plain_lines_name_the_run_and_the_count(capsys: pytest.CaptureFixture) -> None:
    runs = specs(2)
    with Display(runs, 1, 1) as display:
        display.show(Event("started", runs[0]))
        display.show(Event("finished", runs[0], seconds=3.0))
        display.show(Event("failed", runs[1], error="ValueError: [bold]no[/bold]", seconds=1.0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1 of 3 runs are done already, 2 to train"
    assert lines[1] == "[1/2] cnn2 vae seed 0 finished in 0:03, about 0:03 left"
    assert lines[2] == "[2/2] cnn2 vae seed 1 failed in 0:01: ValueError: [bold]no[/bold]"
