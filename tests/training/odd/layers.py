"""Encoders with layers of many kinds: norms, recurrences, attention, functions with gradients of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.training.odd.building import WIDTH, Layer, network, with_image_layer, with_layer


def with_norm(channels: int, norm: nn.Module) -> nn.Sequential:
    """An encoder with a norm of feature maps.

    Its convolution has no bias: the gradient of one before a norm is rounding alone, which Adam makes much of.
    """
    return with_image_layer(channels, norm, bias=False)


# Norms and their running statistics


@network
def batch_norm_1d(channels: int) -> nn.Module:
    norm, activation = nn.BatchNorm1d(WIDTH), nn.ReLU()
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * channels, WIDTH, bias=False), norm, activation)


@network
def batch_norm_2d(channels: int) -> nn.Module:
    return with_norm(channels, nn.BatchNorm2d(4))


@network
def batch_norm_without_weights(channels: int) -> nn.Module:
    return with_norm(channels, nn.BatchNorm2d(4, affine=False))


@network
def batch_norm_without_statistics(channels: int) -> nn.Module:
    return with_norm(channels, nn.BatchNorm2d(4, track_running_stats=False))


@network
def batch_norm_of_all_batches(channels: int) -> nn.Module:
    return with_norm(channels, nn.BatchNorm2d(4, momentum=None))


@network
def instance_norm(channels: int) -> nn.Module:
    return with_norm(channels, nn.InstanceNorm2d(4, affine=True))


@network
def instance_norm_with_statistics(channels: int) -> nn.Module:
    return with_norm(channels, nn.InstanceNorm2d(4, track_running_stats=True))


@network
def group_norm(channels: int) -> nn.Module:
    return with_norm(channels, nn.GroupNorm(2, 4))


@network
def layer_norm(channels: int) -> nn.Module:
    return with_layer(channels, nn.LayerNorm(WIDTH))


@network
def bias_before_norm(channels: int) -> nn.Module:
    return with_image_layer(channels, nn.BatchNorm2d(4))


# Other ways to compute


class Rows(nn.Module):
    """Reads the feature maps of an image as a sequence: [B, 4, 4, 4] → [B, 16, 4] → [B, WIDTH]."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)
        found: Any = self.inner(rows, rows, rows) if isinstance(self.inner, nn.MultiheadAttention) else self.inner(rows)
        return (found[0] if isinstance(found, tuple) else found)[..., 0]


def of_rows(channels: int, inner: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 7, stride=7), Rows(inner))


@network
def lstm(channels: int) -> nn.Module:
    return of_rows(channels, nn.LSTM(4, 4, batch_first=True))


@network
def gru_cell_by_cell(channels: int) -> nn.Module:
    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(4, 4)

        def forward(self, rows: Tensor) -> Tensor:
            state, states = torch.zeros_like(rows[:, 0]), []
            for index in range(rows.shape[1]):
                state = self.cell(rows[:, index], state)
                states.append(state)
            return torch.stack(states, 1)

    return of_rows(channels, Cells())


@network
def attention(channels: int) -> nn.Module:
    return of_rows(channels, nn.MultiheadAttention(4, 2, batch_first=True))


@network
def transformer(channels: int) -> nn.Module:
    return of_rows(channels, nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True))


class StraightThrough(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return (x + (x.round() - x).detach()) * self.weight


@network
def straight_through(channels: int) -> nn.Module:
    return with_layer(channels, StraightThrough())


class Negated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class OwnFunction(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return Negated.apply(x * self.weight)


@network
def own_autograd_function(channels: int) -> nn.Module:
    return with_layer(channels, OwnFunction())


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x))


@network
def scripted(channels: int) -> nn.Module:
    return with_layer(channels, torch.jit.script(Scripted()))


@network
def embedding(channels: int) -> nn.Module:
    class Looked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(4, WIDTH)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.table((x > 0).long().sum(1) % 4)

    return with_layer(channels, Looked())
