"""The throughput phase of a job: after all else, alone, in a process of its own, so that it can't cost the report.

Its result is throughput.json beside manifest.json. Timings are no part of a run's identity, but what has been measured
under the same conditions is kept, as runs are.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archs.errors import UserError, one_line
from bench.machine import environment
from bench.machine.child import call_in_child
from bench.machine.provenance import Provenance
from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.device import Device
from bench.spec.progress import duration
from bench.spec.run import RunSpec
from bench.speed.expected import report_seconds
from bench.speed.setting import Cell, Setting
from bench.store.content import encodable
from bench.store.files import replace_file
from bench.store.speed_file import FILE, FORMAT, read

APART_SECONDS = 3600.0
"""From one session to another that is worth its time: on the same machine a ratio moves from hour to hour."""

MOST_SESSIONS = 5
"""Sessions that the file holds; of more the oldest go."""


def measure_apart(
    folder: Path,
    effort: str,
    trained: Sequence[RunSpec],
    device: Device,
    device_name: str,
    plugins: Sequence[str],
    code: Provenance,
    anew: bool = False,
    expected: Mapping[str, float] | None = None,
) -> str:
    """Measure, unless that has been done, and write the file; return what became of it, in words for the page.

    What has been measured under the same conditions is kept. If it is of another hour, a job that trained something
    measures it once more and keeps both: sessions apart in time tell how far a ratio moves, as rounds of one can't.

    Never raises but for Ctrl-C: a job whose speed can't be measured still has results.

    Args:
        effort: "off", "quick" or "full".
        trained: the job's finished runs; an architecture is timed on the tasks that it has finished a run of.
        anew: whether this job trained some of them.
        expected: how many seconds each task is expected to take; None: what is left is not told.
    """
    if effort == "off":
        return "not measured apart: --throughput off"
    if not trained:
        return announced("not measured apart: no run finished")
    cells, setting = cells_of(trained), setting_of(trained, device)
    wanted = identity(effort, setting, device_name, cells, code)
    kept = measured_before(folder, wanted)
    if is_kept(kept, effort, anew):
        return "measured apart by an earlier run of this command"
    left = dict(expected or {})

    def say_task(task: str) -> None:
        about = f", about {duration(sum(left.values()) + report_seconds(len(cells)))} left" if expected else ""
        say(f"measuring speed apart: {task}{about}")
        left.pop(task, None)

    try:
        document = call_in_child(measure, cells, setting, effort, plugins, listener=say_task)
        write(folder, document | {"identity": wanted, **({"earlier": sessions_to_keep(kept)} if kept else {})})
    except Exception as error:
        return announced(f"not measured apart: {one_line(error)}")
    return "measured apart"


def is_due(
    folder: Path,
    effort: str,
    planned: Sequence[RunSpec],
    device: Device,
    device_name: str,
    code: Provenance,
    anew: bool,
) -> bool:
    """Return whether `measure_apart` will measure something, if these runs finish."""
    if effort == "off" or not planned:
        return False
    wanted = identity(effort, setting_of(planned, device), device_name, cells_of(planned), code)
    return not is_kept(measured_before(folder, wanted), effort, anew)


def is_kept(kept: dict[str, Any] | None, effort: str, anew: bool) -> bool:
    """Return whether what was measured before is all that a job wants; `anew` is as in `measure_apart`."""
    return kept is not None and not (anew and is_of_another_hour(kept) and kept.get("mode") == effort)


def cells_of(runs: Sequence[RunSpec]) -> list[Cell]:
    """Return each architecture on each task of some runs, in their order."""
    return list(dict.fromkeys(Cell(run.arch, run.arch_fingerprint, run.task, run.task_fingerprint) for run in runs))


def measure(
    cells: Sequence[Cell], setting: Setting, effort: str, plugins: Sequence[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Call `bench.speed.measure.measure`, which loads torch, in the child process."""
    from bench.speed import measure as measuring

    return measuring.measure(cells, setting, effort, plugins, say)


def say(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr, flush=True)


def setting_of(trained: Sequence[RunSpec], device: Device) -> Setting:
    """Return the setting of the job's runs; where none has a likelihood or a latent dimension, any will do."""
    labels = min((spec.labels for spec in trained if spec.labels is not None), default=DEFAULT_LABELS)
    likelihood = next((spec.likelihood for spec in trained if spec.likelihood is not None), "")
    return Setting(
        batch_size=trained[0].batch_size,
        latent_dim=next((spec.latent_dim for spec in trained if spec.latent_dim is not None), 0),
        likelihood=likelihood,
        device=device,
        threads=trained[0].threads,
        labels=labels,
    )


def announced(text: str) -> str:
    """Say it on stderr too; return it."""
    say(f"speed {text}")
    return text


def identity(
    effort: str, setting: Setting, device_name: str, cells: Sequence[Cell], code: Provenance
) -> dict[str, Any]:
    """Return what a measurement depends on, as far as it is known beforehand."""
    return {
        "format": FORMAT,
        "mode": effort,
        **dataclasses.asdict(setting),
        "torch": environment.versions()["torch"],
        "numeric_settings": environment.numeric_settings(),
        "device_name": device_name,
        "code": None if code.code is None else dict(code.code),
        "cells": sorted([one for one in dataclasses.astuple(cell) if one is not None] for cell in cells),
    }


def measured_before(folder: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Return the measurement that the file holds, if it is the wanted one, or the full one where a quick one is."""
    try:
        found = read(folder) or {}
    except UserError:  # not ours, or half of it: it is replaced
        return None
    identity = found.get("identity", {})
    return found if identity == wanted or identity == wanted | {"mode": "full"} else None


def is_of_another_hour(document: dict[str, Any]) -> bool:
    """Return whether the newest session of a measurement began long enough ago for another to tell something new."""
    begun = document.get("environment", {}).get("begun")
    return isinstance(begun, int | float) and abs(time.time() - begun) >= APART_SECONDS


def sessions_to_keep(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sessions of a measurement that are kept beside a new one, oldest first: the newest ones."""
    newest = {name: value for name, value in document.items() if name not in ("earlier", "identity")}
    return [*document.get("earlier", []), newest][1 - MOST_SESSIONS :]


def write(folder: Path, document: dict[str, Any]) -> None:
    """Replace the file in one step."""
    replace_file(folder / FILE, json.dumps(encodable(document), indent=1))
