"""Building blocks that torch lacks: convolutions whose output size is stated, and their exact mirrors.

TensorFlow's SAME padding depends on the input's size. Here a block is told the sizes, so that a layer reads like a
row of the table that it comes from.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TransposedConv2d(nn.ConvTranspose2d):
    """A transposed convolution with a stated output size: [B, in, in_size, in_size] → [B, out, size, size].

    The full output has (in_size − 1)·stride + kernel rows. `start` of them are dropped at the top and left, and what
    follows is cut (or, by less than a stride, extended by the bias alone) to `size`. The default start is
    TensorFlow's SAME: half of what is too much, rounded down, so that an odd row goes at the end.

    One output channel and a stride make torch's own kernel slow on a CPU (docs/performance.md). There the same sum is
    computed as a stride-1 convolution that yields stride × stride pixels per input pixel, then interleaved.
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
        missing = max(size - (full - 2 * start), 0)
        if missing >= stride and missing > 0:
            raise ValueError(f"{in_size} rows, kernel {kernel}, stride {stride} make {full} rows, not {size}")
        super().__init__(in_channels, out_channels, kernel, stride, padding=start, output_padding=missing)
        self.size = size
        self.taps = -(-kernel // stride)  # input pixels that one output pixel sees along an axis
        self.interleaves = out_channels == 1 and stride > 1 and start + size <= (in_size - 1 + self.taps) * stride

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        y = self._interleaved(x) if self.interleaves else super().forward(x)
        return y if y.shape[-1] == self.size else y[..., : self.size, : self.size]

    def _interleaved(self, x: Tensor) -> Tensor:
        stride, start = self.stride[0], int(self.padding[0])
        pad = self.taps * stride - self.kernel_size[0]
        weight = F.pad(self.weight, (0, pad, 0, pad))
        weight = weight.view(self.in_channels, self.out_channels, self.taps, stride, self.taps, stride)
        weight = weight.flip(2, 4).permute(1, 3, 5, 0, 2, 4)
        weight = weight.reshape(self.out_channels * stride * stride, self.in_channels, self.taps, self.taps)
        bias = self.bias.repeat_interleave(stride * stride)
        y = F.conv2d(x, weight, bias, padding=self.taps - 1)  # [B, stride², n, n]
        n = y.shape[-1]
        # what F.pixel_shuffle does, which is slow on a channels_last tensor
        y = y.reshape(-1, stride, stride, n, n).permute(0, 3, 1, 4, 2).reshape(-1, 1, n * stride, n * stride)
        return y[..., start : start + self.size, start : start + self.size]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}"


def padded_conv2d(in_channels: int, out_channels: int, kernel: int, stride: int, start: int, end: int) -> nn.Module:
    """A convolution after `start` zero rows at the top and left and `end` at the bottom and right."""
    if start == end:
        return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=start)
    return nn.Sequential(nn.ZeroPad2d((start, end, start, end)), nn.Conv2d(in_channels, out_channels, kernel, stride))


def reshape(channels: int, size: int) -> nn.Unflatten:
    """[B, channels·size·size] → [B, channels, size, size]."""
    return nn.Unflatten(1, torch.Size((channels, size, size)))
