"""Building blocks that torch lacks: convolutions whose output size is stated, and their exact mirrors.

TensorFlow's SAME padding depends on the input's size. Here a block is told the sizes, so that a layer reads like a
row of the table that it comes from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight


class TransposedConv2d(nn.ConvTranspose2d):
    """A transposed convolution with a stated output size: [B, in, in_size, in_size] → [B, out, size, size].

    The full output has (in_size − 1)·stride + kernel rows. `start` of them are dropped at the top and left, and what
    follows is cut (or, by less than a stride, extended by the bias alone) to `size`. The default start is
    TensorFlow's SAME: half of what is too much, rounded down, so that an odd row goes at the end.

    The same sum has other forms, some of which are faster on a CPU (docs/performance.md, `python -m bench.layer_speed`):

    direct: torch's own kernel, then the cut.
    blocks: a stride-1 convolution of the input that yields stride × stride output pixels as channels, then interleaved.
    adjoint: for one output channel, blocks of at least 4 × 4 pixels at once, so that the convolution has channels enough;
        and in the backward pass the plain convolution whose adjoint this layer is.
    matrix: for an input of one pixel the layer is a linear map.
    """

    bias: Tensor
    gather: Tensor

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
        self.in_size, self.size = in_size, size
        self.use(fastest_form(out_channels, kernel, stride, in_size))

    def use(self, form: str) -> None:
        """Computes in this form from now on."""
        kernel, stride, start = self.kernel_size[0], self.stride[0], int(self.padding[0])
        self.form = form
        # a block of output rows stands for `merged` input rows
        self.merged = max(1, 4 // stride) if form == "adjoint" else 1
        # block p holds `side` output rows; input row p·merged + first + t reaches them through tap t
        self.side = self.merged * stride
        self.first = -((kernel - 1 - start) // stride)
        self.taps = (start + stride - 1) // stride + self.merged - self.first
        self.blocks = -(-self.size // self.side)
        self.register_buffer("gather", self._placement(kernel, stride, start), persistent=False)

    def _placement(self, kernel: int, stride: int, start: int) -> Tensor:
        """[side·taps, kernel]: a 1 where row r of a block takes kernel row start + r − stride·(first + t) from tap t."""
        place = torch.zeros(self.side, self.taps, kernel, dtype=self.weight.dtype, device=self.weight.device)
        for r in range(self.side):
            for t in range(self.taps):
                row = start + r - stride * (self.first + t)
                if 0 <= row < kernel:
                    place[r, t, row] = 1
        return place.view(-1, kernel)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if self.form == "direct" or x.device.type != "cpu":
            y = super().forward(x)
        elif self.form == "adjoint":
            y = Adjoint.apply(x, self.weight, self.bias, self.gather, Layout.of(self))
        else:
            y = (
                in_blocks(x, self.weight, self.bias, self.gather, Layout.of(self))
                if self.form == "blocks"
                else self._as_matrix(x)
            )
        return y if y.shape[-1] == self.size else y[..., : self.size, : self.size]

    def _as_matrix(self, x: Tensor) -> Tensor:
        """One input pixel: output row r of `size` is kernel row start + r, if there is one."""
        start = int(self.padding[0])
        rows = min(self.size, self.kernel_size[0] - start)
        weight = self.weight[:, :, start : start + rows, start : start + rows]
        weight = F.pad(weight, (0, self.size - rows, 0, self.size - rows)).flatten(1)
        y = x.flatten(1) @ weight  # [B, out·size·size]
        return y.view(-1, self.out_channels, self.size, self.size) + self.bias[:, None, None]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, size={self.size}, form={self.form}"


class Layout(NamedTuple):
    """The numbers that `TransposedConv2d` works out, in rows (and columns)."""

    in_size: int
    size: int
    stride: int
    start: int
    merged: int
    side: int
    first: int
    taps: int
    blocks: int

    @classmethod
    def of(cls, block: TransposedConv2d) -> Layout:
        own = {name: getattr(block, name) for name in cls._fields if name not in ("stride", "start")}
        return cls(stride=block.stride[0], start=int(block.padding[0]), **own)


def in_blocks(x: Tensor, weight: Tensor, bias: Tensor, gather: Tensor, at: Layout) -> Tensor:
    """[B, in, in_size, in_size] → [B, out, blocks·side, blocks·side]."""
    inputs, out, kernel, _ = weight.shape
    # multiplying by ones and zeros places the kernel's rows and columns, exactly
    placed = gather @ weight.reshape(-1, kernel, kernel) @ gather.T
    placed = placed.view(inputs, out, at.side, at.taps, at.side, at.taps).permute(2, 4, 1, 0, 3, 5)
    placed = placed.reshape(-1, inputs, at.taps, at.taps)
    placed = placed.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # channels last, said so that vmap knows it
    before, after = -at.first, (at.blocks - 1) * at.merged + at.first + at.taps - at.in_size
    if before != after:
        x, before = F.pad(x, (before, after, before, after)), 0
    y = F.conv2d(x, placed, bias.repeat(at.side * at.side), at.merged, padding=before)  # [B, side²·out, blocks, blocks]
    y = y.permute(0, 2, 3, 1).reshape(-1, at.blocks, at.blocks, at.side, at.side, out)
    # interleaved with channels last, as the layers around expect it: one copy of long runs, none later
    return y.transpose(2, 3).reshape(-1, at.blocks * at.side, at.blocks * at.side, out).permute(0, 3, 1, 2)


class Adjoint(torch.autograd.Function):
    """`in_blocks`, cut to size, with gradients from the plain convolution that maps the output's space to the input's."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, gather: Tensor, at: Layout) -> Tensor:
        return in_blocks(x, weight, bias, gather, at)[..., : at.size, : at.size]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Tensor, Layout], output: Tensor) -> None:
        x, weight, _, _, ctx.at = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        (x, weight), at = ctx.saved_tensors, ctx.at
        after = (at.in_size - 1) * at.stride + weight.shape[-1] - at.start - at.size
        # Padded with channels last: one channel has both layouts, and torch would take the other, slow one here.
        full = F.pad(upstream[0].permute(0, 2, 3, 1), (0, 0, at.start, after, at.start, after)).permute(0, 3, 1, 2)
        return (
            F.conv2d(full, weight, stride=at.stride),
            conv2d_weight(full, list(weight.shape), x, stride=at.stride),
            upstream[0].sum((0, 2, 3)),
            None,
            None,
        )


