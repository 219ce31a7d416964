"""Networks that read an image as a sequence of rows or patches: recurrence, attention, layers on three dimensions."""

from __future__ import annotations

import torch
from small import small
from torch import Tensor, nn


def rows_of(x: Tensor) -> Tensor:
    """[B, C, 28, 28] → [B, 28, C·28]."""
    return x.permute(0, 2, 1, 3).flatten(2)


class Lstm(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.lstm = nn.LSTM(28 * channels, 12, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(rows_of(x))
        return hidden[-1]


class Gru(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.gru = nn.GRU(28 * channels, 8, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(rows_of(x))[0].mean(1)


class Cell(nn.Module):
    """A cell that is called for each row."""

    def __init__(self, channels: int):
        super().__init__()
        self.cell = nn.GRUCell(28 * channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.new_zeros(len(x), 10)
        for row in rows_of(x)[:, ::4].unbind(1):
            hidden = self.cell(row, hidden)
        return hidden


class Patches(nn.Module):
    """A small vision transformer: a learned token and places, attention called with keywords."""

    def __init__(self, channels: int):
        super().__init__()
        self.embed = nn.Conv2d(channels, 8, 7, stride=7)
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.places = nn.Embedding(17, 8)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), patches], 1) + self.places.weight
        normed = self.norm(tokens)
        tokens = tokens + self.attention(query=normed, key=normed, value=normed, need_weights=False)[0]
        return (tokens + self.mlp(tokens))[:, 0]


class Encoder(nn.Module):
    """torch's own encoder layer, without its dropout."""

    def __init__(self, channels: int):
        super().__init__()
        self.embed = nn.Linear(28 * channels, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.embed(rows_of(x)[:, ::4])).flatten(1)


class Mixer(nn.Module):
    """An MLP-mixer: linear layers on [B, 16, 49], across channels and across places."""

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.embed, self.mix, self.out = nn.Linear(49 * channels, 12), nn.Linear(16, 16), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unfold(2, 7, 7).unfold(3, 7, 7)  # [B, C, 4, 4, 7, 7]
        tokens = self.embed(patches.permute(0, 2, 3, 1, 4, 5).reshape(len(x), 16, -1)).relu()
        tokens = tokens + self.mix(tokens.transpose(1, 2)).transpose(1, 2)
        return self.out(tokens).flatten(1)


def one_dimensional(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(2), nn.Conv1d(channels, 4, 16, stride=8), nn.InstanceNorm1d(4, affine=True), nn.ReLU(), nn.Flatten()
    )


LSTM = small("lstm", Lstm)
GRU = small("gru", Gru)
CELL = small("gru-cell", Cell)
VIT = small("vit", Patches)
TRANSFORMER = small("transformer", Encoder)
MIXER = small("mixer", Mixer)
CONV1D = small("conv1d", one_dimensional)
