"""The race by which what a page shows was chosen, run again from its records: page and job can't disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.spec.metrics import Metric
from bench.spec.status import Status
from bench.statistics.frames import records_frame
from bench.statistics.sequential.race import Ending, Race, standing
from bench.store.record import Record
from reports.reading.report_folder import ReportFolder

Place = Literal["winner", "open", "at rest", "out", "failed"]
"""What became of a candidate. "winner": whoever is ahead, in a race that is not over. "open": it may be better than the
winner by more than the margin; "at rest": it can't, and nobody is shown to be better than it."""


@dataclass(frozen=True)
class Candidate:
    """An architecture that raced."""

    arch: str

    place: Place

    values: Mapping[int, float]
    """Seed → its primary metric on validation images, in the raw unit; NaN if it failed."""

    out_at: int | None
    """The seeds that it had had when it was out."""

    by: str | None
    """By whom; None if nobody beat it, or none of its seeds finished."""

    params: float | None
    """Its parameters; None if no run finished."""

    @property
    def seeds(self) -> int:
        """How many it had, failed ones too."""
        return len(self.values)

    @property
    def finished(self) -> list[float]:
        """What its finished runs scored."""
        return [value for _, value in sorted(self.values.items()) if math.isfinite(value)]

    @property
    def mean(self) -> float:
        """Over its finished seeds; NaN if there is none."""
        return float(np.mean(self.finished)) if self.finished else math.nan


@dataclass(frozen=True)
class Raced:
    """A race, as its records have it."""

    task: str
    metric: Metric
    epochs: int
    """Of its runs; those that the page shows may have others."""

    first_seeds: int
    max_seeds: int
    at_once: int
    """Seeds of each later round."""

    max_minutes: float | None
    full_grid: int
    """The runs of all candidates at the most seeds."""

    confirmed: int
    """Fresh seeds that the page is made of; 0: it shows the race's own runs."""

    fresh: Mapping[str, Mapping[int, float]]
    """Of those seeds: architecture → seed → its score as in the race, with the epochs of the page."""

    race: Race[str]
    """Run again."""

    candidates: tuple[Candidate, ...]
    """The winner first, then who else is left, then who was out, the last first; best mean first among these."""

    runs: int
    """Records that there are."""

    failed: int
    """How many of these failed."""

    train_seconds: float
    """That the others trained, summed."""

    missing: int
    """Runs that it came to by its rule and that have no record."""

    as_written: tuple[str, str | None]
    """How it ended and who won, as the manifest has it: the records that are left may say otherwise."""

    @property
    def ended(self) -> Ending | Literal["stopped"]:
        """Why it ended; "stopped" if it is not over."""
        return self.race.ended or "stopped"

    @property
    def winner(self) -> str | None:
        """Who won, or is ahead."""
        return self.race.winner

    @property
    def seeds(self) -> int:
        """The number of seeds that its last whole round ended at; 0 if there was none."""
        return self.race.rounds[-1].seeds if self.race.rounds else 0

    def of(self, arch: str) -> Candidate | None:
        """Return a candidate; None if it did not race."""
        return next((one for one in self.candidates if one.arch == arch), None)

    def placed(self, place: Place) -> list[str]:
        """Return who ended so."""
        return [one.arch for one in self.candidates if one.place == place]


def of_folder(folder: ReportFolder) -> Raced | None:
    """Return the race of a report folder; None if it has none."""
    entry = folder.manifest.get("race")
    if not entry:
        return None
    metric, is_cut = folder.declared.primary(entry["task"]), entry["ended"] == "budget"
    found = _scores(folder.raced, metric)
    values = {arch: found.get(arch, {}) for arch in entry["archs"]}
    most_seen = entry.get("seeds") if is_cut else None
    race = standing(
        {
            arch: {seed: value for seed, value in own.items() if most_seen is None or seed < most_seen}
            for arch, own in values.items()
        },
        first=entry["first_seeds"],
        most=entry["max_seeds"],
        at_once=entry["at_once"],
        margin=metric.margin or 0.0,
        higher_is_better=metric.higher_is_better is not False,
        budget_is_spent=is_cut,
    )
    return Raced(
        task=entry["task"],
        metric=metric,
        epochs=entry["epochs"],
        first_seeds=entry["first_seeds"],
        max_seeds=entry["max_seeds"],
        at_once=entry["at_once"],
        max_minutes=entry.get("max_minutes"),
        full_grid=entry["full_grid"],
        confirmed=entry["confirmed"],
        fresh=_scores(folder.records, metric) if entry["confirmed"] else {},
        race=race,
        candidates=_candidates(race, values, folder.raced, metric),
        runs=len(folder.raced),
        failed=sum(record.status != Status.FINISHED for record in folder.raced),
        train_seconds=sum(float(record.metrics.get("train_seconds", 0.0)) for record in folder.raced),
        missing=max(entry["planned"] - len(folder.raced), 0),
        as_written=(entry["ended"], entry.get("winner")),
    )


def _scores(records: Sequence[Record], metric: Metric) -> dict[str, dict[int, float]]:
    """Return architecture → seed → its score on validation images; NaN if it failed."""
    found: dict[str, dict[int, float]] = {}
    for record in records:
        found.setdefault(str(record.spec["arch"]), {})[int(record.spec["seed"])] = record.validation_score(metric.name)
    return found


def _candidates(
    race: Race[str], values: Mapping[str, Mapping[int, float]], records: Sequence[Record], metric: Metric
) -> tuple[Candidate, ...]:
    """Return the candidates in the order in which they are shown."""
    out, params = {one.arm: one for one in race.out}, _params(records)
    found = []
    for arch, own in values.items():
        one, place = out.get(arch), "winner" if arch == race.winner else "open" if arch in race.open else "at rest"
        if one is not None:
            place = "out" if one.by is not None else "failed"
        elif not race.rounds:
            place = "open"
        at, by = (None, None) if one is None else (one.seeds, one.by)
        found.append(Candidate(arch, place, own, at, by, params.get(arch)))  # type: ignore[arg-type]
    sign = -1 if metric.higher_is_better is not False else 1

    def key(one: Candidate) -> tuple[bool, float, bool, float]:
        is_lost = math.isnan(one.mean)
        return one.place != "winner", -(one.out_at or math.inf), is_lost, 0.0 if is_lost else sign * one.mean

    return tuple(sorted(found, key=key))


def _params(records: Sequence[Record]) -> dict[str, float]:
    """Return architecture → its parameters, of those with a finished run."""
    if not records:
        return {}
    rows = records_frame(records)
    rows = rows[rows["params_total"].notna()].drop_duplicates("arch")
    return dict(zip(rows["arch"], rows["params_total"].astype(float), strict=True))
