"""What an architecture's builders have built: whether it can be an encoder or a decoder at all, tried out on a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from archs.base import IMAGE_SIZE, Arch
from archs.errors import UserError
from archs.foreign.entries import kind_of
from archs.foreign.raised import HALF_MADE
from bench.models.trying import materialise, untouched


def feature_count(arch: Arch, encoder: nn.Module, in_channels: int) -> int:
    """Return the F of an encoder's output [B, F], and give its lazy layers their weights, if it has any.

    Raises:
        UserError: its output is of another form.
    """
    shape = output_shape(arch, "encoder", encoder, torch.zeros(2, in_channels, IMAGE_SIZE, IMAGE_SIZE))
    if len(shape) != 2 or shape[0] != 2 or shape[1] == 0:
        raise UserError(
            f"{arch.name}: its encoder gives {list(shape)} for 2 images, expected [2, features]; "
            "end it with nn.Flatten()"
        )
    return shape[1]


def check_decoder(arch: Arch, decoder: nn.Module, in_features: int) -> None:
    """Give the lazy layers of a decoder their weights, and raise `UserError` unless it maps vectors to images."""
    shape = output_shape(arch, "decoder", decoder, torch.zeros(2, in_features))
    if shape != (2, 1, IMAGE_SIZE, IMAGE_SIZE):
        raise UserError(
            f"{arch.name}: its decoder gives {list(shape)} for 2 vectors, expected [2, 1, {IMAGE_SIZE}, {IMAGE_SIZE}]"
        )


def output_shape(arch: Arch, role: str, part: Any, example: Tensor) -> tuple[int, ...]:
    """Return the shape of what a part of a network gives for an example, the same in training and in evaluation.

    Raises:
        UserError: the part is no module, or none that can be used, or it gives something that is no tensor of
            numbers, or tensors of two shapes.
    """
    check_module(arch, role, part)
    materialise(part, example)
    with untouched(part) as lent:
        outputs = [lent.train(training)(example) for training in (True, False)]
    for output in outputs:
        if not isinstance(output, Tensor):
            advice = "; the layers for mean and variance are the task's" if role == "encoder" else ""
            raise UserError(f"{arch.name}: its {role} gives {kind_of(output)}, expected one tensor{advice}")
        if not output.is_floating_point() or (role == "encoder" and output.dtype != torch.get_default_dtype()):
            raise UserError(f"{arch.name}: its {role} gives numbers of {output.dtype}, expected torch.float32")
    in_training, shape = (tuple(output.shape) for output in outputs)
    if in_training != shape:
        raise UserError(
            f"{arch.name}: its {role} gives {list(in_training)} in training and {list(shape)} in evaluation, "
            "expected the same"
        )
    return shape


def check_module(arch: Arch, role: str, part: Any) -> None:
    """Raise `UserError` for what is no module, or no whole one, or one that is on a device."""
    if not isinstance(part, nn.Module):
        advice = f"; write {part.__name__}(…)" if isinstance(part, type) else ""
        advice = "; write nn.Sequential(…) around them" if isinstance(part, list | tuple) else advice
        raise UserError(
            f"{arch.name}: what builds its {role} returns {kind_of(part)}, expected a torch.nn.Module{advice}"
        )
    for module in every(part):
        if "_parameters" not in vars(module):
            raise UserError(
                f"{arch.name}: its {role} holds a {type(module).__name__} that is only half made; {HALF_MADE}"
            )
    for tensor in (*part.parameters(), *part.buffers()):
        if tensor.device.type != "cpu":
            raise UserError(
                f"{arch.name}: its {role} is built on the device {tensor.device}, expected the CPU: a run takes it to "
                "its own device"
            )


def every(module: nn.Module) -> Iterator[nn.Module]:
    """Yield a module and those in it; one that is only half made has none."""
    yield module
    for child in vars(module).get("_modules", {}).values():
        if isinstance(child, nn.Module):
            yield from every(child)
