"""Convolutions and transposed convolutions in forms that are faster on a CPU than torch's.

A transposed convolution is the adjoint of a convolution: it also computes the gradient of a convolution's input. torch
computes a strided convolution fast and its adjoint slowly. Where there are few channels, the adjoint is computed here
as a convolution that yields blocks of pixels. The gradient of the bias is a sum of its own, because torch takes longer
when it computes it together with that of the weights.

These are the same sums in another order. The tests compare them with torch's own in float64, and
`python -m bench.studies.layer_speed` shows which form is the fastest (docs/log/performance.md#convolutions-on-a-cpu).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from archs.function import Function


class Shape(NamedTuple):
    """The shape of a square transposed convolution, in rows; its columns are the same.

    The input's rows become (in_size − 1)·stride + kernel rows. `start` of these are dropped at the top, and the rest is
    cut, or extended by zeros, to `size`.
    """

    kernel: int
    """Rows of the kernel."""

    stride: int
    """Output rows from one input row to the next."""

    start: int
    """Rows dropped at the top."""

    in_size: int
    """Rows of the input."""

    size: int
    """Rows of the output."""


def missing(shape: Shape) -> int:
    """How many rows the output has more than what is left when `start` rows are dropped at both ends."""
    kernel, stride, start, in_size, size = shape
    return max(0, size - ((in_size - 1) * stride + kernel - 2 * start))


class Layout(NamedTuple):
    """How the output of a transposed convolution is divided into blocks of rows; its columns are the same.

    Input row p·merged + first + t contributes to block p, through tap t of a convolution of the input.
    """

    merged: int
    """Input rows from one block to the next: the stride of that convolution."""

    side: int
    """Output rows in a block."""

    first: int
    """The first input row that contributes to block 0; zero or negative."""

    taps: int
    """Input rows that contribute to a block: the kernel size of that convolution."""

    blocks: int
    """Blocks from top to bottom."""


@functools.cache
def layout(shape: Shape, channels: int) -> Layout:
    """The division into blocks for an output of so many channels.

    With a single channel a block has at least 4 × 4 pixels: a convolution to 16 channels at 7 × 7 places takes less
    time than one to 4 channels at 14 × 14.
    """
    kernel, stride, start, _, size = shape
    merged = max(1, 4 // stride) if channels == 1 else 1
    side, first = merged * stride, -((kernel - 1 - start) // stride)
    return Layout(merged, side, first, (start + stride - 1) // stride + merged - first, -(-size // side))


@functools.cache
def placement(shape: Shape, at: Layout, inputs: int, channels: int) -> Tensor:
    """Where each weight of the convolution to blocks is found in the weights of the transposed convolution.

    The former are [side, side, channels, taps, taps, in], the latter [in, channels, k, k]; both are indexed as one row.
    The index is one past the end where the kernel does not reach. Row r of a block takes kernel row
    start + r − stride·(first + t) from tap t.
    """
    row = shape.start + torch.arange(at.side)[:, None] - shape.stride * (at.first + torch.arange(at.taps))
    down, right = row[:, None, None, :, None, None], row[None, :, None, None, :, None]
    within = (down >= 0) & (down < shape.kernel) & (right >= 0) & (right < shape.kernel)
    pair = torch.arange(inputs) * channels + torch.arange(channels)[:, None, None, None]
    there = (pair * shape.kernel + down) * shape.kernel + right
    return torch.where(within, there, inputs * channels * shape.kernel**2).flatten()


def transposed_in_blocks(x: Tensor, weight: Tensor, bias: Tensor | None, shape: Shape) -> Tensor:
    """Compute a transposed convolution as a convolution whose output channels are the pixels of a block.

    x [B, in, in_size, in_size], weight [in, out, k, k], bias [out] → [B, out, size, size].
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
    rows = y.permute(0, 2, 3, 1).reshape(-1, at.blocks, at.blocks, at.side, at.side * channels).transpose(2, 3)
    # The rows of the blocks in the image's order. Channels stay last, as the layers around keep them: no other copy.
    y = rows.reshape(-1, at.blocks * at.side, at.blocks * at.side, channels).permute(0, 3, 1, 2)
    return y if y.shape[-1] == shape.size else y[..., : shape.size, : shape.size]


def gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, of_x: bool, beyond: int | None = None
) -> tuple[Tensor | None, Tensor]:
    """Compute the gradients of a convolution's input, if `of_x`, and of its weights, from the gradient of its output.

    beyond: where it is a transposed convolution, how many more rows its output has at the end.

    `torch.nn.grad` would make two calls of this one.
    """
    found: tuple[Tensor | None, Tensor, None] = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride, stride], [padding, padding], [1, 1],
        beyond is not None, [beyond or 0] * 2, 1, [of_x, True, False],
    )  # fmt: skip
    return found[:2]


class Convolution(Function):
    """A convolution with a bias: [B, in, n, n] → [B, out, m, m].

    in_blocks: whether the gradient of the input is computed in blocks.
    """

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int, in_blocks: bool) -> Tensor:
        return F.conv2d(x, weight, bias, stride, padding)

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
    """A transposed convolution with a bias: [B, in, in_size, in_size] → [B, out, size, size].

    in_blocks: whether it is computed in blocks, and its gradients by the convolution whose adjoint it is. Otherwise
        both are torch's.
    """

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
        # Padded with channels last, since a single channel is in both layouts. From its strides torch would take it
        # for the other one, in which the gradient of the weights takes many times as long.
        full = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, start, after, start, after)).permute(0, 3, 1, 2)
        of_x = F.conv2d(full, weight, stride=stride)
        return of_x, gradients(x, full, weight, stride, 0, False)[1], of_bias, None, None
