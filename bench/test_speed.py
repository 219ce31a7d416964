"""Benchmarks of the speed of each registered architecture, for `pytest bench` and the gate.

    pytest bench --benchmark-json=new.json
    python -m bench.gate old.json new.json

Blocks of calls are timed in turns with a reference workload, in processor time on a CPU; the gate judges the ratio.
On a GPU the calls are CUDA graphs, as training steps are in a run, so that the GPU's work is judged and not Python's.
All benchmarks are gone through four times, a quarter of the time each; the gate puts a benchmark's turns together.
"""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from archs.base import Arch
from archs.registry import discover
from bench.machine import cuda
from bench.machine.cpu import prepare_cpu
from bench.machine.cuda import device_name
from bench.spec.defaults import DEFAULT_BATCH, DEFAULT_LATENT
from bench.spec.device import CPU, FIRST_GPU
from bench.speed.gate_decision import THRESHOLD
from bench.speed.reference import TURNS, ReferenceTimer, clock, fit_blocks
from bench.speed.setting import Setting
from bench.speed.workloads import WORKLOADS, PreparedCell, prepare, reference_name
from bench.tasks import get

DEVICE = FIRST_GPU if torch.cuda.is_available() else CPU
SETTING = Setting(DEFAULT_BATCH, DEFAULT_LATENT, "dynamic", DEVICE, threads=1)


def registered() -> dict[str, Arch]:
    """Return every named architecture, and an example of every family, by name."""
    registry = discover()
    for problem in dict.fromkeys(registry.broken.values()):
        warnings.warn(f"{problem}; left out", stacklevel=2)
    examples = [registry.member(family, {}) for _, family in sorted(registry.families.items())]
    return {arch.name: arch for arch in [*(arch for _, arch in sorted(registry.archs.items())), *examples]}


ARCHS = registered()


def task_of(arch: Arch) -> str:
    """Return the one task that is timed: a CVAE is a VAE but for its label planes, and a classifier is half of one."""
    return "vae" if arch.decoder else "classifier"


def label(name: str, work: str) -> str:
    """Return the name of a benchmark, by which two sessions are compared."""
    return f"{name} {task_of(ARCHS[name])} {work}"


CASES = [(name, work) for name, arch in ARCHS.items() for work in WORKLOADS if arch.decoder or work != "sampling"]


@functools.lru_cache(maxsize=1)
def prepared(name: str) -> PreparedCell:
    """Build an architecture once for all benchmarks of it."""
    prepare_cpu(SETTING.threads)
    cuda.use_device(DEVICE)
    return prepare(ARCHS[name], get(task_of(ARCHS[name])), SETTING)


@pytest.mark.benchmark(disable_gc=True, timer=clock(DEVICE))
@pytest.mark.parametrize(("name", "work"), CASES, ids=[label(*case) for case in CASES])
@pytest.mark.parametrize("turn", range(1, TURNS + 1), ids="turn {}".format)  # last, so that it is the outer loop
def test_speed(benchmark: BenchmarkFixture, pytestconfig: pytest.Config, name: str, work: str, turn: int) -> None:
    (chosen,) = (one for one in prepared(name).workloads if one.name == work)
    timer = ReferenceTimer(DEVICE)
    blocks = fit_blocks(chosen.call, timer, pytestconfig.getoption("--seconds") / TURNS)
    benchmark.pedantic(blocks.run_block, setup=timer.time, rounds=blocks.rounds)
    timer.time()
    benchmark.extra_info.update(
        what=label(name, work),
        reference=reference_name(DEVICE),
        reference_seconds=timer.seconds,
        calls=blocks.calls,
        images=chosen.images,
        threshold=THRESHOLD,
        device=DEVICE.kind,
        device_name=device_name(DEVICE),
        threads=SETTING.threads,
    )
