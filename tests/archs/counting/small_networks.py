"""Small encoders [B, 1, 28, 28] → [B, F] that are no plain stack of modules, and their sizes by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Network:
    """A network and its sizes, multiplied out by hand."""

    build: Callable[[], nn.Module]

    parameters: int
    """Each tensor once."""

    macs: int | None
    """For one image; None if they can't be known."""

    backward: int | None
    """Those that a training step adds."""

    notes: tuple[str, ...] = ()
    """The notes on its rows."""

    seen_by_torch: bool = True
    """Whether `FlopCounterMode` counts all of it."""


NETWORKS: dict[str, Network] = {}


def network(
    parameters: int,
    macs: int | None,
    backward: int | None,
    *notes: str,
    seen_by_torch: bool = True,
) -> Callable[[Callable[[], nn.Module]], Callable[[], nn.Module]]:
    """Keep the function or class that builds a network under its name."""

    def keep(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
        NETWORKS[build.__name__] = Network(build, parameters, macs, backward, notes, seen_by_torch)
        return build

    return keep


def rows(x: Tensor) -> Tensor:
    """[B, 1, 28, 28] → the rows of each image, [B, 28, 28]."""
    return x.squeeze(1)


class Rows(nn.Module):
    """`rows` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return rows(x)


class First(nn.Module):
    """The first of several outputs."""

    def forward(self, x: tuple[Tensor, ...]) -> Tensor:
        return x[0]


@network(400, 16 * 49 * 8, 16 * 49 * 8)
def tokens() -> nn.Module:
    """A linear layer on [B, 16, 49]."""
    return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (16, 49)), nn.Linear(49, 8), nn.Flatten())


@network(28 * 3 * 8 + 8 + 8 * 4 * 4 + 4, 14 * 672 + 14 * 128, 14 * 672 + 2 * 14 * 128)
def one_dimensional() -> nn.Module:
    """A convolution along the rows to 8 × 14, and a transposed one back to 4 × 28."""
    there, back = nn.Conv1d(28, 8, 3, stride=2, padding=1), nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)
    return nn.Sequential(Rows(), there, nn.ReLU(), back, nn.Flatten())


@network(36 + 4 + 36 + 4, 13 * 26 * 36 + 9 * 22 * 36, 13 * 26 * 36 + 2 * 9 * 22 * 36)
def depthwise() -> nn.Module:
    """A convolution with unequal strides to 13 × 26, and a dilated one of four groups to 9 × 22."""
    wide, grouped = nn.Conv2d(1, 4, 3, stride=(2, 1)), nn.Conv2d(4, 4, 3, dilation=2, groups=4)
    return nn.Sequential(wide, nn.ReLU(), grouped, nn.Flatten())


@network(5 * 28 * 28 + 5, 28 * 5 * 28 * 28, 28 * 5 * 28 * 28, seen_by_torch=False)
class Bilinear(nn.Module):
    """Each row with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Bilinear(28, 28, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.pair(rows(x), rows(x)).flatten(1)


LSTM_IN, LSTM_HIDDEN, CELL = 32 * 28, 32 * 8, 6 * 28 + 6 * 6


@network(LSTM_IN + LSTM_HIDDEN + 64, 28 * (LSTM_IN + LSTM_HIDDEN), 28 * LSTM_IN + (28 + 27) * LSTM_HIDDEN)
def lstm() -> nn.Module:
    """Eight units that read 28 rows; nobody asks for the gradient of the state that they begin with."""
    return nn.Sequential(Rows(), nn.LSTM(28, 8, batch_first=True), First(), nn.Flatten())


@network(3 * 2 * (28 * 4 + 4 * 4 + 8), 2 * 28 * (12 * 28 + 12 * 4), 2 * (28 * 12 * 28 + (28 + 27) * 12 * 4))
def gru() -> nn.Module:
    """Four units in each of two directions."""
    return nn.Sequential(Rows(), nn.GRU(28, 4, batch_first=True, bidirectional=True), First(), nn.Flatten())


@network(CELL + 12, 28 * CELL, 28 * 6 * 28 + (28 + 27) * 6 * 6)
class Cell(nn.Module):
    """A cell that is called once for each row."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.RNNCell(28, 6)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for row in rows(x).unbind(1):
            state = self.cell(row, state)
        assert state is not None
        return state


ATTENTION, SCORES = 4 * 28 * 28, 2 * 28 * 28 * 28


@network(ATTENTION + 4 * 28, 28 * ATTENTION + SCORES, 28 * (3 + 2) * 28 * 28 + 2 * SCORES)
class Attention(nn.Module):
    """torch's attention among the 28 rows, called with keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(28, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        read = rows(x)
        found, _ = self.attention(query=read, key=read, value=read)
        return found.flatten(1)


@network(3 * 28 * 8, 28 * 3 * 28 * 8 + 2 * 28 * 28 * 8, 28 * 3 * 28 * 8 + 2 * 2 * 28 * 28 * 8)
class OwnAttention(nn.Module):
    """Attention written out: its two products are on no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(28, 8, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = rows(x)
        return (torch.softmax(self.q(x) @ self.k(x).mT, -1) @ self.v(x)).flatten(1)


ENCODER_WEIGHTS = 4 * 28 * 28 + 2 * 28 * 16


@network(
    ENCODER_WEIGHTS + 4 * 28 + 16 + 28 + 4 * 28,
    28 * ENCODER_WEIGHTS + SCORES,
    28 * (2 * ENCODER_WEIGHTS - 3 * 28 * 28) + 2 * SCORES,
)
def transformer() -> nn.Module:
    """torch's layer of a transformer, of which there is a fused form."""
    return nn.Sequential(Rows(), nn.TransformerEncoderLayer(28, 4, 16, batch_first=True), nn.Flatten())


@network(10 * 6, 28 * 28 * 6 + 28 * 10 * 6, 28 * 28 * 6 + 2 * 28 * 10 * 6)
class Codebook(nn.Module):
    """An embedding that is never called: its weight is used by hand, and a buffer beside it."""

    project: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(10, 6)
        self.register_buffer("project", torch.ones(28, 6))

    def forward(self, x: Tensor) -> Tensor:
        return ((rows(x) @ (self.project + self.codes.weight.sum())) @ self.codes.weight.T).flatten(1)


@network(2 * 4 + 4 * 3, 28 * 28 * 4 * 3, 2 * 28 * 28 * 4 * 3)
class Looked(nn.Module):
    """An embedding of black and white pixels, which is no product."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.mix = nn.Embedding(2, 4), nn.Linear(4, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.look((x > 0.5).flatten(1).long())).flatten(1)


@network(4 * 9 + 4 + 8 + 8 + 4 * 5 + 5, 26 * 26 * 36 + 26 * 26 * 20, 26 * 26 * 36 + 2 * 26 * 26 * 20)
def norms() -> nn.Module:
    """Normalisations, whose multiplications are not counted."""
    mix = nn.Conv2d(4, 5, 1)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.ReLU(), mix, nn.Flatten())
