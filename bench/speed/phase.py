"""The throughput phase of a job: after all else, alone, in a process of its own, so that it can't cost the report.

Its result is throughput.json beside manifest.json. Timings are no part of a run's identity, but what has been measured
under the same conditions is kept, as runs are.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import uuid
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from archs.errors import UserError
from bench.machine import environment
from bench.machine.child import how_it_ended, start_context
from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.run import RunSpec
from bench.speed.setting import Cell, Setting
from bench.store.speed_file import FILE, FORMAT, read


def phase(
    folder: Path, mode: str, trained: Sequence[RunSpec], device: str, device_name: str, plugins: Sequence[str]
) -> str:
    """Measures, unless that has been done, and writes the file. Returns what became of it, in words for the page.

    trained: the job's finished runs; an architecture is timed on the tasks that it has finished a run of.
    Never raises but for Ctrl-C: a job whose speed can't be measured still has results.
    """
    if mode == "off":
        return "not measured apart: --throughput off"
    if not trained:
        return said("not measured apart: no run finished")
    cells = list(dict.fromkeys(Cell(spec.arch, spec.arch_fingerprint, spec.task) for spec in trained))
    setting = setting_of(trained, device)
    wanted = identity(mode, setting, device_name, cells)
    if kept(folder, wanted):
        return "measured apart by an earlier run of this command"
    try:
        document = in_a_process(cells, setting, mode, plugins)
        write(folder, document | {"identity": wanted})
    except (OSError, RuntimeError) as error:
        return said(f"not measured apart: {' '.join(str(error).split())}")
    return "measured apart"


def setting_of(trained: Sequence[RunSpec], device: str) -> Setting:
    """The job's; a classifier alone has no likelihood and no latent dimension, so any will do."""
    labels = next((spec.labels for spec in trained if spec.labels is not None), DEFAULT_LABELS)
    latent = next((spec for spec in trained if spec.latent_dim is not None), None)
    return Setting(
        batch_size=trained[0].batch_size,
        latent_dim=latent.latent_dim or 0 if latent else 0,
        likelihood=latent.likelihood or "" if latent else "",
        device=device,
        threads=trained[0].threads,
        labels=labels,
    )


def said(text: str) -> str:
    print(f"speed {text}", file=sys.stderr, flush=True)
    return text


def identity(mode: str, setting: Setting, device_name: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """What a measurement depends on, as far as it is known beforehand."""
    return {
        "format": FORMAT,
        "mode": mode,
        **dataclasses.asdict(setting),
        "torch": environment.versions()["torch"],
        "device_name": device_name,
        "cells": sorted([cell.arch, cell.fingerprint, cell.task] for cell in cells),
    }


def kept(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether the file that is there already answers: the same measurement, or the full one of a quick one wanted."""
    try:
        found = (read(folder) or {}).get("identity", {})
    except UserError:  # not ours, or half of it: it is replaced
        return False
    return found == wanted or found == wanted | {"mode": "full"}


def in_a_process(cells: Sequence[Cell], setting: Setting, mode: str, plugins: Sequence[str]) -> dict[str, Any]:
    """`measure`, elsewhere. Raises RuntimeError, in one line, if that process fails or dies."""
    context = start_context()
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, cells, setting, mode, plugins), daemon=True)
    process.start()
    theirs.close()
    try:
        while True:
            kind, content = ours.recv()
            if kind == "done":
                return content
            if kind == "failed":
                raise RuntimeError(content)
            print(content, file=sys.stderr, flush=True)
    except EOFError:
        process.join(5)
        raise RuntimeError(f"the measuring process {how_it_ended(process.exitcode)}") from None
    finally:
        ours.close()
        process.terminate()
        process.join(5)


def work(pipe: Connection, cells: Sequence[Cell], setting: Setting, mode: str, plugins: Sequence[str]) -> None:
    """The process's life. Ends with the first word that nobody is there to hear."""
    from bench.speed.measure import measure  # here: it loads torch, which the server has and the parent need not

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    try:
        document = measure(cells, setting, mode, plugins, lambda text: pipe.send(("said", text)))
        pipe.send(("done", document))
    except OSError:
        return
    except Exception as error:
        pipe.send(("failed", f"{type(error).__name__}: {error}"))


def write(folder: Path, document: dict[str, Any]) -> None:
    """Replaces the file in one step."""
    partial = folder / f".throughput-{uuid.uuid4().hex}"
    partial.write_text(json.dumps(document, indent=1), encoding="utf-8")
    partial.replace(folder / FILE)
