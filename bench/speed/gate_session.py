"""Reads what one call of `pytest bench --benchmark-json=FILE` has left: timings, and what else is known of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from archs.errors import UserError
from bench.spec.output.counts import plural
from bench.speed.gate_decision import Sample
from bench.store.files import read_file
from bench.store.validation import type_problem

UNMEASURED = "unmeasured"
"""The key of the file under which are the names of benchmarks that were asked for and came to nothing."""

ENVIRONMENT = "environment"
"""The key of the file under which are versions and instructions, as in a record."""

Seconds = Annotated[float, msgspec.Meta(ge=1e-9, lt=1e6)]

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


class Stats(msgspec.Struct):
    """What pytest-benchmark measured of one benchmark in one turn."""

    data: Annotated[list[Seconds], msgspec.Meta(min_length=1)]
    """Of each block of calls."""


class ExtraInfo(msgspec.Struct):
    """What `bench/test_speed.py` says of it."""

    what: str
    reference: str
    reference_seconds: Annotated[list[Seconds], msgspec.Meta(min_length=1)]
    calls: Count
    images: Count
    threshold: Annotated[float, msgspec.Meta(gt=0, lt=10)]
    device: str
    device_name: str
    threads: int


class Entry(msgspec.Struct):
    """One benchmark in one turn."""

    stats: Stats
    extra_info: ExtraInfo


class Commit(msgspec.Struct):
    """The version of the code, as pytest-benchmark found it at the end of the session."""

    id: str = ""
    dirty: bool = False


class Content(msgspec.Struct):
    """The parts of the file that are read; the last two are not in the files of older versions."""

    benchmarks: list[Entry]
    commit_info: Commit = msgspec.field(default_factory=Commit)
    unmeasured: list[str] = []
    environment: dict[str, Any] = {}


@dataclass(frozen=True)
class Session:
    """What one file holds: the timings of one call of `pytest bench`."""

    path: Path

    samples: Mapping[str, Sample]
    """By the names of the benchmarks, those that were measured in all their turns."""

    unmeasured: frozenset[str]
    """The names of benchmarks that were asked for and were not measured, or not in all turns: they raised an error, or
    were skipped."""

    reference: str
    """The workload that was timed in turns with the benchmarks, with device and threads, in words."""

    machine: str
    """The device that computed, in words."""

    commit: str
    """The commit of the code; empty if that is not known."""

    dirty: bool
    """Whether there were changes since that commit."""

    environment: Mapping[str, Any]
    """Versions and instructions, as in a record; empty if they were not recorded."""


def read(path: Path) -> Session:
    """Read a file that `pytest bench` wrote; raises UserError if it is missing or is something else."""
    expected = f"expected a file that `pytest bench --benchmark-json={path}` wrote"
    try:
        text = read_file(path).decode("utf-8")
        content = json.loads(text) if text.strip() else None
    except FileNotFoundError:
        raise UserError(f"{path} is not there: {expected}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} can't be read: {' '.join(str(error).split())[:200]}; {expected}") from None
    if not text.strip():
        raise UserError(f"{path} is empty: the `pytest bench` that was to write it measured nothing, or was stopped")
    problem = type_problem(content, Content)
    if problem:
        raise UserError(f"{path} can't be read: {problem}; {expected}")
    return session_of(path, msgspec.convert(content, Content), expected)


def session_of(path: Path, content: Content, expected: str) -> Session:
    """Put the turns of each benchmark together; raises UserError if nothing was measured by one and the same reference.

    Args:
        path: of the file.
        content: of the file.
        expected: what the file should be, in words.
    """
    samples: dict[str, Sample] = {}
    for entry in content.benchmarks:  # several of each benchmark, one for each turn
        info, seconds = entry.extra_info, tuple(block / entry.extra_info.calls for block in entry.stats.data)
        turn = Sample(seconds, tuple(info.reference_seconds), info.images, info.threshold)
        samples[info.what] = samples[info.what] + turn if info.what in samples else turn
    if not samples and content.unmeasured:
        were = "was" if len(content.unmeasured) == 1 else "were"
        raise UserError(
            f"{path} holds no timings: its {plural(len(content.unmeasured), 'benchmark')} raised an error or {were} "
            f"skipped, for example {content.unmeasured[0]}; {expected}"
        )
    infos = [entry.extra_info for entry in content.benchmarks]
    references = {f"{info.reference}, {info.device}, threads {info.threads}" for info in infos}
    if len(references) != 1:
        raise UserError(
            f"{path} holds {plural(len(samples), 'benchmark')} beside {len(references)} references: {expected}"
        )
    is_known = content.commit_info.id not in ("unknown", "unversioned")  # pytest-benchmark's words where it is not
    return Session(
        path=path,
        samples={name: sample for name, sample in samples.items() if name not in content.unmeasured},
        unmeasured=frozenset(content.unmeasured),
        reference=references.pop(),
        machine=", ".join(sorted({info.device_name for info in infos})),
        commit=content.commit_info.id if is_known else "",
        dirty=content.commit_info.dirty,
        environment=content.environment,
    )
