"""The named networks against the tables of the reference README, to the weight. Every number here is copied from
the published layer tables or multiplied out by hand, none from our code."""

from __future__ import annotations

import sys

import pytest
import torch

from archs.layers import layer_table
from bench.machine.child import call_in_child
from bench.tasks import get
from tests.conftest import arch_of

# (part, output shape, weights) in the order of the layers; z = 20, 10 labels
CVAE = {
    "cnn2": [
        ("encoder", "16x12x12", 4_400), ("encoder", "32x4x4", 12_800),
        ("head", "20", 10_240), ("head", "20", 10_240),
        ("decoder", "392", 11_760), ("decoder", "8x14x14", 1_600), ("decoder", "1x28x28", 200),
    ],
    "cnn3": [
        ("encoder", "16x8x8", 6_336), ("encoder", "32x3x3", 8_192), ("encoder", "64x1x1", 18_432),
        ("head", "20", 1_280), ("head", "20", 1_280),
        ("decoder", "32", 960), ("decoder", "16x3x3", 8_192), ("decoder", "8x7x7", 2_048), ("decoder", "1x28x28", 128),
    ],
}  # fmt: skip
VAE_MLP = [
    ("encoder", "500", 392_000), ("encoder", "500", 250_000), ("head", "20", 10_000), ("head", "20", 10_000),
    ("decoder", "500", 10_000), ("decoder", "500", 250_000), ("decoder", "784", 392_000),
]  # fmt: skip
CLASSIFIER_POOL4 = [
    ("encoder", "8x28x28", 128), ("encoder", "16x14x14", 2_048), ("encoder", "32x7x7", 8_192),
    ("encoder", "64x4x4", 32_768), ("head", "10", 2_560),
]  # fmt: skip


def rows(name: str, task: str) -> list:
    model = get(task).build(arch_of(name), 20, 0)
    return layer_table(model, lambda: model(torch.zeros(1, 1, 28, 28), torch.zeros(1, dtype=torch.long)))


@pytest.mark.parametrize(
    "name, task, expected",
    [("cnn2", "cvae", CVAE["cnn2"]), ("cnn3", "cvae", CVAE["cnn3"]), ("mlp", "vae", VAE_MLP),
     ("pool4", "classifier", CLASSIFIER_POOL4)],
)  # fmt: skip
def test_layers_equal_the_reference_tables(name: str, task: str, expected: list) -> None:
    assert [(row.part, row.output_shape, row.weights) for row in rows(name, task)] == expected


def test_the_literal_4x4_kernel_gives_800_features_and_8192_weights() -> None:
    table = rows("cnn2-k4", "vae")
    assert [row.weights for row in table[:3]] == [256, 8_192, 16_000]


def test_pool4_pads_as_tensorflow_does() -> None:
    """SAME for a 4×4 kernel: one zero row before, two after. A kernel that picks its first tap shifts by one."""
    encoder = arch_of("pool4").encoder(1)
    conv = next(module for module in encoder.modules() if isinstance(module, torch.nn.Conv2d))
    pad = next(module for module in encoder.modules() if isinstance(module, torch.nn.ZeroPad2d))
    assert pad.padding == (1, 2, 1, 2)
    assert conv(pad(torch.zeros(1, 1, 28, 28))).shape[-1] == 28


def test_macs_of_cnn2_by_hand() -> None:
    """Encoder 12²·25·16 + 4²·25·16·32, heads 2·512·20, decoder 20·392 + 7²·25·64 + 14²·25·8."""
    assert [row.macs for row in rows("cnn2", "vae")] == [57_600, 204_800, 10_240, 10_240, 7_840, 78_400, 39_200]


def compiler_after_a_table() -> bool:
    rows("cnn2", "vae")
    return "torch._dynamo" in sys.modules or "triton" in sys.modules


def test_a_table_loads_no_compiler() -> None:
    """It would cost every job two seconds."""
    assert not call_in_child(compiler_after_a_table)
