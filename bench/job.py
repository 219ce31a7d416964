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
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from archs.errors import UserError
from archs.registry import Resolved, discover
from bench import determinism, environment, evaluation, plan, throughput
from bench.asked import (
    baseline_of,
    device_of,
    devices_of,
    enough_labels,
    settings_of,
    together_of,
    workers_of,
)
from bench.data import Dataset
from bench.execute import Site
from bench.fetch import choose
from bench.inventory import inventory
from bench.launch import Event, launch
from bench.progress import Display
from bench.spec import Work
from bench.stop import CTRL_C, Terminated
from bench.store import Store
from bench.tasks import get
from bench.trackers import Crew

if TYPE_CHECKING:
    from bench.cluster import Cluster


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


def perform(
    options: argparse.Namespace, arguments: list[str], crew: Crew, meanwhile: Callable[[], None] = lambda: None
) -> Outcome:
    """Runs the job. Raises `UserError` before anything is trained if it can't be done as asked.

    meanwhile: called in a thread of its own as soon as something is being trained.
    """
    begun = time.monotonic()
    registry = discover(options.plugin)
    resolved = registry.resolve(options.archs)
    baseline = baseline_of(options.baseline, registry, resolved)
    cluster = cluster_of(options)
    device = cluster.device(options.device) if cluster else device_of(options.device)
    store = Store(options.runs_dir)
    store.prepare()
    dataset, warnings = choose(options.dataset, options.data_dir)
    for warning in warnings:
        print(f"\nWARNING: {warning}\n", file=sys.stderr, flush=True)
    settings = settings_of(options, device, dataset)
    tasks = [get(task) for task in options.tasks]
    if any(task.needs_labels for task in tasks):
        enough_labels(options.labels, dataset, settings.train_images)
    planned = plan.make(resolved.archs, tasks, options.seeds, settings, dataset)
    folder = folder_of(options, planned, dataset)
    writable(folder)

    evaluations, lacking = evaluation.plan(planned.specs, options.evaluate, vars(options), baseline)
    work: list[Work] = [*planned.specs, *evaluations]
    known = inventory(work, options.runs_dir)
    again = {key: record for key, record in known.items() if record.status == "failed" and options.retry_failed}
    todo = [spec for spec in work if spec.run_id not in known or spec.run_id in again]
    devices = devices_of(options.device, device)
    workers = cluster.slots(device) if cluster else workers_of(options, device, len(devices))
    start = cluster.launch if cluster else launch
    stack, graph = together_of(options, device)
    site = Site(
        options.runs_dir, options.data_dir, tuple(options.plugin), device, workers, **environment.commit(),
        devices=devices, stack=stack, graph=graph,
    )  # fmt: skip
    determinism.prepare(options.deterministic)
    for spec in work:
        if spec.run_id in known and spec.run_id not in again:
            crew.ended(spec, known[spec.run_id])
    stopped_by = 0
    aside = threading.Thread(target=meanwhile, daemon=True)
    with (
        Display(todo, len(work) - len(todo), workers) as display,
        contextlib.closing(start(todo, site, again)) as events,
    ):
        try:
            for event in events:
                display.show(event)
                tell(crew, event, options.runs_dir)
                if event.kind == "started" and not aside.ident:
                    aside.start()
                if event.kind == "failed" and options.fail_fast:
                    break
        except KeyboardInterrupt as interrupt:
            stopped_by = stopping_status(interrupt)

    status = {spec.run_id: store.status(spec.run_id) for spec in planned.specs}
    evaluated = {spec.run_id: status_of(spec, options.runs_dir) for spec in evaluations}
    ended = [*status.values(), *evaluated.values()]
    speed = "not measured apart: the job was stopped"
    if not stopped_by and not (options.fail_fast and "failed" in ended):
        try:
            trained = [spec for spec in planned.specs if status[spec.run_id] == "finished"]
            mode = (
                options.throughput if device == "cpu" or torch.cuda.is_available() else "off"
            )  # GPUs of other machines
            speed = throughput.phase(folder, mode, trained, device, options.plugin)
        except KeyboardInterrupt as interrupt:
            stopped_by = stopping_status(interrupt)
    description = {
        "title": title(resolved, dataset),
        "command": shlex.join(["python", "run_ablation.py", *arguments]),
        "runs_dir": os.path.relpath(options.runs_dir, folder),  # from here, so that both can move together
        "run_ids": [spec.run_id for spec in planned.specs if status[spec.run_id]],
        "planned": len(planned.specs),
        "evaluate": options.evaluate,
        "evaluations": [key for key, value in evaluated.items() if value],
        "evaluations_planned": len(evaluations),
        "archs": [arch.name for arch in resolved.archs],
        "tasks": [task.name for task in tasks],
        "seeds": options.seeds,
        "baseline": baseline,
        "factors": plan.factors(resolved.archs),
        "illegal": [{"arch": name, "reason": reason} for name, reason in resolved.illegal.items()],
        "skipped": [*planned.skipped, *({"reason": reason} for reason in lacking)],
        "warnings": warnings,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "dataset": dataset.describe(),
        "workers": workers,
        "throughput": speed,
        "wall_seconds": round(time.monotonic() - begun, 1),
    }
    write_manifest(folder, description)
    finished = sum(value == "finished" for value in status.values())
    return Outcome(folder, finished, ended.count("failed"), ended.count(None), stopped_by)


def cluster_of(options: argparse.Namespace) -> Cluster | None:
    """The Ray cluster that the runs go to; None for this machine. `Cluster.launch` leaves it when all is done."""
    if options.launcher == "local":
        return None
    from bench.cluster import Cluster  # Ray is an optional extra

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


def folder_of(options: argparse.Namespace, planned: plan.Plan, dataset: Dataset) -> Path:
    """--out, or a name made of what is compared and a hash of every setting but the number of seeds."""
    if options.out:
        return Path(options.out)
    names = list(dict.fromkeys(spec.arch for spec in planned.specs))
    slug = re.sub(r"[^a-z0-9]+", "-", "-".join(names))[:60].strip("-")
    identity = sorted({dataclasses.replace(spec, seed=0).run_id for spec in planned.specs})
    digest = hashlib.sha256(" ".join(identity).encode()).hexdigest()[:6]
    return Path("reports/generated") / f"{dataset.name}-{slug}-{digest}"


def writable(folder: Path) -> None:
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"report folder {folder}: {error.strerror or error}; name a writable one with --out") from error


def title(resolved: Resolved, dataset: Dataset) -> str:
    names = [arch.name for arch in resolved.archs]
    shown = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "kmnist": "KMNIST", "digits": "scikit-learn's digits"}
    if len(names) > 4:
        return f"{len(names)} architectures on {shown[dataset.name]}"
    return f"{' vs '.join(names)} on {shown[dataset.name]}"


def write_manifest(folder: Path, description: dict[str, Any]) -> None:
    """Replaces manifest.json in one step."""
    partial = folder / f".manifest-{uuid.uuid4().hex}"
    partial.write_text(json.dumps(description, indent=1), encoding="utf-8")
    partial.replace(folder / "manifest.json")
