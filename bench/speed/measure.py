"""Times the workloads of some architectures, one thing at a time and in turns, in a process of its own.

The product of two matrices takes its turn in every round too: it shows what the device can do, under the very
conditions in which the architectures were timed.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from archs.foreign.process_state import Watch
from archs.foreign.raised import said
from bench.machine import cuda, environment
from bench.machine.cpu import prepare_cpu
from bench.machine.cuda import device_name
from bench.machine.load_monitor import LoadMonitor
from bench.machine.nvml import Gpu, open_gpu
from bench.machine.peak_memory import peak_bytes
from bench.machine.provenance import provenance
from bench.spec.device import Device
from bench.speed.flops import flops_per_image
from bench.speed.setting import EFFORTS, Cell, Effort, Setting
from bench.speed.workloads import WORKLOADS, PreparedCell, Workload, as_spec, matmul, prepare, synchroniser
from bench.store.speed_file import FORMAT
from bench.training.cuda_graph import CaptureFailed
from bench.worker.restore import layers_of, registry, task_and_fingerprint


@dataclass
class TimedCall:
    """Something that is timed in blocks of calls."""

    call: Callable[[], Any]

    calls: int
    """In a block."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    """Of each block so far."""


def measure(
    cells: Sequence[Cell],
    setting: Setting,
    mode: str,
    plugins: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return what throughput.json holds: seconds of every block, what they were measured under, and what failed.

    torch's threads are set, and the GPU is used, as runs do.

    Args:
        mode: "quick" or "full".
        say: takes the name of each task as it is come to.

    Raises:
        ChangedForAll: code of an architecture changed what the others are timed by.
    """
    begun, started, effort = time.time(), time.monotonic(), EFFORTS[mode, setting.device.kind]
    cuda.use_device(setting.device)
    if not setting.device.is_gpu:
        prepare_cpu(setting.threads)
    gpu, watch = open_gpu(setting.device), Watch()
    works, products, conditions, failed = [], [], [], []
    for task in dict.fromkeys(cell.task for cell in cells):
        say(task)
        prepared: dict[str, PreparedCell] = {}
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for cell in (cell for cell in cells if cell.task == task):
            try:
                prepared[cell.arch], found = prepare_cell(cell, setting, plugins)
            except (Exception, SystemExit) as error:
                if isinstance(error, CaptureFailed) or cuda.is_lost(error):
                    raise  # this process can't measure the others either
                failed.append({"arch": cell.arch, "task": task, "error": said(error)})
                continue
            rows |= found
        for name in WORKLOADS:
            turns = {arch: w for arch, each in prepared.items() for w in each.workloads if w.name == name}
            if not turns:
                continue
            timed, product, load = time_in_turns(turns, setting.device, effort, gpu)
            watch.look(f"the {task} of {' or '.join(turns)}, while it is timed,")
            products.append({"task": task, "work": name, **product})
            conditions.append({"task": task, "work": name, **load})
            for arch, own in timed.items():
                joules = joules_per_image(turns[arch], own, setting.device, gpu if effort.energy else None)
                row = rows[arch, name]
                works.append({**row, "calls": own.calls, "seconds": own.seconds, "joules_per_image": joules})
    return {
        "format": FORMAT,
        "mode": mode,
        "setting": dataclasses.asdict(setting) | {"dtype": "float32"},
        "environment": {
            **environment.versions(),
            **environment.numerics(),
            "device_name": device_name(setting.device),
            **provenance().entries(),
            **cuda.described(setting.device),
            "begun": begun,
            "seconds": time.monotonic() - started,
            "nvml": gpu is not None,
        },
        "works": works,
        "matmul": products,
        "conditions": conditions,
        "failed": failed,
    }


def prepare_cell(
    cell: Cell, setting: Setting, plugins: Sequence[str]
) -> tuple[PreparedCell, dict[tuple[str, str], dict[str, Any]]]:
    """Build a cell; return with it what is known of each workload before it is timed, by architecture and workload."""
    (arch,) = registry(tuple(plugins)).resolve([cell.arch]).archs
    task, _ = task_and_fingerprint(cell.task, tuple(plugins))
    prepared = prepare(arch, task, setting)
    layers = layers_of(task.new_model(arch, as_spec(arch, task, setting).latent_dim, 0), task)
    rows = {}
    for work in prepared.workloads:
        # the loss of a task that needs labels sends an image through a layer many times, or not at all
        is_countable = work.name != "train" or not task.needs_labels
        rows[cell.arch, work.name] = {
            "arch": cell.arch,
            "arch_fingerprint": cell.fingerprint,
            "task": cell.task,
            "work": work.name,
            "images": work.images,
            "flops_per_image": flops_per_image(layers, work.name) if is_countable else None,
            "peak_bytes": prepared.resident_bytes[work.name] + peak_bytes(work.eager_call, setting.device),
            **({"task_fingerprint": cell.task_fingerprint} if cell.task_fingerprint else {}),
        }
    return prepared, rows


def time_in_turns(
    turns: dict[str, Workload], device: Device, effort: Effort, gpu: Gpu | None
) -> tuple[dict[str, TimedCall], dict[str, Any], dict[str, Any]]:
    """Time all `turns` and the matrix product, a block each per round.

    What ran before leaves its data in the caches. So a call that isn't timed goes before each block, and the order is
    drawn anew in each round, lest each thing always follow the same other: docs/log/performance.md#turns.

    Returns:
        The timings by architecture, those of the product, and how busy the machine was.
    """
    wait = synchroniser(device)
    multiply, flops = matmul(device)
    timed = {arch: warm_up(work.call, wait, effort.block_seconds) for arch, work in turns.items()}
    product = warm_up(multiply, wait, effort.block_seconds)
    everything = [*timed.values(), product]
    order = random.Random(0)
    monitor, until = LoadMonitor(gpu), time.perf_counter() + effort.seconds * len(everything)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for done in range(effort.max_rounds):
            if done >= effort.min_rounds and time.perf_counter() > until:
                break
            for each in order.sample(everything, len(everything)):
                each.call()
                each.seconds.append(time_block(each.call, each.calls, wait))
            monitor.sample_gpu()
    finally:
        if collecting:
            gc.enable()
    return timed, {"flops": flops, "calls": product.calls, "seconds": product.seconds}, monitor.summary()


def time_block(
    call: Callable[[], Any], calls: int, wait: Callable[[], None], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds of `calls` calls, from a device that is idle to one that is idle again."""
    wait()
    started = clock()
    for _ in range(calls):
        call()
    wait()
    return clock() - started


def warm_up(call: Callable[[], Any], wait: Callable[[], None], block_seconds: float) -> TimedCall:
    """Call a few times, and find how many calls take `block_seconds`."""
    time_block(call, 2, wait)
    one_call = min(time_block(call, 1, wait) for _ in range(3))
    return TimedCall(call, max(1, math.ceil(block_seconds / one_call)))


def joules_per_image(work: Workload, timed: TimedCall, device: Device, gpu: Gpu | None) -> float | None:
    """Return the energy of an image, from calls for about a second; None where the device does not tell it.

    The counter is too coarse for a single block.
    """
    started = gpu.joules() if gpu else None
    if gpu is None or started is None:
        return None
    wait, blocks = synchroniser(device), math.ceil(1.0 / min(timed.seconds))
    for _ in range(blocks):
        time_block(timed.call, timed.calls, wait)
    ended = gpu.joules()
    return None if ended is None else (ended - started) / (blocks * timed.calls * work.images)
