"""Encoders whose parameters are not plain ones: frozen, hooked, tied, computed from others."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from tests.training.odd.building import WIDTH, Layer, network, with_image_layer, with_layer

# What does not learn


@network
def frozen_parameter(channels: int) -> nn.Module:
    layer = Layer()
    layer.weight.requires_grad_(False)
    return with_layer(channels, layer)


@network
def frozen_layer(channels: int) -> nn.Module:
    return with_image_layer(channels, nn.Conv2d(4, 4, 1).requires_grad_(False))


class FrozenInTraining(Layer):
    """Learns nothing, which it sees to when it is told that a training begins."""

    def train(self, mode: bool = True) -> FrozenInTraining:
        super().train(mode)
        self.weight.requires_grad_(not mode)
        return self


@network
def frozen_by_train(channels: int) -> nn.Module:
    return with_layer(channels, FrozenInTraining())


class FrozenNowAndThen(Layer):
    """Learns in every other epoch: when it has been told an even number of times that a training goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def train(self, mode: bool = True) -> FrozenNowAndThen:
        super().train(mode)
        self.told += mode
        self.weight.requires_grad_(self.told % 2 == 0)
        return self


@network
def frozen_now_and_then(channels: int) -> nn.Module:
    return with_layer(channels, FrozenNowAndThen())


class FrozenNorm(nn.Sequential):
    """A batch norm that keeps to the statistics it has."""

    def train(self, mode: bool = True) -> FrozenNorm:
        super().train(mode)
        self[0].eval()
        return self


@network
def frozen_norm(channels: int) -> nn.Module:
    return with_layer(channels, FrozenNorm(nn.BatchNorm1d(WIDTH)))


class Unused(Layer):
    def forward(self, x: Tensor) -> Tensor:
        return x


@network
def unused_parameter(channels: int) -> nn.Module:
    return with_layer(channels, Unused())


# What hangs on a parameter


@network
def hook_on_gradient(channels: int) -> nn.Module:
    layer = Layer()
    layer.weight.register_hook(lambda gradient: gradient * 0)
    return with_layer(channels, layer)


def zero_gradient(parameter: Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad.zero_()


@network
def hook_after_gradient(channels: int) -> nn.Module:
    layer = Layer()
    layer.weight.register_post_accumulate_grad_hook(zero_gradient)
    return with_layer(channels, layer)


class Doubled(nn.Parameter):
    """A parameter of another class than torch's."""


@network
def parameter_of_a_class(channels: int) -> nn.Module:
    layer = Layer()
    layer.weight = Doubled(layer.weight.detach())
    return with_layer(channels, layer)


class ReadsAttribute(Layer):
    def __init__(self) -> None:
        super().__init__()
        self.weight.scale = 2.0

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight * getattr(self.weight, "scale", 1.0)


@network
def parameter_with_attribute(channels: int) -> nn.Module:
    return with_layer(channels, ReadsAttribute())


@network
def tied_weights(channels: int) -> nn.Module:
    one, other = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
    other.weight = one.weight
    return with_layer(channels, one, nn.ReLU(), other)


@network
def layer_used_twice(channels: int) -> nn.Module:
    one = nn.Linear(WIDTH, WIDTH)
    return with_layer(channels, one, nn.ReLU(), one)


@network
def shared_memory(channels: int) -> nn.Module:
    one, other = Layer(), Layer()
    other.weight = nn.Parameter(one.weight.data)
    return with_layer(channels, one, other)


class Positive(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x)


@network
def parametrized(channels: int) -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    parametrize.register_parametrization(layer, "weight", Positive())
    return with_layer(channels, layer)


@network
def new_weight_norm(channels: int) -> nn.Module:
    return with_layer(channels, parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)))


@network
def old_weight_norm(channels: int) -> nn.Module:
    return with_layer(channels, weight_norm(nn.Linear(WIDTH, WIDTH)))


@network
def new_spectral_norm(channels: int) -> nn.Module:
    return with_layer(channels, parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH)))


@network
def old_spectral_norm(channels: int) -> nn.Module:
    return with_layer(channels, spectral_norm(nn.Linear(WIDTH, WIDTH)))


@network
def pruned(channels: int) -> nn.Module:
    layer = nn.Linear(WIDTH, WIDTH)
    prune.random_unstructured(layer, "weight", amount=0.5)
    return with_layer(channels, layer)


# Hooks on modules


@network
def forward_hook(channels: int) -> nn.Module:
    layer = Layer()
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    return with_layer(channels, layer)


@network
def forward_pre_hook(channels: int) -> nn.Module:
    layer = Layer()
    layer.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
    return with_layer(channels, layer)


@network
def backward_hook(channels: int) -> nn.Module:
    layer = Layer()
    layer.register_full_backward_hook(lambda module, inputs, outputs: tuple(gradient * 0.5 for gradient in inputs))
    return with_layer(channels, layer)


class HooksActivation(Layer):
    """Halves the gradient of what it gives."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight
        if y.requires_grad:
            y.register_hook(lambda gradient: gradient / 2)
        return y


@network
def hook_on_activation(channels: int) -> nn.Module:
    return with_layer(channels, HooksActivation())
