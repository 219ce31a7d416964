"""What the parts of tests/gpu/gpu_check.sh share: where they run and write, and training steps to be timed."""

from __future__ import annotations

import functools
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archs.registry import discover
from bench.models.streams import Streams
from bench.spec.run import RunSpec
from bench.tasks import get
from bench.training.batches import Feed
from bench.training.loop import CHUNK_STEPS
from bench.training.splits import Split
from bench.training.stack import Stack
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
        feed = Feed([data] * seeds, specs[0], streams, noise_rows, torch.float32)
        self.stepper = Stepper(models, loss, feed, Stack(models) if seeds > 1 else None)
        self.rows = torch.randint(len(data.labels), (CHUNK_STEPS, seeds, BATCH + few), device=DEVICE)
        self.rates: Any = torch.full((CHUNK_STEPS,), 1e-6, device=DEVICE) if ON_GPU else [1e-6] * CHUNK_STEPS
        begun = time.perf_counter()
        if graph:
            self.stepper.capture(feed.draw(self.rows))
            if self.stepper.graph_refused:
                raise RuntimeError(self.stepper.graph_refused)
        wait()
        self.capture_seconds = time.perf_counter() - begun

    def stretch(self) -> None:
        """CHUNK_STEPS steps."""
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
        return statistics.median(timed(count) for _ in range(3)) / CHUNK_STEPS
