"""The parts of tests/gpu/gpu_check.sh that need Python: env, job, equal, table, beside, profile.

Each result is a line of JSON, written at once to results.jsonl in $OUT: what comes later may fail or run out of time.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.machine import cuda
from bench.spec.device import FIRST_GPU
from bench.studies.synthetic import images
from bench.tasks import get
from bench.training.loop import train_seeds
from bench.training.scores import evaluate
from bench.training.splits import Split
from bench.training.stackable import why_not_stack
from tests.gpu.gpu_check_steps import (
    DEVICE,
    ON_GPU,
    TINY,
    guarded,
    models_of,
    spec_of,
    wait,
    write,
)
from tests.gpu.gpu_check_times import beside, profile, table


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
                    outcomes = train_seeds(
                        models, get(task), specs, [data] * len(specs), [val] * len(specs), graph=graph
                    )
                    scores = [
                        evaluate(model, get(task), test, spec, "test").means[get(task).primary]
                        for model, spec in zip(models, specs, strict=True)
                    ]
                    return models, outcomes, scores

                alone, _, score = trained([1], False)
                again, _, _ = trained([1], False)
                found: dict[str, Any] = {"eager": score[0], "eager_again": farthest(alone[0], again[0])}
                if ON_GPU:
                    graphed, outcomes, score_graphed = trained([1], True)
                    found |= {"graph": score_graphed[0], "graph_differs": farthest(alone[0], graphed[0])}
                    found |= {"recorded": outcomes[0].used_graph, "refused": outcomes[0].graph_refused}
                found["not_stacked"] = why_not_stack(models_of(arch, task, [0, 1]), get(task), spec_of(arch, task, 0))
                if found["not_stacked"] is None:
                    stacked, _, score_stacked = trained([0, 1, 2], ON_GPU)
                    found |= {"stacked": score_stacked[1], "stacked_differs": farthest(alone[0], stacked[1])}
                write(**what, **found)

            guarded(one, **what)


def farthest(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


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
            most=gpu.max_clock_mhz(),
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
    cuda.use_device(FIRST_GPU)
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
        cuda.use_device(FIRST_GPU)
    else:
        torch.set_num_threads(1)
    {"env": env, "equal": equal, "job": job, "table": table, "profile": profile, "beside": beside}[sys.argv[1]]()
