"""A convolution and its adjoint, the transposed convolution, in forms that are faster on a CPU than torch's.

torch computes a strided convolution fast and its adjoint, which is also the gradient of its input, slowly. Where channels
are few the adjoint is a convolution to blocks of pixels here. And the bias's gradient is a sum of its own: together with the
weights' it takes torch longer. The same sums in another order, tested against torch's own in float64; chosen by
`python -m bench.studies.layer_speed` (docs/log/performance.md#convolutions-on-a-cpu).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archs.function import Function

WIDEST = torch.complex128  # copied as it is, sixteen bytes at once


class Shape(NamedTuple):
    """Of a transposed convolution, in rows (and columns): `in_size` of them become (in_size − 1)·stride + kernel, of which
    `start` are dropped at the top and what follows is cut, or extended by zeros, to `size`."""

    kernel: int
    stride: int
    start: int
    in_size: int
    size: int


def missing(shape: Shape) -> int:
    """The rows by which the output goes beyond what is left when `start` are dropped at both ends."""
    kernel, stride, start, in_size, size = shape
    return max(0, size - ((in_size - 1) * stride + kernel - 2 * start))


class Layout(NamedTuple):
    """Block p holds `side` output rows and stands for `merged` input rows; input row p·merged + first + t reaches it through
    tap t."""

    merged: int
    side: int
    first: int
    taps: int
    blocks: int


@functools.cache
def layout(shape: Shape, channels: int) -> Layout:
    """For an output of `channels`. A single one makes blocks of at least 4 × 4 pixels, so that there is enough to do at once."""
    kernel, stride, start, _, size = shape
    merged = max(1, 4 // stride) if channels == 1 else 1
    side, first = merged * stride, -((kernel - 1 - start) // stride)
    return Layout(merged, side, first, (start + stride - 1) // stride + merged - first, -(-size // side))


@functools.cache
def placement(shape: Shape, at: Layout, inputs: int, channels: int) -> Tensor:
    """Where in [in, channels, k, k] each of the weights [side, side, channels, taps, taps, in] comes from, both as one row; past
    its end where there is none. Row r of a block takes kernel row start + r − stride·(first + t) from tap t."""
    row = shape.start + torch.arange(at.side)[:, None] - shape.stride * (at.first + torch.arange(at.taps))
    down, right = row[:, None, None, :, None, None], row[None, :, None, None, :, None]
    within = (down >= 0) & (down < shape.kernel) & (right >= 0) & (right < shape.kernel)
    pair = torch.arange(inputs) * channels + torch.arange(channels)[:, None, None, None]
    there = (pair * shape.kernel + down) * shape.kernel + right
    return torch.where(within, there, inputs * channels * shape.kernel**2).flatten()


def transposed_in_blocks(x: Tensor, weight: Tensor, bias: Tensor | None, shape: Shape) -> Tensor:
    """[B, in, in_size, in_size], weight [in, out, k, k] → [B, out, size, size].

    A convolution of the input that yields the side × side pixels of a block as channels, which are then interleaved.
    """
    inputs, channels = weight.shape[:2]
    at = layout(shape, channels)
    placed = F.pad(weight.reshape(-1), (0, 1)).index_select(0, placement(shape, at, inputs, channels))
    placed = placed.view(-1, at.taps, at.taps, inputs).permute(0, 3, 1, 2)  # [side²·out, in, taps, taps], channels last
    repeated = None if bias is None else bias.expand(at.side**2, -1).flatten()
    before, after = -at.first, (at.blocks - 1) * at.merged + at.first + at.taps - shape.in_size
    if before != after:
        x, before = F.pad(x, (before, after, before, after)), 0
    y = F.conv2d(x, placed, repeated, at.merged, padding=before)  # [B, side²·out, blocks, blocks]
    y = interleaved(y.permute(0, 2, 3, 1).reshape(-1, at.blocks, at.blocks, at.side, at.side * channels))
    y = y.view(-1, at.blocks * at.side, at.blocks * at.side, channels).permute(0, 3, 1, 2)
    return y if y.shape[-1] == shape.size else y[..., : shape.size, : shape.size]


def interleaved(y: Tensor) -> Tensor:
    """[B, blocks, blocks, side, run], runs of pixels in the rows of each block → rows of pixels [B, blocks·side, blocks·run].

    Channels stay last, as the layers around expect it: one copy here, none later. A run of four floats moves as one number,
    but not under vmap: torch 2.11 has no batching rule for a view as another type, and a stack takes as long without.
    """
    _, blocks, _, side, run = y.shape
    if run * y.element_size() == WIDEST.itemsize and not torch._C._are_functorch_transforms_active():
        wide = y.view(WIDEST).transpose(2, 3).reshape(-1, blocks * side, blocks)
        return wide.view(y.dtype)
    return y.transpose(2, 3).reshape(-1, blocks * side, blocks * run)


def from_one_channel(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """[B, 1, n, n], weight [out, 1, k, k] → [B, out, m, m] with channels last.

    torch's kernel for the other layout takes half the time of that for channels last, so that a copy can follow. One
    channel has both layouts: the strides say which it is to be, and with them which kernel.
    """
    x, weight = (one.reshape(len(one), -1).view(one.shape) for one in (x, weight))
    return F.conv2d(x, weight, stride=stride).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def convolved(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
    """[B, in, n, n], weight [out, in, k, k] → [B, out, m, m].

    Of one channel and with stride 2, with the two pixels of a pair in a row as channels: they lie as channels last do.
    """
    size, kernel = x.shape[-1], weight.shape[-1]
    if x.shape[1] != 1 or stride != 2 or padding % 2 or size % 2:
        return F.conv2d(x, weight, bias, stride, padding)
    pairs = -(-kernel // 2)
    x = x.reshape(-1, size, size // 2, 2).permute(0, 3, 1, 2)
    weight = F.pad(weight, (0, 2 * pairs - kernel)).reshape(-1, kernel, pairs, 2).permute(0, 3, 1, 2)
    return F.conv2d(x, weight, bias, (2, 1), (padding, padding // 2))


def gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, of_x: bool, beyond: int | None = None
) -> tuple[Tensor | None, Tensor]:
    """Of a convolution: its input's if asked for, and its weights', from that of its output.

    beyond: it is a transposed one, whose output has so many more rows at its end. torch's own operator, without what
    surrounds it in `torch.nn.grad`.
    """
    found: tuple[Tensor | None, Tensor, None] = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride, stride], [padding, padding], [1, 1],
        beyond is not None, [beyond or 0] * 2, 1, [of_x, True, False],
    )  # fmt: skip
    return found[:2]


class Convolution(Function):
    """[B, in, n, n] → [B, out, m, m]. in_blocks: whether the gradient of the input is computed in blocks."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, in_blocks: bool) -> Tensor:
        return convolved(x, weight, bias, stride, padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, int, int, bool], output: Tensor) -> None:
        x, weight, _, ctx.stride, ctx.padding, ctx.in_blocks = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        (x, weight), (gradient,), wanted = ctx.saved_tensors, upstream, ctx.needs_input_grad[0]
        of_x, of_weight = gradients(gradient, x, weight, ctx.stride, ctx.padding, wanted and not ctx.in_blocks)
        if wanted and ctx.in_blocks:
            shape = Shape(weight.shape[-1], ctx.stride, ctx.padding, gradient.shape[-1], x.shape[-1])
            of_x = transposed_in_blocks(gradient, weight, None, shape)
        return of_x, of_weight, gradient.sum((0, 2, 3)), None, None, None


