"""What builders build, as text: a difference is seen, and the text is the same everywhere."""

from __future__ import annotations

import functools
import hashlib
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.parametrizations as parametrizations
from torch import Tensor, nn

from archs.identity.structure import NOT_BUILT, array_text, structure

Builder = Callable[[int], Any]


class Layer(nn.Module):
    """With whatever attributes, buffers and parameters it is given."""

    def __init__(self, **held: Any) -> None:
        super().__init__()
        for name, value in held.items():
            if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)


class Conv(nn.Conv2d):
    """torch's, with a constant of its own."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__(2, 3, 3, padding="same")
        self.scale, self._kept_for_itself = scale, object()


def tied() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def frozen(bias: bool) -> nn.Module:
    layer = nn.Linear(4, 4)
    (layer.bias if bias else layer.weight).requires_grad_(False)
    return layer


def with_weight(value: float) -> nn.Module:
    layer = nn.Linear(20, 20)
    nn.init.constant_(layer.weight, value)
    return layer


def cut_off() -> nn.Module:
    layer = nn.Linear(30, 20)
    nn.init.trunc_normal_(layer.weight)  # draws other numbers in torch 2.15 than in 2.11
    return layer


MANY = np.random.default_rng(1).normal(size=1000).astype(np.float32)
DIFFERENT: dict[str, tuple[Builder, Builder]] = {
    "a width": (lambda _: nn.Linear(4, 5), lambda _: nn.Linear(4, 6)),
    "the order": (lambda _: nn.Sequential(nn.ReLU(), nn.Tanh()), lambda _: nn.Sequential(nn.Tanh(), nn.ReLU())),
    "a class of ours": (lambda _: Layer(), lambda _: nn.Module()),
    "a dtype": (lambda _: nn.Linear(4, 5), lambda _: nn.Linear(4, 5, dtype=torch.float64)),
    "what is trained": (lambda _: frozen(True), lambda _: frozen(False)),
    "what is shared": (lambda _: tied(), lambda _: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))),
    "heads, which no weight shows": (lambda _: nn.MultiheadAttention(8, 2), lambda _: nn.MultiheadAttention(8, 4)),
    "a stride": (lambda _: nn.Conv2d(1, 2, 3), lambda _: nn.Conv2d(1, 2, 3, stride=2)),
    "a rate": (lambda _: nn.Dropout(0.1), lambda _: nn.Dropout(0.2)),
    "an activation in a layer": (
        lambda _: nn.TransformerEncoderLayer(8, 2, 8),
        lambda _: nn.TransformerEncoderLayer(8, 2, 8, activation="gelu"),
    ),
    "a constant": (lambda _: Layer(scale=0.5), lambda _: Layer(scale=0.25)),
    "a constant of a layer of torch's kind": (lambda _: Conv(1.0), lambda _: Conv(2.0)),
    "a list": (lambda _: Layer(sizes=[1, (2, None)]), lambda _: Layer(sizes=[1, (2, True)])),
    "a function": (lambda _: Layer(act=torch.relu), lambda _: Layer(act=torch.tanh)),
    "an array": (lambda _: Layer(held=np.ones(3)), lambda _: Layer(held=np.ones(4))),
    "a number in a buffer": (lambda _: Layer(a=torch.arange(9)), lambda _: Layer(a=torch.arange(9).flip(0))),
    "the places of numbers": (
        lambda _: Layer(a=torch.linspace(0, 1, 9)),
        lambda _: Layer(a=torch.linspace(0, 1, 9).flip(0)),
    ),
    "a sign": (lambda _: Layer(a=torch.ones(9)), lambda _: Layer(a=-torch.ones(9))),
    "an infinite number": (lambda _: Layer(a=torch.zeros(9)), lambda _: Layer(a=torch.full((9,), torch.inf))),
    "a complex number": (lambda _: Layer(a=torch.ones(2) + 1j), lambda _: Layer(a=torch.ones(2) + 2j)),
    "numbers of two bytes": (lambda _: Layer(a=torch.ones(2).bfloat16()), lambda _: Layer(a=torch.zeros(2).bfloat16())),
    "what weights start from": (lambda _: with_weight(0.5), lambda _: with_weight(0.6)),
    "drawn or not": (lambda _: nn.Linear(20, 20), lambda _: with_weight(0.5)),
    "lazily, how wide": (lambda _: nn.LazyLinear(4), lambda _: nn.LazyLinear(5)),
    "within a compiled one": (lambda _: torch.compile(nn.Linear(4, 5)), lambda _: torch.compile(nn.Linear(4, 6))),
    "within a scripted one": (lambda _: torch.jit.script(nn.Linear(4, 5)), lambda _: torch.jit.script(nn.Linear(4, 6))),
    "what is no network": (lambda _: 3, lambda _: "3"),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_difference_in_what_is_built_is_seen(what: str) -> None:
    one, other = DIFFERENT[what]
    assert structure(one, 1) != structure(other, 1)
    assert NOT_BUILT not in (structure(one, 1), structure(other, 1))


CALLS: list[int] = []
ALIKE: dict[str, Builder] = {
    "a path": lambda _: Layer(where=f"{os.sep}folder-{len(CALLS)}{os.sep}weights.pt"),
    "a device": lambda _: Layer(where=random.SystemRandom().choice(["cpu", "cuda:0", torch.device("cpu")])),
    "a number that is drawn anew each time": lambda _: Layer(
        a=torch.from_numpy(np.random.default_rng().normal(size=9))
    ),
    "a constant that is": lambda _: Layer(a=float(np.random.default_rng().normal())),
    "a count of calls": lambda _: Layer(a=CALLS.append(1) or len(CALLS)),  # type: ignore[func-returns-value]
    "an object": lambda _: Layer(a=object(), b=[object()]),
}


@pytest.mark.parametrize("what", ALIKE)
def test_what_differs_from_call_to_call_is_left_out(what: str) -> None:
    again = functools.partial(ALIKE[what])  # a builder of its own, so that it is called again
    assert structure(ALIKE[what], 1) == structure(again, 1)
    assert "Layer" in structure(again, 1)


def test_a_network_that_is_kept_tells_its_shape_and_not_what_it_was_trained_to() -> None:
    kept = nn.Linear(4, 5)
    before = structure(lambda _: kept, 1)
    nn.init.constant_(kept.weight, 3.0)
    assert structure(lambda _: kept, 1) == before


def raises(_: int) -> nn.Module:
    raise ValueError("not so")


def sets_a_dtype(_: int) -> nn.Module:
    torch.set_default_dtype(torch.float64)
    return nn.Linear(4, 5)


@pytest.mark.parametrize("builder", [raises, sets_a_dtype, lambda _: sys.exit(3), lambda: None])
def test_a_builder_that_fails_is_the_run_s_to_report(builder: Builder) -> None:
    assert structure(builder, 1) == NOT_BUILT
    assert torch.get_default_dtype() == torch.float32


def test_building_says_nothing_and_draws_nothing(capsys: pytest.CaptureFixture) -> None:
    def builder(_: int) -> nn.Module:
        print("building")
        random.random(), np.random.rand()
        return nn.LazyLinear(5)  # torch warns

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    structure(builder, 1)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert capsys.readouterr() == ("", "")


KINDS: tuple[Builder, ...] = (
    lambda _: nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3, padding_mode="circular"), nn.ConvTranspose2d(6, 3, 3, stride=2, output_padding=1),
        nn.BatchNorm2d(3), nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.InstanceNorm2d(3, affine=True), nn.RMSNorm(3),
        nn.LSTM(4, 5, 2, bidirectional=True), nn.GRUCell(4, 5), nn.Embedding(5, 4), nn.PReLU(), nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(1), nn.Unflatten(1, (1, 28, 28)), nn.Bilinear(2, 3, 4),
        nn.TransformerEncoderLayer(8, 2, 8), nn.LazyConv2d(3, 3), nn.LazyBatchNorm2d(),
        nn.ParameterList([torch.ones(3)]),
    ),
    lambda _: nn.ModuleDict({
        "spectral": parametrizations.spectral_norm(nn.Linear(9, 8)),
        "norm": parametrizations.weight_norm(nn.Linear(9, 8)),
        "orthogonal": parametrizations.orthogonal(nn.Linear(8, 8)), "own": Layer(a=torch.ones(3) / 3, b=[1.0 / 3, "x"]),
    }),
    lambda _: nn.ModuleList([cut_off(), Conv(), tied()]),
    lambda _: torch.compile(nn.Linear(4, 5)),
    lambda _: torch.jit.script(nn.Sequential(nn.Linear(4, 5), nn.ReLU())),
)  # fmt: skip


def test_the_text_is_the_same_on_every_version_of_torch() -> None:
    """The text that 2.11 and 2.15 were seen to agree on."""
    text = "\n\n".join(structure(kind, 1) for kind in KINDS)
    assert NOT_BUILT not in text
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "16a932b25ae907eb"


def test_numbers_are_written_so_that_rounding_does_not_matter_and_an_edit_does() -> None:
    for seed, values in enumerate((MANY, np.ones(1000), MANY / np.linalg.norm(MANY), np.arange(1000) * 0.125)):
        noise = np.random.default_rng(seed).uniform(-6e-8, 6e-8, size=1000)
        assert array_text(values.astype(np.float64) * (1 + noise)) == array_text(values.astype(np.float64))
        assert array_text(values.astype(np.float32)) == array_text(values.astype(np.float64))
        assert array_text(values * 1.01) != array_text(values)
        swapped = values.copy()
        swapped[:500], swapped[500:] = values[500:], values[:500]
        assert array_text(swapped) != array_text(values) or (values == values[0]).all()
    assert array_text(np.array([])) == array_text(np.array([]))
