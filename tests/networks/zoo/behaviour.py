"""Networks that behave in a way of their own: draw, count, forget their logits, are scripted; some can't be run."""

from __future__ import annotations

import functools
import itertools
import random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from small import FEATURES, plain, small, to_image
from torch import Tensor, nn


class Wrapped(nn.Module):
    """A plain encoder, with something done to its features."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = plain(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class AlwaysDrops(Wrapped):
    """`F.dropout` without `training=self.training`: at work in evaluation too."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.body(x))


class AlwaysDropsPixels(nn.Module):
    """The same in a decoder."""

    def __init__(self, features: int):
        super().__init__()
        self.body = to_image(features)

    def forward(self, z: Tensor) -> Tensor:
        return F.dropout(self.body(z))


class StochasticDepth(Wrapped):
    """A layer that is left out in half of the steps, as `random` decides, and noise that numpy draws."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.more = nn.Linear(FEATURES, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(x)
        if not self.training:
            return features + 0.5 * self.more(features)
        features = features * float(np.random.uniform(0.9, 1.1))
        return features + self.more(features) if random.random() < 0.5 else features


class Detached(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).detach()


class Counts(Wrapped):
    """A number in Python that grows with each call in training, and counts in evaluation."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return self.body(x) * (1 + 0.5 * self.calls)


class CountsAlways(Wrapped):
    """The same, at every call."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.body(x) * (1 + 0.5 * self.calls)


class Pickled(Wrapped):
    """State that only pickle could store."""

    def get_extra_state(self) -> Any:
        return {"version": 1}

    def set_extra_state(self, state: Any) -> None:
        pass


class Pair(nn.Module):
    """Mean and log-variance, as the encoder of a VAE often has it."""

    def __init__(self, channels: int):
        super().__init__()
        self.body, self.mean, self.variance = plain(channels), nn.Linear(16, 4), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.mean(features), self.variance(features)


def seeds_itself(channels: int) -> nn.Module:
    torch.manual_seed(1)
    return plain(channels)


@functools.cache
def cached(channels: int) -> nn.Module:
    return plain(channels)


numbers = itertools.count()


def counted(channels: int) -> nn.Module:
    layer = nn.Linear(784 * channels, 16)
    nn.init.constant_(layer.bias, float(next(numbers)))
    return nn.Sequential(nn.Flatten(), layer)


def dropping(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * channels, 16), nn.ReLU(), nn.Dropout(0.3))


def with_sigmoid(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))


def with_tanh(features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))


def scripted(channels: int) -> nn.Module:
    return torch.jit.script(plain(channels))


DROPOUT = small("dropout", dropping)
STOCHASTIC_DEPTH = small("stochastic-depth", StochasticDepth)
ALWAYS = small("always-drops", AlwaysDrops, AlwaysDropsPixels)
DETACHED = small("detached", Detached)
COUNTS = small("counts", Counts)
COUNTS_ALWAYS = small("counts-always", CountsAlways)
SEEDS_ITSELF = small("seeds-itself", seeds_itself)
SIGMOID = small("sigmoid", decoder=with_sigmoid)
TANH = small("tanh", decoder=with_tanh)
SCRIPTED = small("scripted", scripted)
EXTRA_STATE = small("extra-state", Pickled)
PAIR = small("pair", Pair)
CACHED = small("cached", cached)
COUNTED = small("counted", counted)
