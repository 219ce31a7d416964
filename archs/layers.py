"""The layer table of a model: the output shape, weights, biases and multiply-accumulates of each layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """One layer that owns parameters."""

    part: str
    """The part of the model that holds it: encoder, head or decoder."""

    layer: str
    """What it does: "conv 5×5, stride 2, 1→16"."""

    kind: str
    """conv, transposed conv, fc or other."""

    output_shape: str
    """Without the batch: "16x12x12"."""

    weights: int
    biases: int
    macs: int | None
    """Multiply-accumulates for one image by the direct form of the layer, before any cropping; None if unknown."""


def layer_table(model: nn.Module, run: Callable[[], object]) -> list[Layer]:
    """Return a row for each module that owns parameters, in the order in which an image reaches them.

    A parameter that two modules share is counted with the first.

    Args:
        run: passes one image through the model.

    Raises:
        RuntimeError: the rows don't add up to all parameters, since a module that owns some was not called.
    """
    rows: dict[str, Layer] = {}
    names = {module: name for name, module in model.named_modules()}
    counted: set[int] = set()

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        name = names[module]
        own = [(key, value) for key, value in module.named_parameters(recurse=False) if id(value) not in counted]
        if name in rows or not own:
            return
        counted.update(id(value) for _, value in own)
        biases = sum(value.numel() for key, value in own if key == "bias")
        shape = "x".join(str(size) for size in output.shape[1:])
        weights = sum(value.numel() for _, value in own) - biases
        part, description = name.partition(".")[0], describe(name, module)
        rows[name] = Layer(part, description, kind(module), shape, weights, biases, macs(module, inputs[0], output))

    hooks = [module.register_forward_hook(record) for module in names if owns_parameters(module)]
    training = model.training
    try:
        model.eval()
        with torch.no_grad():
            run()
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    table, total = sum(row.weights + row.biases for row in rows.values()), parameter_count(model)
    if table != total:
        raise RuntimeError(f"the layer table counts {table} parameters, the model has {total}")
    return list(rows.values())


def parameter_count(model: nn.Module) -> int:
    """Return the number of weights and biases of a model."""
    return sum(parameter.numel() for parameter in model.parameters())


def owns_parameters(module: nn.Module) -> bool:
    """Return whether a module has parameters itself, not only in modules within it."""
    return next(module.parameters(recurse=False), None) is not None


def kind(module: nn.Module) -> str:
    """Return the kind of a layer: conv, transposed conv, fc or other."""
    if isinstance(module, nn.ConvTranspose2d):
        return "transposed conv"
    if isinstance(module, nn.Conv2d):
        return "conv"
    return "fc" if isinstance(module, nn.Linear) else "other"


def describe(name: str, module: nn.Module) -> str:
    """Say in words what a layer does: its kind and sizes, after its own name if the model's author gave it one."""
    own = name.split(".")[-1]
    prefix = "" if own.isdigit() or "." not in name else f"{own}: "
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        kernel, stride = "×".join(map(str, module.kernel_size)), module.stride[0]
        return f"{prefix}{kind(module)} {kernel}, stride {stride}, {module.in_channels}→{module.out_channels}"
    if isinstance(module, nn.Linear):
        return f"{prefix}fc {module.in_features}→{module.out_features}"
    return f"{prefix}{type(module).__name__}"


def macs(module: nn.Module, x: Tensor, y: Tensor) -> int | None:
    """Return the multiply-accumulates of a layer for one image; None if unknown.

    A transposed convolution multiplies every input pixel by its whole kernel.
    """
    if isinstance(module, nn.ConvTranspose2d):
        return x.shape[-1] * x.shape[-2] * module.weight.numel()
    if isinstance(module, nn.Conv2d):
        return y.shape[-1] * y.shape[-2] * module.weight.numel()
    return module.weight.numel() if isinstance(module, nn.Linear) else None


def count(rows: Iterable[Layer], *kinds: str) -> int:
    """Return the weights and biases of the rows of these kinds; of all rows if none is named."""
    return sum(row.weights + row.biases for row in rows if not kinds or row.kind in kinds)
