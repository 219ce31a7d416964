"""Convolutions of several models at once, as batched products of matrices: the form that a GPU runs.

cuDNN computes the convolutions of several models as a single one with groups. Its gradients in float32 take many times
as long as those of the same models one by one, and even for one model it computes layers as small as these slowly
(docs/gpu.md). Here the patches that a kernel sees become the rows of a matrix, one matrix for each model, and the
convolution, its adjoint and both gradients are products of matrices. They are the same sums as in `archs.forms`, in
another order.

Images are [S, B, H, W, C] throughout, for S models. Channels are last, so that a row of pixels of a patch is one run of
memory. A single model has S = 1.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from archs.forms import Layout, Shape, layout

PARALLEL = 256
"""How many products a GPU should have to do at once; a long sum is split until there are so many."""
SHORTEST = 64
"""How many terms a part of a split sum has at least."""
WIDEST = torch.complex128
"""A type of sixteen bytes, the most that a GPU copies at once."""


def convolution(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """Compute a convolution; under vmap, those of all models at once.

    x [B, in, n, n], weight [out, in, k, k], bias [out] → [B, out, m, m].
    """
    y: Tensor = Convolution.apply(*(one.unsqueeze(0) for one in (x, weight, bias)), stride, padding)[0]
    return y.squeeze(0)


def transposed_convolution(x: Tensor, weight: Tensor, bias: Tensor, shape: Shape) -> Tensor:
    """Compute a transposed convolution; under vmap, those of all models at once.

    x [B, in, in_size, in_size], weight [in, out, k, k], bias [out] → [B, out, size, size].
    """
    y: Tensor = Transposed.apply(*(one.unsqueeze(0) for one in (x, weight, bias)), shape)[0]
    return y.squeeze(0)


class Batched(torch.autograd.Function):
    """A function whose tensors all begin with the dimension S, into which it merges the dimension that vmap adds."""

    @classmethod
    def vmap(cls, info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, Any]:
        count = info.batch_size

        def merged(one: Any, dim: int | None) -> Any:
            if not isinstance(one, Tensor):
                return one
            one = one.expand(count, *one.shape) if dim is None else one.movedim(dim, 0)
            return one.flatten(0, 1)

        outputs = cls.apply(*map(merged, inputs, in_dims))
        return tuple(one.unflatten(0, (count, -1)) for one in outputs), (0,) * len(outputs)


class Convolution(Batched):
    """A convolution: [S, B, in, n, n], weight [S, out, in, k, k], bias [S, out] → [S, B, out, m, m].

    It also returns the patches of its input, which its backward pass needs.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> tuple[Tensor, Tensor]:
        patches, size = patches_of(pixels(x), padding, padding, weight.shape[-1], stride)
        y = torch.baddbmm(bias[:, None], patches, matrix(weight).transpose(1, 2))
        return images(y, x.shape[1], size), patches

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, weight, _, ctx.stride, ctx.padding = inputs
        ctx.size = x.shape[-1]
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(weight, output[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Tensor | None, ...]:
        if upstream[0] is None:
            return (None,) * 5
        weight, patches = ctx.saved_tensors
        gradient = pixels(upstream[0]).contiguous()  # [S, B, m, m, out]
        rows = gradient.flatten(1, 3)
        of_weight = unmatrix(sum_of_products(rows, patches, gradient.shape[1]), weight.shape)
        of_x = None
        if ctx.needs_input_grad[0]:
            shape = Shape(weight.shape[-1], ctx.stride, ctx.padding, gradient.shape[2], ctx.size)
            of_x = in_blocks(gradient, weight, None, shape).permute(0, 1, 4, 2, 3)
        return of_x, of_weight, rows.sum(1), None, None


class Transposed(Batched):
    """A transposed convolution: [S, B, in, in_size, in_size], weight [S, in, out, k, k] → [S, B, out, size, size].

    Its bias is [S, out].
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, shape: Shape) -> tuple[Tensor]:
        return (in_blocks(pixels(x), weight, bias, shape).permute(0, 1, 4, 2, 3),)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor]) -> None:
        x, weight, _, ctx.shape = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (kernel, stride, start, in_size, size) = ctx.saved_tensors, ctx.shape
        gradient = pixels(upstream[0])
        after = (in_size - 1) * stride + kernel - start - size
        patches, _ = patches_of(gradient, start, after, kernel, stride)  # [S, B·in_size², k·k·out]
        rows = pixels(x).flatten(1, 3)
        of_x = images(torch.bmm(patches, matrix(weight).transpose(1, 2)), x.shape[1], in_size)
        of_weight = unmatrix(sum_of_products(rows, patches, x.shape[1]), weight.shape)
        return of_x, of_weight, gradient.sum((1, 2, 3)), None


def pixels(x: Tensor) -> Tensor:
    """Move channels last: [S, B, C, H, W] → [S, B, H, W, C]."""
    return x.permute(0, 1, 3, 4, 2)


def images(rows: Tensor, count: int, size: int) -> Tensor:
    """Make images of rows of pixels: [S, B·size·size, C] → [S, B, C, size, size]."""
    return rows.view(len(rows), count, size, size, -1).permute(0, 1, 4, 2, 3)


def patches_of(x: Tensor, before: int, after: int, kernel: int, stride: int) -> tuple[Tensor, int]:
    """Collect the patch that a kernel sees at each of its places: [S, B, n, n, C] → [S, B·m·m, k·k·C], and m.

    before, after: how many rows of zeros are added at the top and at the end, and as many columns. Below zero, so many
        are cut off.
    """
    dtype, x = x.dtype, widened(x.contiguous())
    if before or after:
        x = F.pad(x, (0, 0, before, after, before, after)).contiguous()
    models, count, rows, _, channels = x.shape
    size = (rows - kernel) // stride + 1
    of_model, of_image, of_row, of_column, _ = x.stride()
    seen = x.as_strided(
        (models, count, size, size, kernel, kernel * channels),
        (of_model, of_image, stride * of_row, stride * of_column, of_row, 1),
    )
    return seen.reshape(models, count * size * size, -1).view(dtype), size


def widened(x: Tensor) -> Tensor:
    """View […, C] as numbers of sixteen bytes, if C allows it: a GPU copies them four times as fast."""
    each = WIDEST.itemsize // x.element_size()
    if x.shape[-1] % each or x.storage_offset() % each:
        return x
    return x.view(-1).view(WIDEST).view(*x.shape[:-1], -1)  # as a row: a dimension of size 1 may have any stride


def matrix(weight: Tensor) -> Tensor:
    """Make a matrix of weights: [S, out, in, k, k] → [S, out, k·k·in], a view if their channels are last."""
    return weight.permute(0, 1, 3, 4, 2).flatten(2)


def unmatrix(rows: Tensor, shape: torch.Size) -> Tensor:
    """Make weights of a matrix, the inverse of `matrix`: [S, out, k·k·in] → [S, out, in, k, k]."""
    models, first, second, kernel, _ = shape
    return rows.view(models, first, kernel, kernel, second).permute(0, 1, 4, 2, 3)


def sum_of_products(left: Tensor, right: Tensor, images: int) -> Tensor:
    """Compute leftᵀ·right, a sum over all pixels of all images: [S, B·m, P], [S, B·m, Q] → [S, P, Q].

    The result is small and the sum is long: as one product it would leave most of a GPU with nothing to do. So it is
    computed in parts of whole images, which are added.
    """
    models, terms, _ = left.shape
    parts = 1
    while models * parts < PARALLEL and images % (2 * parts) == 0 and terms // (2 * parts) >= SHORTEST:
        parts *= 2
    if parts == 1:
        return torch.bmm(left.transpose(1, 2), right)
    left, right = (one.unflatten(1, (parts, -1)).flatten(0, 1) for one in (left, right))
    return torch.bmm(left.transpose(1, 2), right).unflatten(0, (models, parts)).sum(1)


def in_blocks(x: Tensor, weight: Tensor, bias: Tensor | None, shape: Shape) -> Tensor:
    """Compute a transposed convolution as a convolution whose output channels are the pixels of a block.

    x [S, B, in_size, in_size, in], weight [S, in, out, k, k], bias [S, out] → [S, B, size, size, out]. The same for
    one model on a CPU is `archs.forms.transposed_in_blocks`.
    """
    models, inputs, channels = weight.shape[:3]
    at = layout(shape, channels)
    before, after = -at.first, (at.blocks - 1) * at.merged + at.first + at.taps - shape.in_size
    patches, _ = patches_of(x, before, after, at.taps, at.merged)
    index = placement(shape, at, inputs, channels, weight.device)
    placed = F.pad(matrix(weight).flatten(1), (0, 1)).index_select(1, index)
    placed = placed.view(models, at.taps**2 * inputs, at.side**2 * channels)
    if bias is None:
        y = torch.bmm(patches, placed)
    else:
        y = torch.baddbmm(bias.repeat(1, at.side**2)[:, None], patches, placed)
    runs = widened(y.view(-1, at.blocks, at.blocks, at.side, at.side * channels)).transpose(2, 3).contiguous()
    y = runs.view(y.dtype).view(models, -1, at.blocks * at.side, at.blocks * at.side, channels)
    return y if y.shape[2] == shape.size else y[:, :, : shape.size, : shape.size]


@functools.cache
def placement(shape: Shape, at: Layout, inputs: int, channels: int, device: torch.device) -> Tensor:
    """Where each weight of the convolution to blocks is found in the weights of the transposed convolution.

    The former are [taps, taps, in, side, side, out], the latter [in, k, k, out]; both are indexed as one row. The index
    is one past the end where the kernel does not reach. Row r of a block takes kernel row
    start + r − stride·(first + t) from tap t.
    """
    taps, side = torch.arange(at.taps), torch.arange(at.side)
    row = shape.start + side - shape.stride * (at.first + taps[:, None])  # [taps, side]
    down, right = row[:, None, None, :, None, None], row[None, :, None, None, :, None]
    within = (down >= 0) & (down < shape.kernel) & (right >= 0) & (right < shape.kernel)
    of_input = torch.arange(inputs)[:, None, None, None]
    there = ((of_input * shape.kernel + down) * shape.kernel + right) * channels + torch.arange(channels)
    found = torch.where(within, there, inputs * channels * shape.kernel**2).flatten().to(device)
    if device.type == "cuda":  # the next to use it may be on another stream
        torch.cuda.current_stream(device).synchronize()
    return found
