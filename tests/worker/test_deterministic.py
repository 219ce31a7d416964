"""`--deterministic`: a stack is trained under torch's deterministic algorithms, as a run alone is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from archs.foreign.plugins import load_plugin
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from bench.data.digits import digits
from bench.store.store import Store
from bench.training.loop import run_to_completion
from bench.worker.execute import execute_group
from bench.worker.site import Site
from bench.worker.train import Neighbours
from tests.training.test_train import spec_of

WATCHES = """
import torch
from torch import nn
from archs.base import Arch

SEEN = []

class Watches(nn.Module):
    def forward(self, x):
        SEEN.append((self.training, torch.are_deterministic_algorithms_enabled()))
        return x.flatten(1)[:, :8]

ARCH = Arch(name="watches", summary="notes the switch", source="test", encoder=lambda channels: Watches())
"""


@pytest.mark.parametrize("seeds", [1, 3], ids=["alone", "stacked"])
@pytest.mark.parametrize("wanted", [True, False])
def test_torchs_switch_is_on_in_every_forward_pass_where_it_is_wanted(tmp_path: Path, seeds: int, wanted: bool) -> None:
    plugin = tmp_path / "watches.py"
    plugin.write_text(WATCHES, encoding="utf-8")
    arch = discover([plugin]).archs["watches"]
    base = dataclasses.replace(spec_of("mlp", "classifier"), arch="watches", arch_fingerprint=fingerprint(arch))
    few = {"epochs": 1, "train_images": 128, "deterministic": wanted or None}
    specs = [dataclasses.replace(base, seed=seed, **few) for seed in range(seeds)]  # type: ignore[arg-type]
    site = Site(str(tmp_path / "runs"), "", (str(plugin),), stack=seeds, dataset=digits())
    records = run_to_completion(execute_group(specs, site, False, lambda progress: None, Neighbours()))
    found = [Store(site.runs_dir).load(record.run_id) for record in records]
    assert [(record.error, record.environment["stack"]) for record in found] == [(None, seeds)] * seeds
    seen = load_plugin(plugin).SEEN
    assert {training for training, _ in seen} == {True, False}
    assert {enabled for _, enabled in seen} == {wanted}
    assert not torch.are_deterministic_algorithms_enabled(), "and off again afterwards"
