"""Trying a network out without leaving a trace on it."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from archs.base import IMAGE_SIZE
from archs.foreign.random_states import RandomStates

AnyModule = TypeVar("AnyModule", bound=nn.Module)

EMPTY = (OrderedDict, dict, set)
"""Of what kind the tables of a layer are, which tell it nothing as long as they are empty."""


def copied(model: AnyModule) -> AnyModule:
    """Return what `copy.deepcopy` returns, in a fraction of the time: a layer has a dozen tables of hooks, all empty.

    Raises:
        RuntimeError: it holds a tensor that was computed, or whatever else its own way of being copied raises.
    """
    tables = (held for layer in model.modules() for held in vars(layer).values() if type(held) in EMPTY and not held)
    return copy.deepcopy(model, {id(table): type(table)() for table in tables})


@contextmanager
def same_modes(model: nn.Module) -> Iterator[None]:
    """Put every layer back into training or evaluation, whichever it was in, after the block."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def untouched(model: AnyModule) -> Iterator[AnyModule]:
    """Yield a model to try things on, without gradients: a copy, so that the model stays what it is.

    One that can't be copied, since it holds a tensor that was computed, is lent itself, and its weights, buffers and
    modes are put back. So is what is drawn from the generators of the process.
    """
    random_states = RandomStates.now(next((tensor.device for tensor in model.parameters()), None))
    try:
        with torch.no_grad():
            lent, is_copy = copied(model), True
    except (RuntimeError, TypeError, NotImplementedError):
        lent, is_copy = model, False
    tensors: list[Tensor] = [] if is_copy else [*model.parameters(), *model.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    try:
        with same_modes(model), torch.no_grad():
            yield lent
    finally:
        random_states.restore()
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)


def materialise(module: nn.Module, example: Tensor) -> None:
    """Give lazy layers their sizes, and so their weights, which are drawn here, by passing an example through."""
    if not any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        return
    with same_modes(module), torch.no_grad():
        module.eval()(example)


def takes_channels_last(model: nn.Module) -> bool:
    """Return whether a model, called with images and labels, computes with the channels of its weights last in memory.

    One that calls `view` after a convolution does not: what that gives has its channels last then, too.
    """
    device = next(model.parameters()).device
    x, labels = (
        torch.zeros(2, 1, IMAGE_SIZE, IMAGE_SIZE, device=device),
        torch.zeros(2, dtype=torch.long, device=device),
    )
    with untouched(model) as lent:
        lent.to(memory_format=torch.channels_last)
        try:
            for training in (True, False):
                lent.train(training)(x, labels)
        except RuntimeError:
            return False
    return True
