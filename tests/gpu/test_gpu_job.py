"""A job on a GPU with networks that misbehave there: what each costs, and that the others are none the worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.job.test_job import job
from tests.job.test_stack_job import records

pytestmark = pytest.mark.cuda

NETWORKS = """
import torch
from torch import nn
from archs.base import Arch
from archs.blocks import Conv2d

def network(extra):
    return lambda channels: nn.Sequential(Conv2d(channels, 4, 7, stride=7), extra(), nn.Flatten())

class Looks(nn.Module):
    def forward(self, x):
        return x * float(x.detach().abs().sum() > 0)

class Hides(nn.Module):
    '''Waits for the device only in a capture, which breaks it.'''
    def forward(self, x):
        capturing = x.is_cuda and torch.cuda.is_current_stream_capturing()
        return x * float(x.detach().abs().sum() > 0) if capturing else x

class Asserts(nn.Module):
    '''An index out of range, which a GPU does not forget.'''
    def forward(self, x):
        wrong = torch.full((1,), 9, device=x.device)
        return x + torch.zeros(4, device=x.device)[wrong] if x.is_cuda and self.training else x

class Hungry(nn.Module):
    def forward(self, x):
        return x + torch.empty(10**13, device=x.device)[0] if self.training else x

A = Arch(name="looks", summary="", source="test", encoder=network(Looks))
B = Arch(name="hides", summary="", source="test", encoder=network(Hides))
C = Arch(name="asserts", summary="", source="test", encoder=network(Asserts))
D = Arch(name="hungry", summary="", source="test", encoder=network(Hungry))
E = Arch(name="normed", summary="", source="test", encoder=network(lambda: nn.BatchNorm2d(4)))
"""


def test_networks_that_misbehave_cost_their_own_runs_only(tmp_path: Path) -> None:
    plugin = tmp_path / "networks.py"
    plugin.write_text(NETWORKS, encoding="utf-8")
    names = ["cnn3", "looks", "hides", "asserts", "hungry", "normed", "pool4"]
    wanted = ["--archs", *names, "--plugin", str(plugin), "--tasks", "classifier", "--seeds", "2", "--device", "cuda"]
    assert job(tmp_path, *wanted) == 1
    found = records(tmp_path)
    assert len(found) == 2 * len(names)
    for (name, _, _), record in found.items():
        environment = record.environment
        if name == "asserts":
            assert "assert" in str(record.error)
        elif name == "hungry":
            assert "out of memory" in str(record.error)
        else:
            assert record.error is None, name
            assert environment["precision"] == "IEEE float32"
            assert environment["graph"] is (name not in ("looks", "hides")), name
            assert environment["stack"] == (1 if name in ("looks", "pool4") else 2), name
    assert "waits for the device" in found["looks", "classifier", 0].environment["graph_refused"]
