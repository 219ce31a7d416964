"""The label of a CVAE as its encoder is given it: ten constant image planes, of which none needs to be drawn.

The plane of an image's own label y is one everywhere, and the others are zero. A first layer that is linear adds up
what each of its channels contributes, so with weights W for the image and V_0 … V_9 for the planes it is

    layer([x, planes of y]; W, V) = layer(x; W) + layer(1; V_y)

where 1 is an image of ones. The second term is one of ten maps, whatever the image: of a convolution without padding a
number per channel (the sum of V_y over the kernel), with padding what of that sum the border leaves; of a fully
connected layer the sum of V_y over the pixels. So an image costs about what it costs a VAE, and several labels of one
image (`bench.tasks.m2`) have the first term in common. These are the same sums in another order: in float64 outputs and
gradients equal those with the planes (tests/models/test_label_planes.py).

An architecture has no part in this. Its encoder is built for eleven channels; its layers, weights and counted
operations are those of the network as it is declared. An encoder that isn't sure to begin with such a layer is given
the planes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from archs.base import IMAGE_SIZE
from archs.blocks import Conv2d, Flatten

NOTHING: nn.Module = nn.Identity()

HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")

REPLACED = frozenset({"forward", "convolved", "_conv_forward", "_call_impl", "_compiled_call_impl"})
"""What is among a module's own attributes where somebody has changed what it does, or wants it compiled."""


class Split(NamedTuple):
    """An encoder whose first layer can be computed in two terms."""

    before: nn.Module
    """What comes before that layer: nothing, zeros that are added around the image, or flattening."""

    layer: nn.Conv2d | nn.Linear

    after: Sequence[nn.Module]
    """What follows, one after the other."""


def encode_with_labels(
    encoder: nn.Module, x: Tensor, labels: Tensor, classes: int, laid_out: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the features of images with their labels, [K·B, F].

    Args:
        encoder: one of 1 + classes channels.
        x: images [B, 1, 28, 28].
        labels: [K·B], K for each image: one for each of them, then another for each, and so on.
        laid_out: gives images the layout in memory that the encoder is to have them in.
    """
    copies = len(labels) // len(x)
    one_hot = F.one_hot(labels, classes).to(x.dtype)  # [K·B, classes]
    split = split_of(encoder, 1 + classes)
    if split is None:
        planes = one_hot[:, :, None, None].expand(-1, -1, *x.shape[2:])
        features: Tensor = encoder(laid_out(torch.cat([repeated(x, copies), planes], 1)))
        return features
    of_image, of_label = terms(split, laid_out(x), one_hot)
    if copies > 1:
        of_label = of_label.unflatten(0, (copies, -1))
    features = of_image + of_label
    if copies > 1:
        features = features.flatten(0, 1)
    for module in split.after:
        features = module(features)
    return features


def repeated(x: Tensor, copies: int) -> Tensor:
    """Repeat a batch of images: [B, 1, 28, 28] → [copies·B, 1, 28, 28]."""
    return x if copies == 1 else x.repeat(copies, 1, 1, 1)


def split_of(encoder: nn.Module, channels: int) -> Split | None:
    """Return how an encoder of so many channels is split; None if that isn't sure to compute the same.

    Nobody may have changed the modules that it begins with, or be following their calls. It does not matter what else
    uses the layer or its weights: this one call of it gives the same.
    """
    if torch_module._has_any_global_hook():  # as while operations are counted
        return None
    before, modules = NOTHING, opened([encoder])
    if modules and type(modules[0]) in (nn.ZeroPad2d, nn.Flatten, Flatten) and is_unchanged(modules[0]):
        before, modules = modules[0], opened(modules[1:])
    if not modules or not is_unchanged(modules[0]) or not is_known(before, modules[0], channels):
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


def is_known(before: nn.Module, layer: nn.Module, channels: int) -> bool:
    """Return whether a layer of so many channels, and what comes before it, are of the very classes that `terms` knows.

    A class derived from one of them may compute something else: torch derives one for a layer with parametrizations.
    """
    is_flat = isinstance(before, nn.Flatten | Flatten)
    if isinstance(layer, nn.Linear):
        return type(layer) is nn.Linear and is_flat and layer.weight.shape[1] == channels * IMAGE_SIZE**2
    if isinstance(layer, nn.Conv2d) and type(layer) in (nn.Conv2d, Conv2d):
        has_all = layer.weight.shape[1] == channels  # and so no groups
        return has_all and layer.padding_mode == "zeros" and not is_flat
    return False


def terms(split: Split, x: Tensor, one_hot: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the first layer makes of images x [B, 1, 28, 28] and of labels, one-hot [K·B, classes].

    Returns:
        [B, F] and [K·B, F] or, of a convolution, [B, C, h, w] and [K·B, C, h, w] or [K·B, C, 1, 1].
    """
    before, layer, classes = split.before, split.layer, one_hot.shape[1]
    if isinstance(layer, nn.Linear):
        dim = 2 if isinstance(before, Flatten) else 1  # it takes all channels of a pixel together; torch's the reverse
        weight = layer.weight.unflatten(1, (-1, 1 + classes) if dim == 2 else (1 + classes, -1))
        of_image, of_planes = weight.split([1, classes], dim)
        table = of_planes.sum(3 - dim).T  # [classes, F]
        return F.linear(x.flatten(1), of_image.squeeze(dim), layer.bias), one_hot @ table
    of_image, of_planes = layer.weight.split([1, classes], 1)
    y = convolved(layer, before(x), of_image, layer.bias)
    if before is NOTHING and layer.padding in ((0, 0), "valid"):
        return y, (one_hot @ of_planes.sum((2, 3)).T)[:, :, None, None]
    each_apart = of_planes.flatten(0, 1).unsqueeze(1)
    ones = torch.ones((1, *x.shape[1:]), dtype=x.dtype, device=x.device)  # one for all models of a stack
    maps = convolved(layer, before(ones), each_apart, None)[0]  # [C·classes, h, w]
    maps = maps.unflatten(0, (-1, classes)).permute(1, 2, 3, 0)  # [classes, h, w, C]: channels last, as in most layers
    return y, (one_hot @ maps.flatten(1)).view(-1, *maps.shape[1:]).permute(0, 3, 1, 2)


def convolved(layer: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute a convolution with other weights than its own."""
    if isinstance(layer, Conv2d):
        return layer.convolved(x, weight, bias)
    return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation)
