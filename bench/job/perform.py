"""The main job: check everything that can be checked, train what isn't trained yet, describe what was done.

The description is the report's manifest.json: which runs, which command, which baseline. It holds no result; those
are in the records that it names.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
import shlex
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError
from bench.data.fetch import first_choice
from bench.data.known_files import know
from bench.job.display import Display
from bench.job.plan import Agreed, agree
from bench.launchers.events import Event
from bench.launchers.local import launch
from bench.machine import environment
from bench.machine.child import elsewhere
from bench.machine.signals import CTRL_C, Terminated
from bench.spec.run import Work
from bench.speed import phase
from bench.store.inventory import inventory
from bench.store.store import Store
from bench.trackers import Crew
from bench.worker.site import Site

if TYPE_CHECKING:
    from bench.launchers.ray_cluster import Cluster


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the job leaves: the report's folder with its manifest, how many of its runs are finished, how many runs and
    evaluations failed, and how many of either were not come to.

    stopped_by: the exit status that a signal asks for (130 after Ctrl-C, 143 after SIGTERM); 0 if none did.
    """

    folder: Path
    finished: int
    failed: int
    undone: int
    stopped_by: int = 0


def perform(options: argparse.Namespace, arguments: list[str], crew: Crew) -> Outcome:
    """Runs the job. Raises `UserError` before anything is trained if it can't be done as asked."""
    begun = time.monotonic()
    cluster, commit = cluster_of(options), environment.commit()
    known_files = know(first_choice(options.dataset), options.data_dir)  # while torch loads elsewhere
    agreed: Agreed = elsewhere(agree, options, cluster.device(options.device) if cluster else None, known_files)
    store = Store(options.runs_dir)
    store.prepare()
    for warning in agreed.warnings:
        print(f"\nWARNING: {warning}\n", file=sys.stderr, flush=True)
    folder = folder_of(options, agreed)
    writable(folder)

    work: list[Work] = [*agreed.specs, *agreed.evaluations]
    known = inventory(work, options.runs_dir)
    again = {key: record for key, record in known.items() if record.status == "failed" and options.retry_failed}
    todo = [spec for spec in work if spec.run_id not in known or spec.run_id in again]
    workers = cluster.slots(agreed.device) if cluster else workers_of(options, agreed)
    start = cluster.launch if cluster else launch
    site = Site(
        options.runs_dir, options.data_dir, tuple(options.plugin), agreed.device, workers, **commit,
        devices=agreed.devices, stack=agreed.stack, graph=agreed.graph, beside=agreed.beside, known_files=known_files,
    )  # fmt: skip
    for spec in work:
        if spec.run_id in known and spec.run_id not in again:
            crew.ended(spec, known[spec.run_id])
    stopped_by = 0
    with (
        Display(todo, len(work) - len(todo), workers) as display,
        contextlib.closing(start(todo, site, again)) as events,
    ):
        try:
            for event in events:
                display.show(event)
                tell(crew, event, options.runs_dir)
                if event.kind == "failed" and options.fail_fast:
                    break
        except KeyboardInterrupt as interrupt:
            stopped_by = stopping_status(interrupt)

    status = {spec.run_id: store.status(spec.run_id) for spec in agreed.specs}
    evaluated = {spec.run_id: status_of(spec, options.runs_dir) for spec in agreed.evaluations}
    ended = [*status.values(), *evaluated.values()]
    speed = "not measured apart: the job was stopped"
    if not stopped_by and not (options.fail_fast and "failed" in ended):
        try:
            trained = [spec for spec in agreed.specs if status[spec.run_id] == "finished"]
            mode = options.throughput if agreed.measurable else "off"
            speed = phase.phase(folder, mode, trained, agreed.device, agreed.device_name, options.plugin)
        except KeyboardInterrupt as interrupt:
            stopped_by = stopping_status(interrupt)
    description = {
        "title": title(agreed),
        "command": shlex.join(["python", "run_ablation.py", *arguments]),
        "runs_dir": os.path.relpath(options.runs_dir, folder),  # from here, so that both can move together
        "run_ids": [spec.run_id for spec in agreed.specs if status[spec.run_id]],
        "planned": len(agreed.specs),
        "evaluate": options.evaluate,
        "evaluations": [key for key, value in evaluated.items() if value],
        "evaluations_planned": len(agreed.evaluations),
        "archs": list(agreed.archs),
        "tasks": list(agreed.tasks),
        "seeds": options.seeds,
        "baseline": agreed.baseline,
        "factors": agreed.factors,
        "illegal": [{"arch": name, "reason": reason} for name, reason in agreed.illegal.items()],
        "skipped": list(agreed.skipped),
        "warnings": list(agreed.warnings),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": agreed.dataset,
        "workers": workers,
        "throughput": speed,
        "wall_seconds": round(time.monotonic() - begun, 1),
    }
    write_manifest(folder, description)
    finished = sum(value == "finished" for value in status.values())
    return Outcome(folder, finished, ended.count("failed"), ended.count(None), stopped_by)


