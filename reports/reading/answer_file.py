"""The file answer.json of a report folder: what its page says, for programs. docs/answer.md explains every field.

Numbers are in the metric's raw unit and in full; one that is not known is null. Its words for verdicts and its names of
fields are those of summary.csv, comparisons.csv and throughput.csv.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from bench.spec.output.lines import OBEYED
from bench.store.files import read_file, replace_file

FILE = "answer.json"
VERSION = 1
"""The version of the file, raised when a field goes or means something else; fields may be added without."""

Verdict = Literal["better", "worse", "equivalent", "unresolved", "same network"]


class TaskAnswer(Struct, kw_only=True):
    """A task, by what it is judged, and who may be the best."""

    task: str
    labels: int | None
    label: str
    metric: str
    higher_is_better: bool | None
    margin: float | None
    unit: str
    scale: float
    best: str | None
    may_be_best: list[str]
    ruled_out: list[str]


class Result(Struct, kw_only=True):
    """The primary metric of an architecture on a task, over seeds."""

    task: str
    labels: int | None
    metric: str
    arch: str
    n: int
    n_failed: int
    n_missing: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None


class ComparisonAnswer(Struct, kw_only=True):
    """An architecture against the baseline on a task."""

    task: str
    labels: int | None
    metric: str
    arch: str
    baseline: str
    verdict: Verdict
    text: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    level: float | None
    low_95: float | None
    high_95: float | None
    std: float | None
    p_t: float | None
    p_signflip: float | None
    p_holm: float | None
    family: int
    effect_size: float | None
    normal_assumption: bool
    same_as: str | None
    seeds_needed: int | None
    seeds_fewest: int | None
    seeds_most: int | None
    median: float | None = None
    median_low: float | None = None
    median_high: float | None = None
    won: int | None = None
    lost: int | None = None
    tied: int | None = None
    unseen_failure: float | None = None
    skewness: float | None = None
    skewed: bool | None = None
    outliers: list[int] = []
    collapsed: list[int] = []
    collapsed_baseline: list[int] = []
    n_without: int | None = None
    difference_without: float | None = None
    low_without: float | None = None
    high_without: float | None = None
    verdict_without: Verdict | None = None
    anytime: bool = False
    p_anytime: float | None = None
    settled_at: int | None = None


class SpeedAnswer(Struct, kw_only=True):
    """How fast an architecture trains on a task."""

    task: str
    labels: int | None
    arch: str
    measured_apart: bool
    images_per_s: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    resolved: bool | None
    disturbed: bool
    n: int
    sessions: int


class SizeAnswer(Struct, kw_only=True):
    """The parameters of an architecture."""

    arch: str
    task: str
    params_total: int
    params_conv: int
    params_fc: int


class FailedRun(Struct, kw_only=True):
    """A run that failed."""

    arch: str
    task: str
    labels: int | None
    seed: int
    error: str


class RunsAnswer(Struct, kw_only=True):
    """What became of the runs that were asked for."""

    planned: int
    finished: int
    without_record: int
    failed: list[FailedRun]


class StoppingAnswer(Struct, kw_only=True):
    """By what rule seeds were added, and what ended it."""

    kind: str
    first_seeds: int
    max_seeds: int
    max_minutes: float | None
    ended: str


class RaceAnswer(Struct, kw_only=True):
    """The race by which what the report shows was chosen."""

    task: str
    metric: str
    archs: list[str]
    winner: str | None
    ended: str
    seeds: int
    left: list[str]
    open: list[str]
    runs: int
    full_grid: int
    epochs: int
    confirmed: int


class DeviationAnswer(Struct, kw_only=True):
    """Something that is not as planned."""

    kind: str
    subject: str
    planned: str | float | bool | list[int] | None
    found: str | float | bool | list[int] | None
    text: str


class DesignAnswer(Struct, kw_only=True):
    """What the report shows, held against its design."""

    state: Literal["kept", "missing", "changed"]
    created: str | None
    as_planned: bool | None
    runs_planned: int | None
    runs_made_before: int | None
    deviations: list[DeviationAnswer]


class Answer(Struct, kw_only=True):
    """The whole file."""

    version: int
    question: str
    answer: str
    created: str | None
    dataset: str
    likelihood: str | None
    baseline: str
    archs: list[str]
    warnings: list[str]
    tasks: list[TaskAnswer]
    results: list[Result]
    comparisons: list[ComparisonAnswer]
    speeds: list[SpeedAnswer]
    sizes: list[SizeAnswer]
    runs: RunsAnswer
    design: DesignAnswer | None
    stopping: StoppingAnswer | None = None
    race: RaceAnswer | None = None


def content_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain JSON values."""
    return dict(msgspec.to_builtins(answer))


def text_of(answer: Answer) -> str:
    """Return an answer as JSON that can be read by people too."""
    text = json.dumps(content_of(answer), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read(folder: Path) -> Answer | None:
    """Return the answer in a report folder; None if there is none, or none that this version wrote.

    Whoever needs it can make it anew from the records, so that what is damaged is no error.
    """
    try:
        content = json.loads(read_file(folder / FILE).decode("utf-8"))
        found = msgspec.convert(content, Answer)
    except (OSError, ValueError, RecursionError):  # of which msgspec's errors are some
        return None
    return found if found.version == VERSION else None


def write(folder: Path, answer: Answer) -> None:
    """Write the answer into a report folder in one step, so that nobody reads half of it.

    Raises:
        OSError: the folder can't be written to.
    """
    replace_file(folder / FILE, text_of(answer))