def fastest_form(out_channels: int, kernel: int, stride: int, in_size: int) -> str:
    """Of TransposedConv2d, on a CPU, as measured: see docs/performance.md."""
    if in_size == 1:
        return "matrix"
    if out_channels == 1:
        return "adjoint"
    return "blocks" if 1 < stride < kernel / 2 and stride * stride * out_channels <= 32 else "direct"


class Conv2d(nn.Conv2d):
    """A convolution; where the kernel is as large as the image, the matrix product that it then is."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != self.weight.shape[2:] or any(self.padding) or self.bias is None:
            return super().forward(x)
        flat, weight = (tensor.permute(0, 2, 3, 1).flatten(1) for tensor in (x, self.weight))
        return torch.addmm(self.bias, flat, weight.T)[:, :, None, None]


def padded_conv2d(in_channels: int, out_channels: int, kernel: int, stride: int, start: int, end: int) -> nn.Module:
    """A convolution after `start` zero rows at the top and left and `end` at the bottom and right."""
    if start == end:
        return Conv2d(in_channels, out_channels, kernel, stride, padding=start)
    return nn.Sequential(nn.ZeroPad2d((start, end, start, end)), Conv2d(in_channels, out_channels, kernel, stride))


def reshape(channels: int, size: int) -> nn.Unflatten:
    """[B, channels·size·size] → [B, channels, size, size]."""
    return nn.Unflatten(1, torch.Size((channels, size, size)))
