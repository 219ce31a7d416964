"""What work is expected to take, and jobs whose length is known, on a machine that is simulated."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bench.data.dataset import DataDescription
from bench.evaluation import Cost
from bench.job.remaining.estimate import Estimate
from bench.launchers.events import Event, EventKind
from bench.launchers.queue import Queue
from bench.spec.progress import Progress
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.speed.expected import Expected, Seconds
from bench.speed.setting import EFFORTS

CELLS = {
    ("mlp", "vae"): Seconds(100e-6, 30e-6, 15e-6),
    ("cnn2", "vae"): Seconds(100e-6, 27e-6, 10e-6),
    ("cnn2", "classifier"): Seconds(44e-6, 10e-6),
    ("deep", "vae"): Seconds(256e-6, 93e-6, 55e-6),
}
"""Seconds of an image: those of one core for such networks, but for the names."""

MNIST = DataDescription("mnist", "d", 55_000, 5_000, 10_000)


def trained(arch: str, task: str, seed: int, epochs: int = 10) -> RunSpec:
    return RunSpec(arch, "f", task, "mnist", "d", "dynamic", seed, epochs, 128, 1e-3, 20, None, "cpu", 1)


def test_what_a_run_takes_is_a_sum_that_can_be_done_by_hand() -> None:
    """429 steps of 128 images an epoch; 5,000 images after each, 10,000 at the end."""
    expected, run = Expected(MNIST, CELLS), trained("cnn2", "vae", 0)
    training, validated, tested = 4_290 * 128 * 100e-6, 10 * 5_000 * 27e-6, 10_000 * 27e-6
    assert expected.of(run) == pytest.approx(0.5 + training + validated + tested + 0.3)
    assert expected.until(run, 0.25) == pytest.approx(0.5 + training / 4 + validated / 5)
    assert expected.of(trained("deep", "classifier", 0)) == pytest.approx(expected.of(trained("cnn2", "classifier", 0)))
    assert Expected(MNIST).of(run) == pytest.approx(4_290 * 128 + 10 * 5_000 / 3 + 10_000 / 3)


def test_what_evaluations_take_is_told_by_what_they_encode_and_decode() -> None:
    """Twenty samples of each of 1,000 images: as many go through the decoder, and each image once through the rest."""
    run = trained("cnn2", "vae", 0)
    bound = EvaluationSpec(run, "iwae", {"samples": 20, "images": 1_000})
    plain = Expected(MNIST, CELLS, {bound.what: Cost(1_000, 20_000, 0.5)})
    assert plain.of(bound) == pytest.approx(1_000 * 17e-6 + 20_000 * 10e-6 + 0.5)
    assert plain.until(bound, 0.5) == pytest.approx(plain.of(bound) / 2)


def test_speeds_of_slow_networks_are_measured_for_longer() -> None:
    """Of fast ones each of 15 rounds is a block of 20 ms and a call; of a slow one each of five is two calls."""
    effort, training, inference = EFFORTS["quick", "cpu"], 128 * 44e-6, 128 * 10e-6
    found = Expected(MNIST, CELLS).speeds([("cnn2", "classifier")], effort, 128)
    rounds = 15 * (0.02 + training + 0.02) + 15 * (0.02 + inference + 0.02)  # the matrix product's blocks, too
    assert found == {"classifier": pytest.approx(0.1 + rounds + 7 * (training + inference))}
    slow = {("huge", "classifier"): Seconds(10e-3, 10e-6)}
    rounds = 5 * (2 * 1.28 + 0.02) + 15 * (0.02 + inference + 0.02)
    (huge,) = Expected(MNIST, slow).speeds([("huge", "classifier")], effort, 128).values()
    assert huge == pytest.approx(0.1 + rounds + 7 * (1.28 + inference))


@dataclasses.dataclass
class Simulated:
    """A machine that does work as the launcher would, by a clock of its own."""

    work: Sequence[Work]
    truth: Expected
    """What the work would take at a pace of 1."""

    pace: Callable[[Work, float], float]
    """pace(spec, moment): seconds per second expected."""

    workers: int = 2
    late: float = 3.0
    """Seconds that the first run of each worker takes to start."""

    now: float = 0.0

    def events(self) -> Iterator[Event]:
        queue = Queue(self.work)
        flying: list[list[Any]] = []  # spec, begun, what is done of what it takes
        late = [self.late] * self.workers
        while queue or flying:
            while len(flying) < self.workers and (spec := queue.take()) is not None:
                flying.append([spec, self.now, -late.pop() if late else 0.0])
                yield Event(EventKind.STARTED, spec)
            self.now += 0.25
            for flight in list(flying):
                spec, begun, done = flight
                flight[2] = done = done + 0.25 / self.pace(spec, self.now)
                whole, trained = self.truth.of(spec), self.truth.until(spec, 1.0)
                if done >= whole:
                    flying.remove(flight)
                    queue.mark_ended(spec)
                    yield Event(EventKind.FINISHED, spec, seconds=self.now - begun)
                elif self.truth.until(spec, 0.0) < done <= trained and (isinstance(spec, RunSpec) or done > 0):
                    place = Progress(self._share(spec, done), 1, 0.5)
                    yield Event(EventKind.PROGRESS, spec, place, seconds=self.now - begun)
            yield Event(EventKind.TICK)

    def _share(self, spec: Work, done: float) -> float:
        """Return the share of the steps after which so much is done."""
        return (bisect.bisect_right(range(4_291), done, key=lambda k: self.truth.until(spec, k / 4_290)) - 1) / 4_290


def jobs() -> dict[str, list[Work]]:
    """Five jobs, of one to four minutes where the pace is 1."""
    runs = [trained(arch, task, seed, 3) for seed in range(2) for arch, task in CELLS]
    judged = [trained("cnn2", "vae", 0, 8), trained("mlp", "vae", 0, 8)]
    return {
        "three kinds": runs,
        "one seed of unlike networks": [trained(arch, "vae", 0, 6) for arch in ("mlp", "cnn2", "deep")],
        "many short runs": [trained(arch, task, seed, 1) for seed in range(9) for arch, task in CELLS],
        "more at the end": [*judged, *(EvaluationSpec(run, "iwae", {"samples": 64}) for run in judged)],
        "one worker too many": [trained("deep", "vae", 0, 12), trained("cnn2", "vae", 0, 4)],
    }


PACES: dict[str, Callable[[Work, float], float]] = {
    "as timed": lambda spec, now: 1.0,
    "twice as slow, two at a time": lambda spec, now: 2.0,
    "each network by a tenth otherwise": lambda spec, now: 1.3 if "cnn2" in spec.kind else 1.5,
}


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("job", jobs())
def test_from_the_first_minute_on_the_end_is_told_within_15_percent(job: str, pace: str) -> None:
    """Jobs whose length is known, 20 s of speeds and page after the last run included."""
    work = jobs()[job]
    parts = {("iwae",): Cost(10_000, 640_000, 2.0)}
    machine = Simulated(work, Expected(MNIST, CELLS, parts), PACES[pace])
    estimate = Estimate(work, 2, machine.truth, later=20.0, clock=lambda: machine.now)
    told = []
    for event in machine.events():
        estimate.update(event)
        told.append((machine.now, estimate.whole()))
    end = machine.now + 20.0
    assert end > 75, "nothing would be asked of it"
    late = [(now + left) / end - 1 for now, left in told if now >= min(60.0, end / 3) and left is not None]
    assert all(left is not None for _, left in told)
    assert max(map(abs, late)) <= 0.15, max(late, key=abs)


def test_what_a_line_tells_neither_vanishes_nor_jumps_while_nothing_changes() -> None:
    """Of a run that starts a minute late nothing is told that isn't so: it has not begun. From then on it goes down."""
    machine = Simulated([trained("cnn2", "vae", 0)], Expected(MNIST, CELLS), lambda spec, now: 1.0, workers=1, late=60)
    estimate = Estimate(machine.work, 1, machine.truth, clock=lambda: machine.now)
    told: list[float] = []
    for event in machine.events():
        estimate.update(event)
        told.append(estimate.remaining() or 0.0)
    assert min(told[:-2]) > 0 and told[-1] == 0
    steps = [after - before for before, after in itertools.pairwise(told)]
    assert max(steps) < 1.0, "an epoch's validation or the start was taken for slowness"


def test_an_evaluation_that_takes_too_long_is_never_told_to_be_over() -> None:
    """It gives no sign until it has ended."""
    moment = 0.0
    spec = EvaluationSpec(trained("cnn2", "vae", 0), "probe", {})
    expected = Expected(MNIST, CELLS, {("probe",): Cost(seconds=10.0)})
    estimate = Estimate([spec], 1, expected, clock=lambda: moment)
    estimate.update(Event(EventKind.STARTED, spec))
    told = []
    for moment in (0.0, 4.0, 10.0, 60.0):  # noqa: B007
        told.append(estimate.remaining())
    assert told == pytest.approx([10, 6, 1, 6])
