"""What is timed apart, and what it is counted to cost: FLOPs by torch's own count, memory by hand-made sums."""

from __future__ import annotations

import pytest
import torch

from archs import blocks
from bench.machine.peak_memory import peak_bytes
from bench.spec.device import CPU
from bench.speed.flops import flops_per_image
from bench.speed.setting import Setting
from bench.speed.workloads import prepare
from bench.tasks import get
from bench.worker.restore import layers_of
from tests.conftest import arch_of, registered

TINY = Setting(batch_size=2, latent_dim=3, likelihood="dynamic", device=CPU, threads=1, labels=10)
CASES = [(name, "vae" if arch.decoder else "classifier") for name, arch in sorted(registered().archs.items())]
CASES += [("cnn:depth=3,kernel=3", "cvae"), ("cnn:depth=2,kernel=5", "classifier"), ("cnn2+cnn3", "vae")]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_flops_are_those_that_torch_counts(name: str, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all layers in their direct form, which is the one that is counted."""
    from torch.utils.flop_counter import FlopCounterMode  # here: it loads triton, for a second

    monkeypatch.setattr(blocks, "fastest_form", lambda *of: "direct")
    monkeypatch.setattr(blocks, "faster_in_blocks", lambda *of: False)
    arch = arch_of(name)
    bench = prepare(arch, get(task), TINY)
    layers = layers_of(get(task).build(arch, TINY.latent_dim, 0), get(task))
    for work in bench.workloads:
        with FlopCounterMode(display=False) as counter:
            work.call()
        assert flops_per_image(layers, work.name) == counter.get_total_flops() / work.images


def test_flops_by_hand() -> None:
    layers = [
        {"part": "encoder", "macs": 100, "backward_macs": 100},  # the image has no gradient
        {"part": "head", "macs": 10, "backward_macs": 20},
        {"part": "decoder", "macs": 7, "backward_macs": 14},
    ]
    assert flops_per_image(layers, "inference") == 2 * 117
    assert flops_per_image(layers, "sampling") == 2 * 7
    assert flops_per_image(layers, "train") == 2 * (100 + 10 + 7) + 2 * (100 + 10 + 7) + 2 * (10 + 7)
    unknown = {"part": "decoder", "macs": None, "backward_macs": None}
    assert all(flops_per_image([*layers, unknown], work) is None for work in ("train", "inference", "sampling"))


def test_every_task_has_its_workloads_and_leaves_the_weights_alone() -> None:
    arch = arch_of("cnn3")
    for task, count in (("vae", 3), ("cvae", 3), ("classifier", 2), ("m2", 3)):
        bench = prepare(arch, get(task), TINY)
        before = [parameter.clone() for parameter in bench.model.parameters()]
        for work in bench.workloads:
            work.call()
        assert len(bench.workloads) == count
        pairs = zip(before, bench.model.parameters(), strict=True)
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in pairs), "timing must not become training"


def test_peak_memory_counts_what_lives_at_the_same_time() -> None:
    def call() -> None:
        a = torch.ones(1000)  # 4,000 bytes
        b = a * 2  # 8,000
        a.view(10, 100).add_(1)  # a view and an operation in place: nothing new
        del a
        torch.ones(500)  # 6,000
        del b

    assert peak_bytes(call, CPU) == 8000


def test_resident_memory_is_weights_and_for_training_the_moments_of_adam() -> None:
    arch = arch_of("cnn3")
    bench = prepare(arch, get("classifier"), TINY)
    weights = 4 * sum(parameter.numel() for parameter in bench.model.parameters())
    steps = 4 * len(list(bench.model.parameters()))  # Adam counts its steps in a float per tensor
    assert bench.resident_bytes == {"inference": weights, "train": 3 * weights + steps}
