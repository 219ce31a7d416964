"""Times the works of some architectures, one thing at a time and in turns. Runs in a process of its own.

The product of two matrices takes its turn in every round too: what the device can do, under the very conditions in
which the architectures were timed.
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

from bench.machine import cuda, environment
from bench.machine.cpu import prepare_cpu
from bench.machine.cuda import device_name
from bench.machine.load_monitor import LoadMonitor
from bench.machine.nvml import Gpu, open_gpu
from bench.machine.peak_memory import peak_bytes
from bench.spec.device import Device
from bench.speed.flops import flops_per_image
from bench.speed.setting import Cell, Setting
from bench.speed.workloads import WORKS, Bench, Work, as_spec, matmul, prepare, synchroniser
from bench.store.record import one_line
from bench.store.speed_file import FORMAT
from bench.training.cuda_graph import Broken
from bench.worker.restore import defined_task, layers_of, registry


@dataclass(frozen=True)
class Effort:
    """How long to measure. A block is as many calls as take `block_seconds`; it is timed once in each round. Rounds
    go on until each thing timed has had `seconds`, but there are no fewer than `least` and no more than `most`.

    energy: whether a GPU's is measured too, which takes a second for each thing, its counter being so coarse.
    """

    block_seconds: float
    seconds: float
    least: int
    most: int
    energy: bool = False


EFFORTS = {
    ("quick", "cpu"): Effort(0.02, 0.45, 5, 15),
    ("full", "cpu"): Effort(0.05, 4.0, 10, 80),
    ("quick", "cuda"): Effort(0.004, 0.05, 9, 15),
    ("full", "cuda"): Effort(0.02, 2.0, 20, 80, energy=True),
}
"""By how thorough it is to be, and the kind of device. A GPU's time is its own: short blocks tell as much."""


@dataclass
class Item:
    """Something that takes turns, and the seconds of its blocks so far."""

    call: Callable[[], Any]
    calls: int
    seconds: list[float] = dataclasses.field(default_factory=list)


def measure(
    cells: Sequence[Cell],
    setting: Setting,
    mode: str,
    plugins: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """What throughput.json holds: seconds of every block, what they were measured under, and what failed.

    mode: "quick" or "full". Sets torch's threads, and uses the GPU as runs do.
    """
    begun, effort = time.time(), EFFORTS[mode, setting.device.kind]
    cuda.use_device(setting.device)
    if not setting.device.is_gpu:
        prepare_cpu(setting.threads)
    gpu = open_gpu(setting.device)
    works, products, conditions, failed = [], [], [], []
    for task in dict.fromkeys(cell.task for cell in cells):
        say(f"measuring speed apart: {task}")
        benches: dict[str, Bench] = {}
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for cell in (cell for cell in cells if cell.task == task):
            try:
                benches[cell.arch], found = described(cell, setting, plugins)
            except Exception as error:
                if isinstance(error, Broken) or cuda.is_lost(error):
                    raise  # this process can't measure the others either
                failed.append({"arch": cell.arch, "task": task, "error": one_line(error)})
                continue
            rows |= found
        for name in WORKS:
            turns = {arch: w for arch, bench in benches.items() for w in bench.works if w.name == name}
            if not turns:
                continue
            items, product, watched = in_turns(turns, setting.device, effort, gpu)
            products.append({"task": task, "work": name, **product})
            conditions.append({"task": task, "work": name, **watched})
            for arch, item in items.items():
                joules = joules_per_image(turns[arch], item, setting.device, gpu if effort.energy else None)
                row = rows[arch, name]
                works.append({**row, "calls": item.calls, "seconds": item.seconds, "joules_per_image": joules})
    return {
        "format": FORMAT, "mode": mode, "setting": dataclasses.asdict(setting) | {"dtype": "float32"},
        "environment": {**environment.versions(), "device_name": device_name(setting.device), **environment.commit(),
                        **cuda.described(setting.device),
                        "begun": begun, "seconds": time.time() - begun, "nvml": gpu is not None},
        "works": works, "matmul": products, "conditions": conditions, "failed": failed,
    }  # fmt: skip


def described(
    cell: Cell, setting: Setting, plugins: Sequence[str]
) -> tuple[Bench, dict[tuple[str, str], dict[str, Any]]]:
    """The bench of a cell, and what is known of each of its works before it is timed."""
    (arch,) = registry(tuple(plugins)).resolve([cell.arch]).archs
    task, _ = defined_task(cell.task, tuple(plugins))
    bench = prepare(arch, task, setting)
    layers = layers_of(task.build(arch, as_spec(arch, task, setting).latent_dim, 0), task)
    rows = {}
    for work in bench.works:
        known = work.name != "train" or not task.needs_labels  # whose loss sends an image through a layer many times
        peak = bench.resident_bytes[work.name] + peak_bytes(work.once, setting.device)
        rows[cell.arch, work.name] = {
            "arch": cell.arch, "arch_fingerprint": cell.fingerprint, "task": cell.task, "work": work.name,
            "images": work.images, "flops_per_image": flops_per_image(layers, work.name) if known else None, "peak_bytes": peak,
            **({"task_fingerprint": cell.task_fingerprint} if cell.task_fingerprint else {}),
        }  # fmt: skip
    return bench, rows


def in_turns(
    turns: dict[str, Work], device: Device, effort: Effort, gpu: Gpu | None
) -> tuple[dict[str, Item], dict[str, Any], dict[str, Any]]:
    """Times all `turns` and the matrix product, a block each per round. Returns the items, the product, the conditions.

    What ran before leaves its data in the caches. So a call that isn't timed goes before each block, and the order is
    drawn anew in each round: with a fixed one, a copy of an architecture came out 4 % faster than its original.
    """
    wait = synchroniser(device)
    multiply, flops = matmul(device)
    items = {arch: warmed(work.call, wait, effort.block_seconds) for arch, work in turns.items()}
    product = warmed(multiply, wait, effort.block_seconds)
    everything = [*items.values(), product]
    order = random.Random(0)
    monitor, until = LoadMonitor(gpu), time.perf_counter() + effort.seconds * len(everything)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for done in range(effort.most):
            if done >= effort.least and time.perf_counter() > until:
                break
            for item in order.sample(everything, len(everything)):
                item.call()
                item.seconds.append(block(item.call, item.calls, wait))
            monitor.sample_gpu()
    finally:
        if collecting:
            gc.enable()
    return items, {"flops": flops, "calls": product.calls, "seconds": product.seconds}, monitor.summary()


def block(
    call: Callable[[], Any], calls: int, wait: Callable[[], None], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of `calls` calls, from a device that is idle to one that is idle again."""
    wait()
    started = clock()
    for _ in range(calls):
        call()
    wait()
    return clock() - started


def warmed(call: Callable[[], Any], wait: Callable[[], None], block_seconds: float) -> Item:
    """The item after a few calls that nobody times, with as many calls to a block as take `block_seconds`."""
    block(call, 2, wait)
    once = min(block(call, 1, wait) for _ in range(3))
    return Item(call, max(1, math.ceil(block_seconds / once)))


def joules_per_image(work: Work, item: Item, device: Device, gpu: Gpu | None) -> float | None:
    """Energy of a stretch of about a second, for the counter is too coarse for a block; None where it isn't given."""
    started = gpu.joules() if gpu else None
    if gpu is None or started is None:
        return None
    wait, blocks = synchroniser(device), math.ceil(1.0 / min(item.seconds))
    for _ in range(blocks):
        block(item.call, item.calls, wait)
    ended = gpu.joules()
    return None if ended is None else (ended - started) / (blocks * item.calls * work.images)
