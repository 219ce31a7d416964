"""A job of networks that are no plain stack of modules, from the plug-in to the FLOPs on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.store.store import Store
from run_ablation import main
from tests.speed.briefly import measured_briefly

pytestmark = pytest.mark.slow

PLUGIN = '''
import torch
import torch.nn.functional as F
from torch import nn
from archs.base import Arch

class Reader(nn.Module):
    """Reads the rows; one of its layers is not used."""
    def __init__(self):
        super().__init__()
        self.lstm, self.norm, self.spare = nn.LSTM(28, 4, batch_first=True), nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.norm(self.lstm(x[:, 0])[0]).flatten(1)

class Decoder(nn.Module):
    """Uses the weights of a layer once more, the other way round."""
    def __init__(self, features):
        super().__init__()
        self.grow, self.mix = nn.Linear(features, 28), nn.Linear(28, 784, bias=False)

    def forward(self, z):
        h = F.relu(self.mix(self.grow(z)))
        return self.mix(F.relu(F.linear(h, self.mix.weight.T))).view(-1, 1, 28, 28)

def backward(ctx, gradient):
    x, weight = ctx.saved_tensors
    return gradient @ weight.T, x.T @ gradient

def note(ctx, inputs, output):
    ctx.save_for_backward(*inputs)

# not by torch.library.custom_op, which imports the compiler for seconds, in each process that calls it
LIBRARY = torch.library.Library("counted_job", "FRAGMENT")
LIBRARY.define("product(Tensor x, Tensor weight) -> Tensor")
LIBRARY.impl("product", lambda x, weight: x @ weight, "CPU")
torch.library.register_autograd("counted_job::product", backward, setup_context=note, lib=LIBRARY)

class Own(nn.Module):
    """An operation that nobody can count."""
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(784, 8) / 28)

    def forward(self, x):
        return torch.ops.counted_job.product(x.flatten(1), self.weight)

A = Arch(name="reader", summary="an LSTM", source="test", encoder=lambda channels: Reader(), decoder=Decoder)
B = Arch(name="own", summary="an operation of its own", source="test", encoder=lambda channels: Own(), decoder=Decoder)
'''
WEIGHTS = 4 * 4 * (28 + 4)
MACS = 28 * WEIGHTS + 2 * 112 * 5 + 5 * 28 + 3 * 28 * 784
BACKWARD = 28 * 4 * 4 * 28 + (28 + 27) * 4 * 4 * 4 + 2 * (2 * 112 * 5 + 5 * 28 + 3 * 28 * 784)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> Path:
    folder = tmp_path_factory.mktemp("counted")
    (folder / "mine.py").write_text(PLUGIN, encoding="utf-8")
    command = ["--dataset", "digits", "--train-images", "256", "--epochs", "1", "--latent-dim", "5", "--device", "cpu"]
    command += ["--seeds", "1", "--archs", "cnn3", "reader", "own", "--tasks", "vae", "--throughput", "quick"]
    command += [
        "--plugin",
        str(folder / "mine.py"),
        "--runs-dir",
        str(folder / "runs"),
        "--out",
        str(folder / "report"),
    ]
    with measured_briefly():
        assert main(command) == 0
    return folder


def test_the_record_and_the_page_hold_all_parameters_and_operations(done: Path) -> None:
    rows = {record.spec["arch"]: record.layers for record in Store(done / "runs").records()}["reader"]
    assert sum(row["weights"] + row["biases"] for row in rows) == WEIGHTS + 32 + 8 + 15 + 2 * 113 * 5 + 168 + 28 * 784
    assert sum(row["macs"] for row in rows) == MACS
    page = " ".join((done / "report" / "report.md").read_text(encoding="utf-8").split())
    assert f"| {MACS:,} |" in page
    assert "spare: fc 4→3 (not used in forward)" in page
    assert "the multiplications of LayerNorm are not." in page


def test_operations_per_image_and_their_share_of_the_peak_are_on_the_page(done: Path) -> None:
    speeds = pd.read_csv(done / "report" / "throughput.csv").set_index(["arch", "work"])
    assert speeds.loc[("reader", "train"), "flops_per_image"] == 2 * (MACS + BACKWARD)
    assert speeds.loc[("reader", "inference"), "flops_per_image"] == 2 * MACS
    assert speeds.loc[("reader", "sampling"), "flops_per_image"] == 2 * (5 * 28 + 3 * 28 * 784)
    assert (speeds["mfu"].loc["reader"] > 0).all()
    assert speeds["mfu"].loc["own"].isna().to_dict() == {"train": True, "inference": True, "sampling": False}


def test_what_is_not_counted_is_named_wherever_its_number_is_missing(done: Path) -> None:
    page = " ".join((done / "report" / "report.md").read_text(encoding="utf-8").split())
    reason = "what counted\\_job.product computes is unknown"
    assert f"MACs are not known (–): of own, {reason} (Own)." in page
    assert "MACs are left out for own: they are not known (see Where the parameters sit)." in page
    assert re.search(r"MACs: (cnn3|reader)", page), "the others are still compared"
    assert (
        "FLOPs and MFU are not given for own, some of whose operations are not known (see Where the parameters sit)."
        in page
    )