class Transposed(Function):
    """[B, in, in_size, in_size] → [B, out, size, size], in blocks, and then the gradients by the plain convolution whose adjoint
    it is; or both by torch's own kernels."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, shape: Shape, in_blocks: bool) -> Tensor:
        if in_blocks:
            return transposed_in_blocks(x, weight, bias, shape)
        y = F.conv_transpose2d(x, weight, bias, shape.stride, shape.start, missing(shape))
        return y[..., : shape.size, : shape.size]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Shape, bool], output: Tensor) -> None:
        x, weight, _, ctx.shape, ctx.in_blocks = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        (x, weight), (gradient,), (kernel, stride, start, in_size, size) = ctx.saved_tensors, upstream, ctx.shape
        of_bias, after = gradient.sum((0, 2, 3)), (in_size - 1) * stride + kernel - start - size
        if not ctx.in_blocks:
            cut = max(0, after - start)
            gradient = F.pad(gradient, (0, cut, 0, cut)) if cut else gradient
            return *gradients(gradient, x, weight, stride, start, True, missing(ctx.shape)), of_bias, None, None
        # padded with channels last: for the weights' gradient torch would take one channel as the other layout, the slow one
        full = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, start, after, start, after)).permute(0, 3, 1, 2)
        few = full.shape[1] == 1 and stride > 1
        of_x = from_one_channel(full, weight, stride) if few else F.conv2d(full, weight, stride=stride)
        return of_x, gradients(x, full, weight, stride, 0, False)[1], of_bias, None, None
