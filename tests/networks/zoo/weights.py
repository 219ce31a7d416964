"""Networks whose weights are no plain ones: tied, frozen, computed of others, lazy, held in lists, not used."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from small import small
from torch import Tensor, nn
from torch.nn.utils import parametrizations


def flat(channels: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(784 * channels, 16), nn.ReLU()]


def used_twice(channels: int) -> nn.Module:
    layer = nn.Linear(16, 16)
    return nn.Sequential(*flat(channels), layer, nn.ReLU(), layer)


class Tied(nn.Module):
    """Two layers with one tensor of weights."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(*flat(channels))
        self.one, self.two = nn.Linear(16, 16), nn.Linear(16, 16)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(self.body(x)).relu())


class Frozen(nn.Module):
    """A fixed random projection before what learns."""

    def __init__(self, channels: int):
        super().__init__()
        self.projection = nn.Parameter(torch.randn(784 * channels, 16) / 28, requires_grad=False)
        self.fc = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc((x.flatten(1) @ self.projection).relu())


class Lists(nn.Module):
    """Parameters of the module's own, in a list and in a dictionary."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Parameter(torch.randn(784 * channels, 8) / 28)
        self.gains = nn.ParameterList([torch.ones(8), torch.zeros(8)])
        self.more = nn.ParameterDict({"scale": torch.ones(())})

    def forward(self, x: Tensor) -> Tensor:
        return (x.flatten(1) @ self.first * self.gains[0] + self.gains[1]) * self.more["scale"]


class UnusedHead(nn.Module):
    """A head that nothing calls, as when a layer was taken out of `forward` only."""

    def __init__(self, channels: int):
        super().__init__()
        self.body, self.head = nn.Sequential(*flat(channels)), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def spectral(channels: int) -> nn.Module:
    return nn.Sequential(parametrizations.spectral_norm(nn.Conv2d(channels, 4, 5, 4)), nn.ReLU(), nn.Flatten())


def weight_normed(channels: int) -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Conv2d(channels, 4, 5, 4)), nn.ReLU(), nn.Flatten())


def old_weight_normed(channels: int) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.utils.weight_norm(nn.Conv2d(channels, 4, 5, 4)), nn.ReLU(), nn.Flatten())


def lazy(channels: int) -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(4, 5, 4), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(12))


def lazy_decoder(features: int) -> nn.Module:
    return nn.Sequential(nn.LazyLinear(784), nn.Unflatten(1, (1, 28, 28)))


def of_width(channels: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * channels, width), nn.Tanh())


def drawn_by_numpy(channels: int) -> nn.Module:
    layer = nn.Linear(784 * channels, 12)
    weight = np.random.normal(0, 1 / 28, tuple(layer.weight.shape))  # as people do
    layer.weight.data = torch.from_numpy(weight).float()
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU())


class Functional(nn.Module):
    """A kernel of one's own, a buffer that is stored and one that is not."""

    blur: Tensor
    shift: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        self.kernel = nn.Parameter(torch.randn(4, channels, 5, 5) / 5)
        self.register_buffer("blur", torch.full((channels, 1, 3, 3), 1 / 9))
        self.register_buffer("shift", torch.linspace(-1, 1, 4).view(4, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.blur, padding=1, groups=self.channels)
        return (F.conv2d(x, self.kernel, stride=4) + self.shift).relu().flatten(1)


USED_TWICE = small("used-twice", used_twice)
TIED = small("tied", Tied)
FROZEN = small("frozen", Frozen)
LISTS = small("lists", Lists)
UNUSED = small("unused-head", UnusedHead)
SPECTRAL = small("spectral-norm", spectral)
WEIGHT_NORM = small("weight-norm", weight_normed)
OLD_WEIGHT_NORM = small("old-weight-norm", old_weight_normed)
LAZY = small("lazy", lazy, lazy_decoder)
PARTIAL = small("partial", functools.partial(of_width, width=12))
NUMPY = small("numpy-drawn", drawn_by_numpy)
FUNCTIONAL = small("functional", Functional)
