"""Encoders that hold something beside their weights: buffers, numbers, lists, tensors of no module, generators."""

from __future__ import annotations

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.training.odd.building import WIDTH, Layer, network, with_layer

# State beside the weights


class CountsInPlace(Layer):
    """Each step divides by a little more, by a buffer that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return x * self.weight / (1 + 0.1 * self.calls)


@network
def buffer_changed(channels: int) -> nn.Module:
    return with_layer(channels, CountsInPlace())


class KeepsMean(Layer):
    """Centres its input on a running mean, of which each step makes a new tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        y = (x - self.mean) * self.weight * (1 + self.mean)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return y


@network
def buffer_replaced(channels: int) -> nn.Module:
    return with_layer(channels, KeepsMean())


class MovesParameter(Layer):
    """A frozen parameter that follows its input, as the codes of a VQ-VAE do."""

    def __init__(self) -> None:
        super().__init__()
        self.code = nn.Parameter(torch.rand(WIDTH), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.code.mul_(0.9).add_(0.1 * x.mean(0))
        return x * self.weight + self.code


@network
def frozen_parameter_that_follows(channels: int) -> nn.Module:
    return with_layer(channels, MovesParameter())


class Counts(Layer):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return x * self.weight / (1 + 0.1 * self.calls)


class CountsOnItsClass(Counts):
    """Has the number on its class, and its own from the first step on."""

    calls = 0

    def __init__(self) -> None:
        super().__init__()
        del self.calls


@network
def number_made(channels: int) -> nn.Module:
    return with_layer(channels, CountsOnItsClass())


ONE = nn.Linear(WIDTH, WIDTH)


@network
def layer_of_all_seeds(channels: int) -> nn.Module:
    return with_layer(channels, ONE)


@network
def number_changed(channels: int) -> nn.Module:
    return with_layer(channels, Counts())


class Lists(Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[int]] = {"sizes": []}

    def forward(self, x: Tensor) -> Tensor:
        self.seen["sizes"].append(len(x))
        return x * self.weight


@network
def list_changed(channels: int) -> nn.Module:
    return with_layer(channels, Lists())


class PlainTensor(Layer):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.plain = value

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight * self.plain.to(x)


@network
def plain_tensor(channels: int) -> nn.Module:
    return with_layer(channels, PlainTensor(torch.linspace(0, 1, WIDTH)))


@network
def plain_tensor_of_its_seed(channels: int) -> nn.Module:
    return with_layer(channels, PlainTensor(torch.rand(WIDTH)))


class PlainMean(KeepsMean):
    def __init__(self) -> None:
        super().__init__()
        del self.mean
        self.mean = torch.zeros(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        self.mean = self.mean.to(x)
        return super().forward(x)


@network
def plain_tensor_changed(channels: int) -> nn.Module:
    return with_layer(channels, PlainMean())


class Remembers(Layer):
    """Keeps what it gave last in training, for somebody to look at."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight
        if self.training:
            self.last = y
        return y


@network
def output_kept(channels: int) -> nn.Module:
    return with_layer(channels, Remembers())


class Hidden(nn.Module):
    """A layer in a plain list, where no module looks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(WIDTH, WIDTH)]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.layers[0].weight.to(x), self.layers[0].bias.to(x))


@network
def layer_in_a_list(channels: int) -> nn.Module:
    return with_layer(channels, Hidden())


class Closure(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(WIDTH)
        self.function = lambda x: self.norm(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@network
def closure_on_itself(channels: int) -> nn.Module:
    return with_layer(channels, Closure())


# Random numbers


@network
def dropout(channels: int) -> nn.Module:
    return with_layer(channels, nn.Dropout(0.2))


class Draws(Layer):
    def draw(self) -> float:
        return random.random()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight * (1 + self.draw()) if self.training else x * self.weight


@network
def drawn_by_python(channels: int) -> nn.Module:
    return with_layer(channels, Draws())


class DrawsItsOwn(Draws):
    def __init__(self) -> None:
        super().__init__()
        self.generator = np.random.default_rng(0)

    def draw(self) -> float:
        return float(self.generator.random())


@network
def drawn_by_its_own_generator(channels: int) -> nn.Module:
    return with_layer(channels, DrawsItsOwn())
