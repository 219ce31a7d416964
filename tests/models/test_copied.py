"""A model's copy is that of copy.deepcopy, though its empty tables are not walked through."""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch
from torch import nn

from bench.models.trying import copied


def network() -> nn.Module:
    """A layer used twice, two that share their weight, one with a hook, and one with a number beside its weights."""
    layer, first, second = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    first.register_forward_hook(lambda module, inputs, output: output + 1)
    second.seen, second.notes = [], {}  # type: ignore[assignment]
    return nn.Sequential(layer, layer, first, nn.BatchNorm1d(4), second).eval()


def test_it_computes_the_same_and_shares_within_itself_what_the_model_shares() -> None:
    model, x = network(), torch.rand(3, 4)
    found, deep = copied(model), copy.deepcopy(model)
    assert torch.equal(found(x), model(x)) and torch.equal(found(x), deep(x))
    assert found[0] is found[1] is not model[0]
    assert found[2].weight is found[4].weight is not model[2].weight
    assert found.state_dict().keys() == model.state_dict().keys()


def test_nothing_of_it_is_the_models() -> None:
    model = network()
    found = copied(model)
    for one, other in zip(found.modules(), model.modules(), strict=True):
        assert vars(one).keys() == vars(other).keys()
        for name, held in vars(one).items():
            assert type(held) is type(vars(other)[name])
            assert held is not vars(other)[name] or not isinstance(held, OrderedDict | dict | set | list), name
    found[0].register_forward_hook(lambda module, inputs, output: output * 0)
    found[4].notes["seen"] = 1
    assert not model[0]._forward_hooks and not model[4].notes
    assert found[2]._forward_hooks and not found[3]._forward_hooks
