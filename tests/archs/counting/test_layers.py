"""The layer table of networks that are no plain stack of modules: parameters and operations, by hand and by torch."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from archs.layers import Layer, count, layer_table
from bench.tasks import get
from bench.worker.restore import layers_of
from tests.archs.counting.odd_networks import NETWORKS, Network
from tests.conftest import arch_of

each = pytest.mark.parametrize("network", NETWORKS.values(), ids=list(NETWORKS))
GROUPED = {"depthwise"}
"""Networks with groups, the gradient of whose weights torch counts as if each channel saw all others."""


def table(model: nn.Module) -> list[Layer]:
    return layer_table(model, lambda: model(torch.zeros(1, 1, 28, 28)))


def of(name: str) -> list[tuple[str, str, int, int, int | None]]:
    """The rows of a network, as far as they are read."""
    rows = table(NETWORKS[name].build())
    return [(row.layer, row.output_shape, row.weights, row.biases, row.macs) for row in rows]


def total(rows: list[Layer], column: str) -> int | None:
    values = [getattr(row, column) for row in rows]
    return None if None in values else sum(values)


@each
def test_parameters_and_operations_are_those_multiplied_out_by_hand(network: Network) -> None:
    model = network.build()
    rows = table(model)
    assert count(rows) == network.parameters == sum(each.numel() for each in model.parameters())
    assert total(rows, "macs") == network.macs
    assert total(rows, "backward_macs") == network.backward
    assert tuple(row.note for row in rows if row.note) == network.notes


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.seen_by_torch])
@pytest.mark.filterwarnings("ignore:Using `torch.compile")
def test_operations_are_those_that_torch_counts_in_a_forward_pass_and_in_a_training_step(name: str) -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode  # here: it loads triton, for a second

    model = NETWORKS[name].build()
    rows = table(model)
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # its LSTM is one operation, which torch does not count
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.jit.optimized_execution(False):
            with FlopCounterMode(display=False) as forward:
                output = model(torch.zeros(1, 1, 28, 28))
            with FlopCounterMode(display=False) as backward:
                output.sum().backward()
    finally:
        torch.backends.mkldnn.enabled = before
    assert 2 * (total(rows, "macs") or 0) == forward.get_total_flops()
    if name not in GROUPED:
        assert 2 * (total(rows, "backward_macs") or 0) == backward.get_total_flops()


def test_rows_say_what_each_layer_is() -> None:
    assert of("depthwise") == [
        ("conv 3×3, stride 2×1, 1→4", "4x13x26", 36, 4, 13 * 26 * 36),
        ("conv 3×3, stride 1, dilation 2, groups 4, 4→4", "4x9x22", 36, 4, 9 * 22 * 36),
    ]
    assert of("one_dimensional")[1][0] == "transposed conv 4, stride 2, 8→4"
    assert of("lstm") == [("LSTM", "28x8", 32 * 28 + 32 * 8, 64, 28 * (32 * 28 + 32 * 8))]
    assert [row[:4] for row in of("Attention")] == [("MultiheadAttention", "28x28", 4 * 28 * 28, 4 * 28)]
    assert of("OwnAttention")[0] == ("OwnAttention", "224", 0, 0, 2 * 28 * 28 * 8)
    assert of("spectral")[0] == ("conv 3×3, stride 1, 1→4", "4x26x26", 36, 4, 26 * 26 * 36)
    assert of("scripted") == [("Sequential (TorchScript)", "4", 3940, 9, 3940)]
    assert of("Lists") == [("Lists", "140", 28 * 4 + 4 * 5 + 28 + 5, 0, 28 * 28 * 4 + 28 * 4 * 5)]
    assert [row[:2] for row in of("Unused")] == [("fc 784→3", "3"), ("fc 784→9", ""), ("ParameterList", "")]
    assert of("OnlyBatches") == [("fc 784→5", "", 784 * 5, 5, None)]


class Deep(nn.Module):
    """A part of the model with a layer of its own, one that must stay in evaluation mode, and a number that counts."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.fails, self.calls = fails, 0
        self.norm = nn.BatchNorm2d(1).eval()
        self.layer = nn.Linear(784, 5)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        noise = random.random() + torch.rand(())
        x = self.layer(self.norm(x).flatten(1)) + noise
        if self.fails:
            raise ValueError("expected something else")
        return x


class Model(nn.Module):
    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(Deep(fails))
        self.decoder = arch_of("cnn2").decoder(5)  # type: ignore[misc]

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


@pytest.mark.parametrize("fails", [False, True])
def test_looking_leaves_the_model_its_process_and_its_generators_as_they_were(fails: bool) -> None:
    model = Model(fails).train()
    model.encoder[0].norm.eval()
    modes = [module.training for module in model.modules()]
    forms = [str(module) for module in model.modules()]
    drawn = random.getstate(), torch.get_rng_state()
    flags = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()
    rows = layers_of(model, get("vae"))
    assert [row["macs"] is None for row in rows] == [fails] * len(rows)
    assert [row["part"] for row in rows] == ["encoder"] * 2 + ["decoder"] * 3
    assert model.encoder[0].calls == 0, "a copy was followed"
    layer_table(model, lambda: model(torch.zeros(1, 1, 28, 28), None))
    assert [module.training for module in model.modules()] == modes
    assert [str(module) for module in model.modules()] == forms
    assert flags == (torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled())
    layers_of(model, get("vae"))
    random.setstate(drawn[0])
    torch.set_rng_state(drawn[1])
    layers_of(model, get("vae"))
    assert random.getstate() == drawn[0]
    assert torch.equal(torch.get_rng_state(), drawn[1])
