"""The parts of tests/gpu/gpu_check.sh that need Python: env, job, equal, table, beside, profile. A line of JSON for each
result.

Each result is written at once, to results.jsonl in $OUT: what comes later may fail or run out of time.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archs.registry import discover
from bench.machine import cuda
from bench.models.streams import Streams
from bench.spec.device import FIRST_GPU
from bench.spec.run import RunSpec
from bench.studies.made_up import images
from bench.tasks import get
from bench.training.batches import Feed
from bench.training.loop import TICK, train_seeds
from bench.training.scores import Split, evaluate
from bench.training.stack import Stack, obstacle
from bench.training.steps import Stepper

TINY = os.environ.get("TINY") == "1"
ON_GPU = os.environ.get("DEVICE", "cuda") != "cpu"
DEVICE = torch.device("cuda:0" if ON_GPU else "cpu")
LARGE = "cnn:depth=4,channels=32-64-128-128"
ARCHS, SEEDS = (["cnn3"], [1, 2]) if TINY else (["cnn2", "cnn3", LARGE], [1, 3, 8, 32])
BATCH = 16 if TINY else 128
GRAPHED = (False, True) if ON_GPU else (False,)


def write(**values: object) -> None:
    line = json.dumps(values, default=str)
    with (Path(os.environ["OUT"]) / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line, flush=True)


def guarded(function: Callable[[], None], **what: object) -> None:
    """What fails is written down, and the next goes on."""
    try:
        function()
    except Exception as error:
        write(**what, error=f"{type(error).__name__}: {str(error)[:300]}")
        traceback.print_exc()


def wait() -> None:
    if ON_GPU:
        torch.cuda.synchronize()


def spec_of(arch: str, task: str, seed: int, epochs: int = 1) -> RunSpec:
    coded = task != "classifier"
    return RunSpec(
        arch=arch, arch_fingerprint="", task=task, dataset="", data_fingerprint="",
        likelihood="dynamic" if coded else None, seed=seed, epochs=epochs, batch_size=BATCH, lr=1e-3,
        latent_dim=20 if coded else None, train_images=None, device=DEVICE.type, threads=1,
        labels=100 if task == "m2" else None,
    )  # fmt: skip


def models_of(arch: str, task: str, seeds: Sequence[int], dtype: torch.dtype = torch.float32) -> list[nn.Module]:
    (found,) = discover().resolve([arch]).archs
    models = [get(task).build(found, None if task == "classifier" else 20, seed).to(DEVICE, dtype) for seed in seeds]
    return [model.to(memory_format=torch.channels_last) for model in models]


class Steps:
    """Training steps as a run takes them, with a learning rate that leaves the weights nearly as they are."""

    def __init__(self, arch: str, task: str, seeds: int, graph: bool, data: Split):
        models, specs = models_of(arch, task, range(seeds)), [spec_of(arch, task, seed) for seed in range(seeds)]
        for model in models:
            model.train()
        few = 100 if task == "m2" else 0
        loss = get(task).loss
        if few:
            loss = functools.partial(loss, labelled=few, known=100, images=len(data.labels))
        streams = [Streams.of(seed, DEVICE) for seed in range(seeds)]
        noise_rows = get(task).noise_rows(BATCH + few, few)
        feed = Feed(data.images, data.labels, specs[0], streams, noise_rows, torch.float32)
        self.stepper = Stepper(models, loss, feed, Stack(models) if seeds > 1 else None)
        self.rows = torch.randint(len(data.labels), (TICK, seeds, BATCH + few), device=DEVICE)
        self.rates: Any = torch.full((TICK,), 1e-6, device=DEVICE) if ON_GPU else [1e-6] * TICK
        begun = time.perf_counter()
        if graph:
            self.stepper.record(feed.draw(self.rows))
            if self.stepper.refused:
                raise RuntimeError(self.stepper.refused)
        wait()
        self.capture_seconds = time.perf_counter() - begun

    def stretch(self) -> None:
        """TICK steps."""
        self.stepper.take(self.rows, self.rates)

    def seconds(self, share: float) -> float:
        """Wall seconds per step, draws included: the median of three stretches of `share` seconds."""

        def timed(count: int) -> float:
            wait()
            begun = time.perf_counter()
            for _ in range(count):
                self.stretch()
            wait()
            return (time.perf_counter() - begun) / count

        timed(1)
        count = max(1, int(share / timed(1)))
        return statistics.median(timed(count) for _ in range(3)) / TICK


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


def equal() -> None:
    """Weights after two epochs: graph and stack against the eager run, and that against itself."""
    count = 128 if TINY else 2_560
    everything = images(count + 600, DEVICE)

    def part(first: int, last: int) -> Split:
        return Split(everything.images[first:last], everything.labels[first:last])

    data, val, test = part(0, count), part(count, count + 100), part(count + 100, count + 600)
    cases = [
        ("cnn2", "vae"),
        ("pool4", "classifier"),
        ("cnn3", "cvae"),
        ("cnn2", "classifier"),
        ("mlp", "vae"),
        ("cnn3", "m2"),
    ]
    for arch, task in [("cnn3", "vae")] if TINY else cases:
        for dtype in (torch.float64, torch.float32):
            what = {"part": "equal", "arch": arch, "task": task, "dtype": str(dtype)[6:]}

            def one(arch: str = arch, task: str = task, dtype: torch.dtype = dtype, what: dict = what) -> None:
                def trained(seeds: list[int], graph: bool) -> tuple[list[nn.Module], list, list[float]]:
                    models = models_of(arch, task, seeds, dtype)
                    specs = [spec_of(arch, task, seed, epochs=2) for seed in seeds]
                    outcomes = train_seeds(models, get(task), specs, data, val, graph=graph)
                    scores = [
                        evaluate(model, get(task), test, spec, "test")[0][get(task).primary]
                        for model, spec in zip(models, specs, strict=True)
                    ]
                    return models, outcomes, scores

                alone, _, score = trained([1], False)
                again, _, _ = trained([1], False)
                found: dict[str, Any] = {"eager": score[0], "eager_again": farthest(alone[0], again[0])}
                if ON_GPU:
                    graphed, outcomes, score_graphed = trained([1], True)
                    found |= {"graph": score_graphed[0], "graph_differs": farthest(alone[0], graphed[0])}
                    found |= {"recorded": outcomes[0].recorded, "refused": outcomes[0].refused}
                found["not_stacked"] = obstacle(models_of(arch, task, [0, 1]), get(task), spec_of(arch, task, 0))
                if found["not_stacked"] is None:
                    stacked, _, score_stacked = trained([0, 1, 2], ON_GPU)
                    found |= {"stacked": score_stacked[1], "stacked_differs": farthest(alone[0], stacked[1])}
                write(**what, **found)

            guarded(one, **what)


def farthest(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


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
                busy = sum(map(sum, times.values())) / TICK
                top = sorted(times.items(), key=lambda item: -sum(item[1]))[:20]
                write(
                    **what,
                    us_per_step=round(1e6 * plain, 1),
                    kernels_per_step=sum(map(len, times.values())) / TICK,
                    busy_us_per_step=round(busy, 1),
                    busy_share=round(busy / (1e6 * plain), 3),
                    top=[[name, round(len(of) / TICK, 1), round(sum(of) / TICK, 1)] for name, of in top],
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
    alone = [each.seconds(0.1) * TICK for each in steps]
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


def job() -> None:
    """What the job before left: scores, how each run was trained, speeds measured apart."""
    from bench.store.store import Store

    work = Path(os.environ["WORK"])
    store = Store(str(work / "runs"))
    for run_id in store.run_ids():
        record = store.load(run_id)
        kept = {name: record.metrics.get(name) for name in ("elbo", "accuracy", "train_seconds")}
        names = ("stack", "stack_refused", "graph", "graph_refused", "evaluation_seconds", "begun", "ended")
        around = {name: record.environment.get(name) for name in names}
        name = f"{record.spec['arch']} {record.spec['task']} {record.spec['seed']}"
        write(part="run", run=name, status=record.status, error=record.error, **kept, **around)
    speed = work / "report" / "throughput.json"
    if speed.is_file():
        document = json.loads(speed.read_text(encoding="utf-8"))
        write(part="apart", seconds=document["environment"]["seconds"], failed=document["failed"])
        for one in document["works"]:
            rate = one["images"] * one["calls"] / statistics.median(one["seconds"])
            spread = statistics.stdev(one["seconds"]) / statistics.mean(one["seconds"])
            what = {name: one[name] for name in ("arch", "task", "work", "peak_bytes")}
            write(part="apart", **what, images_per_s=round(rate), relative_spread=round(spread, 4))
    manifest = work / "report" / "manifest.json"
    if manifest.is_file():
        found = json.loads(manifest.read_text(encoding="utf-8"))
        write(part="manifest", **{name: found[name] for name in ("wall_seconds", "throughput", "workers")})


def env() -> None:
    """Versions, the card, and what it can do at most."""
    import importlib.metadata as metadata

    found = {}
    for name in ("torch", "triton", "numpy", "pandas", "scipy", "pytest", "pytest-benchmark", "nvidia-ml-py"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    write(part="env", python=sys.version.split()[0], versions=found, cores=os.cpu_count(), device=str(DEVICE))
    if not ON_GPU:
        return
    from bench.machine.nvml import open_gpu

    write(part="gpu", name=torch.cuda.get_device_name(DEVICE), **cuda.described(FIRST_GPU))
    gpu = open_gpu(FIRST_GPU)
    if gpu is not None:
        write(
            part="nvml",
            clock=gpu.clock_mhz(),
            most=gpu.most_mhz(),
            throttling=sorted(gpu.throttling()),
            joules=gpu.joules(),
        )
    for tf32 in (False, True):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = torch.randn(4096, 4096, device="cuda")
        write(
            part="peak",
            what=f"matmul 4096, TF32 {tf32}",
            tflops=round(2 * 4096**3 / per_call(functools.partial(torch.mm, a, a)) / 1e12, 1),
        )
    cuda.use(FIRST_GPU)
    source, to = (torch.empty(2**28, device="cuda") for _ in range(2))
    write(part="peak", what="copy", tb_per_s=round(2 * source.nbytes / per_call(lambda: to.copy_(source)) / 1e12, 2))


def per_call(call: Callable[[], Tensor], count: int = 20) -> float:
    call()
    wait()
    begun = time.perf_counter()
    for _ in range(count):
        call()
    wait()
    return (time.perf_counter() - begun) / count


if __name__ == "__main__":
    if ON_GPU:
        cuda.use(FIRST_GPU)
    else:
        torch.set_num_threads(1)
    {"env": env, "equal": equal, "job": job, "table": table, "profile": profile, "beside": beside}[sys.argv[1]]()
