"""Building blocks that torch lacks: convolutions with a stated output size, and their exact mirrors.

In TensorFlow's SAME padding the rows that are added depend on the size of the input. Here a block is told the sizes, so
that a layer reads like a row of the table that it comes from.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archs.forms import Convolution, Shape, Transposed, missing
from archs.products import convolution, transposed_convolution


class TransposedConv2d(nn.ConvTranspose2d):
    """A transposed convolution with a stated output size: [B, in, in_size, in_size] → [B, out, size, size].

    The full output has (in_size − 1)·stride + kernel rows. `start` of them are dropped at the top and left, and what
    follows is cut (or, by less than a stride, extended by the bias alone) to `size`. The default start is
    TensorFlow's SAME: half of what is too much, rounded down, so that an odd row goes at the end.

    On a CPU it is computed in one of three forms, the fastest as measured by `python -m bench.studies.layer_speed`
    (docs/log/performance.md#convolutions-on-a-cpu):

    direct: torch's own kernels, then the cut. The gradient of the bias is a sum of its own.
    blocks: a convolution of the input whose output channels are the pixels of a block (archs.forms). The backward pass
        is the convolution whose adjoint this layer is.
    matrix: the product with a matrix that the layer is when the input has a single pixel.

    On a GPU it is "matrix" for such an input, and otherwise products of matrices too (archs.products).
    """

    bias: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int,
        in_size: int,
        size: int,
        start: int | None = None,
    ):
        full = (in_size - 1) * stride + kernel
        start = max(full - size, 0) // 2 if start is None else start
        shape = Shape(kernel, stride, start, in_size, size)
        if missing(shape) >= stride:
            raise ValueError(f"{in_size} rows, kernel {kernel}, stride {stride} make {full} rows, not {size}")
        super().__init__(in_channels, out_channels, kernel, stride, padding=start, output_padding=missing(shape))
        self.shape = shape
        self.form = fastest_form(out_channels, stride, in_size)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.form == "matrix":
            return self._as_matrix(x)
        if x.device.type != "cpu":
            return transposed_convolution(x, self.weight, self.bias, self.shape)
        y: Tensor = Transposed.apply(x, self.weight, self.bias, self.shape, self.form == "blocks")
        return y

    def _as_matrix(self, x: Tensor) -> Tensor:
        """Compute the layer for an input of one pixel: output row r is kernel row start + r, if there is one."""
        kernel, _, start, _, size = self.shape
        rows = min(size, kernel - start)
        weight = self.weight[:, :, start : start + rows, start : start + rows]
        weight = F.pad(weight, (0, size - rows, 0, size - rows)).flatten(1)
        y = x.flatten(1) @ weight  # [B, out·size·size]
        return y.view(-1, self.out_channels, size, size) + self.bias[:, None, None]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.shape.size}, form={self.form}"


def fastest_form(out_channels: int, stride: int, in_size: int) -> str:
    """Return the form of a `TransposedConv2d` that is the fastest on a CPU.

    Measured in docs/log/performance.md#convolutions-on-a-cpu.
    """
    if in_size == 1:
        return "matrix"
    return "blocks" if out_channels == 1 or faster_in_blocks(out_channels, stride) else "direct"


def faster_in_blocks(channels: int, stride: int) -> bool:
    """Return whether a transposed convolution to this number of channels is faster in blocks on a CPU.

    The gradient of the input of a convolution from this number of channels is such a transposed convolution too.
    Measured in docs/log/performance.md#convolutions-on-a-cpu.
    """
    return stride > 1 and channels <= 16


class Conv2d(nn.Conv2d):
    """A convolution in the form that is fastest on its device.

    If the kernel is as large as the image, it is a product with a matrix. Otherwise it is torch's on a CPU, with the
    gradients of `archs.forms.Convolution`, which take less time than torch's
    (docs/log/performance.md#convolutions-on-a-cpu), and a product of matrices on a GPU (archs.products). A convolution
    with groups, gaps, unequal sides or without a bias is torch's in all respects.
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.convolved(x, self.weight, self.bias)

    def convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Compute the layer with other weights: those of some of its channels, say."""
        if bias is not None and self.plain:
            if x.shape[2:] == weight.shape[2:] and not any(self.padding):
                flat, rows = (tensor.permute(0, 2, 3, 1).flatten(1) for tensor in (x, weight))
                return torch.addmm(bias, flat, rows.T)[:, :, None, None]
            stride, padding = self.stride[0], int(self.padding[0])
            if x.device.type != "cpu":
                return convolution(x, weight, bias, stride, padding)
            in_blocks = faster_in_blocks(weight.shape[1], stride)
            return Convolution.apply(x, weight, bias, stride, padding, in_blocks)
        return self._conv_forward(x, weight, bias)

    @functools.cached_property
    def plain(self) -> bool:
        """Whether there are no groups, no gaps, nothing but zeros around, and the same sizes down as across."""
        square = all(len(set(pair)) == 1 for pair in (self.kernel_size, self.stride, self.padding))
        return square and self.groups == 1 and self.dilation == (1, 1) and self.padding_mode == "zeros"


class Shortcut(nn.Sequential):
    """Layers, in their order, to whose output their input is added: [B, C, H, W] → the same."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = super().forward(x)
        return x + y


class Flatten(nn.Module):
    """Flatten images pixel by pixel: [B, C, H, W] → [B, H·W·C].

    This is their order in memory with channels last, so that nothing is moved.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Unflatten(nn.Module):
    """The inverse of `Flatten`: [B, size·size·channels] → [B, channels, size, size]."""

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.channels, self.size = channels, size

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, self.size, self.size, self.channels).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.size}"


def padded_conv2d(in_channels: int, out_channels: int, kernel: int, stride: int, start: int, end: int) -> nn.Module:
    """Build a convolution that adds `start` rows of zeros at the top and left and `end` at the bottom and right."""
    if start == end:
        return Conv2d(in_channels, out_channels, kernel, stride, padding=start)
    return nn.Sequential(nn.ZeroPad2d((start, end, start, end)), Conv2d(in_channels, out_channels, kernel, stride))


def reshape(channels: int, size: int) -> Unflatten:
    """Build the layer from a vector to images: [B, size·size·channels] → [B, channels, size, size]."""
    return Unflatten(channels, size)
