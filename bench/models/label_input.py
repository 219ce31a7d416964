"""How the label of a CVAE reaches its encoder: as image planes, or beside the pixels where these are weighed at once.

Where the first layer is fully connected, after `nn.Flatten`, it takes the label one-hot beside the pixels: 784 + 10
inputs (`with_one_hot`). Any other encoder is built for eleven channels, of which ten are constant planes: that of an
image's own label y is one everywhere, and the others are zero.

Neither the planes nor the ten numbers need be there for every image. A first layer that is linear adds up what each of
its inputs contributes, so with weights W for the image and V_0 … V_9 for the labels it is

    layer([x, y]; W, V) = layer(x; W) + layer(1; V_y)

where 1 is an image of ones, or the number one. The second term is one of ten, whatever the image: of a fully connected
layer a column of its weights; of a convolution without padding a number per channel (the sum of V_y over the kernel),
with padding what of that sum the border leaves. So an image costs about what it costs a VAE, and several labels of one
image (`bench.tasks.m2`, `bench.evaluation.parts.bayes`) have the first term in common. These are the same sums in
another order: in float64 outputs and gradients equal those of the whole input (tests/models/test_label_input.py).

An architecture has no part in this. Its layers, weights and counted operations are those of the network as it is
declared. An encoder that isn't sure to begin with such a layer is given the planes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from archs.base import IMAGE_SIZE
from archs.blocks import Conv2d, Flatten
from bench.models.trying import AnyModule

NOTHING: nn.Module = nn.Identity()

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")

REPLACED = frozenset({"forward", "convolved", "_conv_forward", "_call_impl", "_compiled_call_impl"})
"""What is among a module's own attributes where somebody has changed what it does, or wants it compiled."""

PIXELS = IMAGE_SIZE**2

ONE_HOT = "one-hot"
"""The `label_input` of a run whose encoder takes the label one-hot beside the pixels."""


class Split(NamedTuple):
    """An encoder whose first layer can be computed in two terms."""

    before: nn.Module
    """What comes before that layer: nothing, zeros that are added around the image, or flattening."""

    layer: nn.Conv2d | nn.Linear

    after: Sequence[nn.Module]
    """What follows, one after the other."""


def weighs_all_pixels(encoder: nn.Module, channels: int) -> bool:
    """Return whether an encoder of so many channels begins with a fully connected layer."""
    return is_fully_connected(first_layer(encoder), channels * PIXELS)


def with_one_hot(encoder: nn.Module, classes: int) -> nn.Module | None:
    """Return an encoder of one channel that begins fully connected with `classes` inputs more; None if it can't be had.

    It can't where the layer, or its weights, have another use in the encoder. The new weights are uniform, with the
    standard deviation of those for the pixels, and drawn from torch's global generator. The given encoder, which
    whoever built it may have kept, stays as it is; all its other weights are those of the new one.
    """
    split = first_layer(encoder)
    if split is None or not is_fully_connected(split, PIXELS):
        return None
    layer = split.layer
    assert isinstance(layer, nn.Linear)
    uses = [parameter for _, parameter in encoder.named_parameters(remove_duplicate=False)]
    if sum(parameter is layer.weight for parameter in uses) > 1:
        return None
    with torch.no_grad():
        reach = layer.weight.std() * math.sqrt(3)  # that of U(-reach, reach) is reach / √3
        more = (torch.rand(len(layer.weight), classes, dtype=layer.weight.dtype) * 2 - 1) * reach
        weight = torch.cat([layer.weight, more], 1)
    wider = with_own(layer, "_parameters", weight=nn.Parameter(weight, layer.weight.requires_grad))
    wider.in_features = PIXELS + classes
    return replaced(encoder, layer, wider)


def replaced(module: nn.Module, layer: nn.Module, other: nn.Module) -> nn.Module:
    """Return a module with another layer in the place of one that it holds."""
    if module is layer:
        return other
    holding = {name: child for name, child in module.named_children() if any(each is layer for each in child.modules())}
    return with_own(module, "_modules", **{name: replaced(child, layer, other) for name, child in holding.items()})


def with_own(module: AnyModule, kind: str, **changed: Any) -> AnyModule:
    """Return a copy of a module with some other parameters (`kind` "_parameters") or members ("_modules")."""
    twin = copy.copy(module)
    vars(twin)[kind] = {**vars(module)[kind], **changed}
    return twin


