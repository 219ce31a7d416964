"""The weights of a model as the bytes of a safetensors file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from archs.errors import UserError
from bench.worker.failures import reason


def to_bytes(model: nn.Module) -> bytes:
    """Return the parameters and persistent buffers of a model, each tensor once, even if it has several names.

    Raises:
        UserError: its state can't be stored so.
    """
    state, tensors = model.state_dict(), dict[str, Tensor]()
    for name in dict.fromkeys(first_names(state).values()):
        value = state[name]
        if not isinstance(value, Tensor):
            raise UserError(
                f"its state holds {name}, a {type(value).__name__}, and only tensors can be stored; "
                "keep it in buffers (register_buffer)"
            )
        # a copy, since tensors that share no more than a part of their memory are stored each by itself
        tensors[name] = value.cpu().clone(memory_format=torch.contiguous_format)
    try:
        return safetensors.torch.save(tensors)
    except Exception as error:
        raise UserError(f"its weights can't be stored: {reason(error)}") from error


def load_into(model: nn.Module, content: bytes) -> None:
    """Give a model the weights that `to_bytes` made of another of its kind.

    Raises:
        ValueError: these are the weights of another kind of model, or no weights at all.
    """
    try:
        tensors = safetensors.torch.load(content)
        first = first_names(model.state_dict())
        model.load_state_dict({name: tensors[first[name]] for name in first if first[name] in tensors} | tensors)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(reason(error)) from error


def first_names(state: Mapping[str, object]) -> dict[str, str]:
    """Return, for each name in the state of a model, the first name of the same tensor."""
    seen: dict[Any, str] = {}
    return {name: seen.setdefault(place(name, value), name) for name, value in state.items()}


def place(name: str, value: object) -> Any:
    """Return what all names of a tensor have in common: where it lies in memory, and how."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.numel() == 0:
        return name
    return value.device, value.data_ptr(), value.dtype, value.shape, value.stride()