def workers_of(options: argparse.Namespace, agreed: Agreed) -> int:
    """How many runs at once: on a CPU as many as the cores hold, else one for each GPU."""
    if agreed.device != "cpu":
        return options.workers or len(agreed.devices)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return options.workers or max(1, cores // options.threads)


def cluster_of(options: argparse.Namespace) -> Cluster | None:
    """The Ray cluster that the runs go to; None for this machine. `Cluster.launch` leaves it when all is done."""
    if options.launcher == "local":
        return None
    from bench.launchers.ray_cluster import Cluster  # Ray is an optional extra

    return Cluster(options.ray_address, options.threads, options.plugin, options.workers)


def tell(crew: Crew, event: Event, runs_dir: str) -> None:
    """What happened, to the trackers."""
    if event.spec is None or not crew.members:
        return
    if event.kind == "started":
        crew.started(event.spec)
    elif event.progress is not None:
        crew.progress(event.spec, event.progress)
    elif event.kind in ("finished", "failed"):
        with contextlib.suppress(UserError):  # damaged since; the next job says so
            crew.ended(event.spec, Store(event.spec.store_folder(runs_dir)).load(event.spec.run_id))


def stopping_status(interrupt: KeyboardInterrupt) -> int:
    return interrupt.status if isinstance(interrupt, Terminated) else CTRL_C


def status_of(spec: Work, runs_dir: str) -> str | None:
    return Store(spec.store_folder(runs_dir)).status(spec.run_id)


def folder_of(options: argparse.Namespace, agreed: Agreed) -> Path:
    """--out, or a name made of what is compared and a hash of every setting but the number of seeds."""
    if options.out:
        return Path(options.out)
    names = list(dict.fromkeys(spec.arch for spec in agreed.specs))
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(names))[:60].strip("-")
    identity = sorted({dataclasses.replace(spec, seed=0).run_id for spec in agreed.specs})
    digest = hashlib.sha256(" ".join(identity).encode()).hexdigest()[:6]
    return Path("reports/generated") / f"{agreed.dataset['name']}-{slug}-{digest}"


def writable(folder: Path) -> None:
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"report folder {folder}: {error.strerror or error}; name a writable one with --out") from error


def title(agreed: Agreed) -> str:
    shown = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "digits": "scikit-learn's digits"}
    if len(agreed.archs) > 4:
        return f"{len(agreed.archs)} architectures on {shown[agreed.dataset['name']]}"
    return f"{' vs '.join(agreed.archs)} on {shown[agreed.dataset['name']]}"


def write_manifest(folder: Path, description: dict[str, Any]) -> None:
    """Replaces manifest.json in one step."""
    partial = folder / f".manifest-{uuid.uuid4().hex}"
    partial.write_text(json.dumps(description, indent=1), encoding="utf-8")
    partial.replace(folder / "manifest.json")