def encode_with_labels(
    encoder: nn.Module, x: Tensor, labels: Tensor, classes: int, one_hot: bool, laid_out: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the features of images with their labels, [K·B, F].

    Args:
        encoder: one of 1 + classes channels or, if `one_hot`, what `with_one_hot` has made.
        x: images [B, 1, 28, 28].
        labels: [K·B], K for each image: one for each of them, then another for each, and so on.
        laid_out: gives images the layout in memory that the encoder is to have them in.
    """
    copies = len(labels) // len(x)
    told = F.one_hot(labels, classes).to(x.dtype)  # [K·B, classes]
    split = split_of(encoder, classes, one_hot)
    if split is None:
        features: Tensor = encoder(whole_input(repeated(x, copies), told, one_hot, laid_out))
        return features
    of_image, of_label = terms(split, laid_out(x), told)
    if copies > 1:
        of_label = of_label.unflatten(0, (copies, -1))
    features = of_image + of_label
    if copies > 1:
        features = features.flatten(0, 1)
    for module in split.after:
        features = module(features)
    return features


def whole_input(x: Tensor, told: Tensor, one_hot: bool, laid_out: Callable[[Tensor], Tensor]) -> Tensor:
    """Return all that an encoder takes: images [B, 1, 28, 28] with their labels, one-hot [B, classes].

    Returns:
        [B, 784 + classes, 1, 1], which is flattened to what the layer takes, or [B, 1 + classes, 28, 28].
    """
    if one_hot:
        return torch.cat([x.flatten(1), told], 1)[:, :, None, None]
    return laid_out(torch.cat([x, told[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1))


def repeated(x: Tensor, copies: int) -> Tensor:
    """Repeat a batch of images: [B, 1, 28, 28] → [copies·B, 1, 28, 28]."""
    return x if copies == 1 else x.repeat(copies, 1, 1, 1)


def split_of(encoder: nn.Module, classes: int, one_hot: bool) -> Split | None:
    """Return how an encoder is split; None if that isn't sure to compute the same.

    It does not matter what else uses the layer or its weights: this one call of it gives the same.
    """
    split = None if torch_module._has_any_global_hook() else first_layer(encoder)  # some, while operations are counted
    if one_hot:
        return split if is_fully_connected(split, PIXELS + classes) else None
    takes_all = split is not None and isinstance(split.layer, nn.Conv2d) and split.layer.weight.shape[1] == 1 + classes
    return split if takes_all else None  # with groups it takes fewer at once


def is_fully_connected(split: Split | None, inputs: int) -> bool:
    """Return whether the first layer is a fully connected one of so many inputs."""
    return split is not None and isinstance(split.layer, nn.Linear) and split.layer.weight.shape[1] == inputs


def first_layer(encoder: nn.Module) -> Split | None:
    """Return the layer that an encoder begins with; None unless it is one that `terms` knows, and nobody changed it."""
    before, modules = NOTHING, opened([encoder])
    if modules and type(modules[0]) in (nn.ZeroPad2d, nn.Flatten, Flatten) and is_unchanged(modules[0]):
        before, modules = modules[0], opened(modules[1:])
    if not modules or not is_unchanged(modules[0]) or not is_known(before, modules[0]):
        return None
    return Split(before, modules[0], modules[1:])  # type: ignore[arg-type]


def opened(modules: list[nn.Module]) -> list[nn.Module]:
    """Put the members of a container in its place, as long as the first of some modules is one."""
    while modules and type(modules[0]) is nn.Sequential and is_unchanged(modules[0]):
        modules = [*modules[0], *modules[1:]]
    return modules


def is_unchanged(module: nn.Module) -> bool:
    """Return whether a module does what its class does and nothing else."""
    return REPLACED.isdisjoint(vars(module)) and not any(getattr(module, hooks) for hooks in HOOKS)


def is_known(before: nn.Module, layer: nn.Module) -> bool:
    """Return whether a layer, and what comes before it, are of the very classes that `terms` knows.

    A class derived from one of them may compute something else: torch derives one for a layer with parametrizations.
    """
    is_flat = isinstance(before, nn.Flatten | Flatten)
    if isinstance(layer, nn.Conv2d):
        return type(layer) in (nn.Conv2d, Conv2d) and layer.padding_mode == "zeros" and not is_flat
    return type(layer) is nn.Linear and is_flat


def terms(split: Split, x: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the first layer makes of images x [B, 1, 28, 28] and of labels, one-hot [K·B, classes].

    Returns:
        [B, F] and [K·B, F] or, of a convolution, [B, C, h, w] and [K·B, C, h, w] or [K·B, C, 1, 1].
    """
    before, layer, classes = split.before, split.layer, told.shape[1]
    if isinstance(layer, nn.Linear):
        of_image, of_label = layer.weight.split([PIXELS, classes], 1)
        return F.linear(x.flatten(1), of_image, layer.bias), told @ of_label.T
    of_image, of_planes = layer.weight.split([1, classes], 1)
    y = convolved(layer, before(x), of_image, layer.bias)
    if before is NOTHING and layer.padding in ((0, 0), "valid"):
        return y, (told @ of_planes.sum((2, 3)).T)[:, :, None, None]
    each_apart = of_planes.flatten(0, 1).unsqueeze(1)
    ones = torch.ones((1, *x.shape[1:]), dtype=x.dtype, device=x.device)  # one for all models of a stack
    maps = convolved(layer, before(ones), each_apart, None)[0]  # [C·classes, h, w]
    maps = maps.unflatten(0, (-1, classes)).permute(1, 2, 3, 0)  # [classes, h, w, C]: channels last, as in most layers
    return y, (told @ maps.flatten(1)).view(-1, *maps.shape[1:]).permute(0, 3, 1, 2)


def convolved(layer: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute a convolution with other weights than its own."""
    if isinstance(layer, Conv2d):
        return layer.convolved(x, weight, bias)
    return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation)
