"""Weights as bytes and back: a tensor of several names is stored once and comes back as one."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from archs.errors import UserError
from bench.worker.weights import load_into, to_bytes


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight
        self.both = nn.Sequential(self.one, self.one)


class Halves(nn.Module):
    """Two buffers that are parts of one tensor."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.arange(6.0)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[3:])


class WithExtraState(nn.Linear):
    def get_extra_state(self) -> Any:
        return {"version": 1}


def test_a_tensor_of_several_names_is_stored_once_and_stays_one() -> None:
    model, other = Tied(), Tied()
    content = to_bytes(model)
    assert set(safetensors.torch.load(content)) == {"one.weight", "one.bias", "two.bias"}
    load_into(other, content)
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    assert other.two.weight is other.one.weight


def test_parts_of_one_tensor_are_stored_each_by_itself() -> None:
    model = Halves()
    content = to_bytes(model)
    model.whole.zero_()
    load_into(model, content)
    assert model.whole.tolist() == [0, 1, 2, 3, 4, 5]
    assert model.part.tolist() == [3, 4, 5]


def test_storing_copies() -> None:
    model = nn.Linear(2, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    content = to_bytes(model)
    nn.init.zeros_(model.weight)
    load_into(model, content)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_no_tensor_is_named() -> None:
    with pytest.raises(UserError, match=r"its state holds _extra_state, a dict, and only tensors can be stored"):
        to_bytes(WithExtraState(2, 2))


@pytest.mark.parametrize("other", [nn.Linear(3, 2), nn.Linear(2, 2, bias=False), nn.Sequential(nn.Linear(2, 2))])
def test_weights_of_another_network_are_refused(other: nn.Module) -> None:
    with pytest.raises(ValueError, match="RuntimeError: Error"):
        load_into(other, to_bytes(nn.Linear(2, 2)))


def test_bytes_that_are_no_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="Safetensor"):
        load_into(nn.Linear(2, 2), b"nothing")
