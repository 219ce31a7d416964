"""The parts of tests/gpu/gpu_check.sh that time training steps: table, profile, beside."""

from __future__ import annotations

import statistics
import time

import torch

from bench.studies.synthetic import images
from bench.training.loop import CHUNK_STEPS
from tests.gpu.gpu_check_steps import (
    ARCHS,
    BATCH,
    DEVICE,
    GRAPHED,
    ON_GPU,
    SEEDS,
    TINY,
    Steps,
    guarded,
    wait,
    write,
)


def table() -> None:
    """Eager, graphed and stacked training steps of several networks; the peak of memory beyond data and weights."""
    data, share = images(512 if TINY else 12_800, DEVICE), 0.02 if TINY else 0.15
    cases = [(arch, "vae", seeds) for arch in ARCHS for seeds in SEEDS]
    if not TINY:
        cases += [(arch, task, seeds) for task in ("cvae", "classifier") for arch in ARCHS[:2] for seeds in (1, 3, 32)]
        cases += [("mlp", "vae", 1), ("mlp", "vae", 32), ("cnn2", "m2", 1), ("cnn2", "m2", 3)]
    for arch, task, seeds in cases:
        for graph in GRAPHED:
            if not graph and ON_GPU and (task != "vae" or seeds not in (1, 32)):
                continue
            what = {"part": "table", "arch": arch, "task": task, "seeds": seeds, "graph": graph}

            def one(
                arch: str = arch, task: str = task, seeds: int = seeds, graph: bool = graph, what: dict = what
            ) -> None:
                before = 0
                if ON_GPU:
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                    before = torch.cuda.memory_allocated()
                steps = Steps(arch, task, seeds, graph, data)
                taken = steps.seconds(share)
                peak = torch.cuda.max_memory_allocated() - before if ON_GPU else None
                write(
                    **what,
                    us_per_step=round(1e6 * taken, 1),
                    images_per_s=round(seeds * BATCH / taken),
                    capture_seconds=round(steps.capture_seconds, 3),
                    peak_mib=peak and round(peak / 2**20, 1),
                )

            guarded(one, **what)


def profile() -> None:
    """Kernels per step, the share of the time that the GPU is busy, and what takes longest."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    data = images(512 if TINY else 12_800, DEVICE)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if ON_GPU else [])]
    for arch in ARCHS[:2]:
        for seeds in (1, 3, 32) if not TINY else (2,):
            what = {"part": "profile", "arch": arch, "seeds": seeds, "graph": ON_GPU}

            def one(arch: str = arch, seeds: int = seeds, what: dict = what) -> None:
                steps = Steps(arch, "vae", seeds, ON_GPU, data)
                plain = steps.seconds(0.03)
                with profiler(activities=activities) as seen:
                    steps.stretch()
                    wait()
                times: dict[str, list[float]] = {}
                for event in seen.events():
                    if not ON_GPU:
                        times.setdefault(event.name[:100], []).append(event.self_cpu_time_total)
                    elif event.device_type == torch.autograd.DeviceType.CUDA:
                        times.setdefault(event.name[:100], []).append(event.time_range.elapsed_us())
                busy = sum(map(sum, times.values())) / CHUNK_STEPS
                top = sorted(times.items(), key=lambda item: -sum(item[1]))[:20]
                write(
                    **what,
                    us_per_step=round(1e6 * plain, 1),
                    kernels_per_step=sum(map(len, times.values())) / CHUNK_STEPS,
                    busy_us_per_step=round(busy, 1),
                    busy_share=round(busy / (1e6 * plain), 3),
                    top=[[name, round(len(of) / CHUNK_STEPS, 1), round(sum(of) / CHUNK_STEPS, 1)] for name, of in top],
                )

            guarded(one, **what)


def beside() -> None:
    """The groups of the default job by themselves and side by side: wall time of a stretch, and the host's share."""
    if not ON_GPU:
        return
    data = images(12_800, DEVICE)
    cases = [(arch, task) for arch in ARCHS[:2] for task in ("vae", "cvae", "classifier")]
    streams = [torch.cuda.Stream() for _ in cases]
    steps = []
    for (arch, task), stream in zip(cases, streams, strict=True):
        with torch.cuda.stream(stream):
            steps.append(Steps(arch, task, 3, True, data))
    alone = [each.seconds(0.1) * CHUNK_STEPS for each in steps]
    wait()
    for count in (2, 3, 6):
        queued, walls = [], []
        for _ in range(12):
            wait()
            begun = time.perf_counter()
            for each, stream in list(zip(steps, streams, strict=True))[:count]:
                with torch.cuda.stream(stream):
                    each.stretch()
            queued.append(time.perf_counter() - begun)
            wait()
            walls.append(time.perf_counter() - begun)
        write(
            part="beside", groups=count, ms_one_by_one=round(1e3 * sum(alone[:count]), 2),
            ms_side_by_side=round(1e3 * statistics.median(walls), 2), ms_host=round(1e3 * statistics.median(queued), 2),
        )  # fmt: skip
