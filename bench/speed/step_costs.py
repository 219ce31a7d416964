"""What a training step costs: its floating-point operations, counted; or its seconds, measured apart and in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from archs.errors import ChangedForAll, UserError
from archs.foreign.process_state import Watch
from archs.foreign.raised import said
from bench.machine import cuda, environment
from bench.machine.cpu import prepare_cpu
from bench.machine.nvml import open_gpu
from bench.spec.defaults import DEFAULT_LABELS
from bench.spec.device import Device
from bench.spec.run import RunSpec
from bench.speed.flops import flops_per_image
from bench.speed.measure import time_in_turns
from bench.speed.setting import Effort, Setting
from bench.speed.workloads import Workload, prepare
from bench.statistics.speed_frames import is_disturbed
from bench.store.step_seconds import FOLDER, Measured
from bench.worker.restore import arch_of, layers_of, task_of

T = TypeVar("T")

EFFORTS = {"cpu": Effort(0.02, 1.0, 10, 40), "cuda": Effort(0.01, 0.3, 10, 40)}
"""By the kind of device."""


def flops_of_steps(runs: Sequence[RunSpec], batch: int, plugins: tuple[str, ...]) -> dict[str, float]:
    """Return run id → floating-point operations of a training step of `batch` images, forward and backward.

    Counted as for the page's MFU: see `bench.speed.flops`.

    Raises:
        UserError: those of a layer or of a task's loss are not known; the message names it.
    """
    found = {}
    for run in runs:
        if task_of(run, plugins).needs_labels:
            raise UserError(
                f"--match flops: the training steps of {run.task} can't be counted, since its loss sends an image "
                f"through a layer many times, or not at all; use --match time, or leave {run.task} out of --tasks"
            )
        layers = _tried(run, "counted", "flops", _layers, run, plugins)
        of_image = flops_per_image(layers, "train")
        if not of_image:
            named = (f"{row['layer']}: {row['note']}" for row in layers if row["backward_macs"] is None)
            unknown = next(named, "no layer of it multiplies")
            raise UserError(
                f"--match flops: the operations of {run.arch} ({run.task}) can't be counted ({unknown}); "
                f"use --match time, or leave {run.arch} out"
            )
        found[run.run_id] = of_image * batch
    return found


def seconds_of_steps(
    runs: Sequence[RunSpec],
    batch: int,
    device: Device,
    plugins: tuple[str, ...],
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Measured]:
    """Time a training step of each run's architecture, one thing at a time and in turns: the step of the throughput
    phase, on a GPU a CUDA graph of one seed.

    Args:
        runs: of one task; the first is the baseline's.
        batch: images of a step.
        say: takes what is being done, in words.

    Returns:
        Run id → what was measured, of all but the baseline.

    Raises:
        UserError: an architecture can't be timed; the message names it.
    """
    begun, base = time.time(), runs[0]
    say(f"timing training steps apart: {base.task}")
    cuda.use_device(device)
    if not device.is_gpu:
        prepare_cpu(base.threads)
    labels = DEFAULT_LABELS if base.labels is None else base.labels
    setting = Setting(batch, base.latent_dim or 0, base.likelihood or "", device, base.threads, labels)
    gpu, watch = open_gpu(device), Watch()
    turns: dict[str, Workload] = {}
    for run in runs:
        turns[run.run_id] = _tried(run, "timed", "time", _training_step, run, plugins, setting)
    timed, _, load = time_in_turns(turns, device, EFFORTS[device.kind], gpu)
    watch.look(f"the {base.task} of {' or '.join(run.arch for run in runs)}, while it is timed,")
    if is_disturbed(load, device.is_gpu):
        say(
            "WARNING: training steps were timed while the device had other work too; to time them, and train, anew, "
            f"remove the folder {FOLDER} of the store"
        )
    seconds = {
        run_id: np.asarray(own.seconds) * batch / (own.calls * turns[run_id].images) for run_id, own in timed.items()
    }
    typical = {run_id: float(np.median(each)) for run_id, each in seconds.items()}
    ratios = {run_id: float(np.median(each / seconds[base.run_id])) for run_id, each in seconds.items()}
    conditions = {"begun": begun, "rounds": len(seconds[base.run_id]), **environment.versions(), "load": load}
    return {
        run.run_id: Measured(typical[run.run_id], typical[base.run_id], ratios[run.run_id], conditions)
        for run in runs[1:]
    }


def _layers(run: RunSpec, plugins: tuple[str, ...]) -> list[dict[str, Any]]:
    task = task_of(run, plugins)
    return layers_of(task.new_model(arch_of(run, plugins), run.latent_dim, 0), task)


def _training_step(run: RunSpec, plugins: tuple[str, ...], setting: Setting) -> Workload:
    ready = prepare(arch_of(run, plugins), task_of(run, plugins), setting)
    return next(work for work in ready.workloads if work.name == "train")


def _tried(run: RunSpec, how: str, by: str, function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns that runs an architecture's code; raises UserError with its name if that fails."""
    try:
        return function(*arguments)
    except ChangedForAll:
        raise
    except (Exception, SystemExit) as error:  # whatever others' code raises
        raise UserError(
            f"--match {by}: a training step of {run.arch} ({run.task}) can't be {how}: {said(error)}"
        ) from error
