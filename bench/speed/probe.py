"""A few calls of each network of a job, timed before it begins: enough to tell how long the job will take.

In a process of its own, since it needs torch. What an architecture does wrong here it does again in its run, which says
so; here it is left out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import evaluation
from bench.data.dataset import DataDescription
from bench.evaluation import Cost, Images
from bench.machine.cpu import prepare_cpu
from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.device import CPU
from bench.spec.run import EvaluationSpec, RunSpec, Work
from bench.speed.expected import Expected, Network, Seconds
from bench.speed.setting import Setting
from bench.speed.workloads import prepare
from bench.worker.restore import registry, task_and_fingerprint

MOST_SECONDS = 5.0
"""Of timing. Networks that it isn't enough for are taken for the mean of the others."""

CALLS = 3
"""Timed of each thing, of which the fastest counts: what else the machine does makes a call longer, never shorter."""


def expect(work: Sequence[Work], data: DataDescription, plugins: tuple[str, ...]) -> Expected:
    """Return what the work of a job is expected to take; on a GPU, of which it is too early to take some, untimed."""
    runs = {(run.arch, run.task): run for run in (each if isinstance(each, RunSpec) else each.run for each in work)}
    parts: dict[tuple[str, ...], Cost] = {}
    for each in work:
        if isinstance(each, EvaluationSpec) and each.what not in parts:
            images = Images(each.run.train_images or data.train_images, data.val_images, data.test_images)
            parts[each.what] = evaluation.get(each.part).cost(each.settings, images)
    on_cpu = all(run.device == "cpu" for run in runs.values())
    return Expected(data, _timed(runs, plugins) if on_cpu else {}, parts)


def _timed(runs: Mapping[Network, RunSpec], plugins: tuple[str, ...]) -> dict[Network, Seconds]:
    """Time networks until it has taken long enough, in an order that is drawn, so that any part of them is typical."""
    until, found = time.monotonic() + MOST_SECONDS, dict[Network, Seconds]()
    for network in random.Random(0).sample(list(runs), len(runs)):
        if found and time.monotonic() > until:
            break
        run = runs[network]
        prepare_cpu(run.threads)
        labels = DEFAULT_LABELS if run.labels is None else run.labels
        setting = Setting(run.batch_size, run.latent_dim or 0, run.likelihood or "", CPU, run.threads, labels)
        try:
            (arch,) = registry(plugins).resolve([run.arch]).archs
            ready = prepare(arch, task_and_fingerprint(run.task, plugins)[0], setting)
            timed = {work.name: _fastest(work.call) / work.images for work in ready.workloads}
        except (Exception, SystemExit):  # whatever others' code raises
            continue
        found[network] = Seconds(timed["train"], timed["inference"], timed.get("sampling", 0.0))
    return found


def _fastest(call: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of a few calls, the first left out."""
    call()
    seconds = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
