"""Encoders of all kinds, to be told a label: those whose first layer can be computed in two terms, and others."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.nn.utils import parametrizations

from archs.blocks import Conv2d, Flatten
from tests.conftest import arch_of, registered

CHANNELS = 11
REGISTERED = sorted(name for name in registered().archs if name != "mlp")
FAMILY = [
    "cnn:depth=2",
    "cnn:depth=1,kernel=4,stride=4",
    "cnn:kernel=5,padding=2",
    "cnn:depth=1,kernel=28,padding=valid",
]

Built = Callable[[], nn.Module]


def first(layer: nn.Module, *more: nn.Module) -> Built:
    """An encoder that begins with a layer, after which it is not linear."""
    return lambda: nn.Sequential(copy.deepcopy(layer), *map(copy.deepcopy, more), nn.Tanh(), nn.Flatten())


SPLIT: dict[str, Built] = {
    **{f"{name}": lambda name=name: arch_of(name).encoder(CHANNELS) for name in REGISTERED + FAMILY},
    "a stride": first(nn.Conv2d(CHANNELS, 4, 5, 3)),
    "without a bias": first(nn.Conv2d(CHANNELS, 4, 5, bias=False)),
    "ours without a bias": first(Conv2d(CHANNELS, 4, 5, 2, 1, bias=False)),
    "padding": first(nn.Conv2d(CHANNELS, 4, 5, 2, 2)),
    "padding wider than the kernel reaches": first(nn.Conv2d(CHANNELS, 4, 3, 2, 4)),
    "unequal sides": first(nn.Conv2d(CHANNELS, 4, (3, 5), (1, 2), (0, 2))),
    "padding by its name": first(nn.Conv2d(CHANNELS, 4, 4, padding="same")),
    "gaps": first(Conv2d(CHANNELS, 4, 3, dilation=2, padding=1)),
    "zeros around": first(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(CHANNELS, 4, 5, 2, 1)),
    "rows cut off": first(nn.ZeroPad2d(-3), nn.Conv2d(CHANNELS, 4, 5, 2)),
    "within containers": first(nn.Sequential(nn.Sequential(nn.Conv2d(CHANNELS, 4, 5, 2), nn.ReLU()), nn.ReLU())),
    "the layer alone": lambda: nn.Conv2d(CHANNELS, 4, 5, 2),
    "as large as the image": first(Conv2d(CHANNELS, 4, 28)),
    "frozen weights": lambda: first(nn.Conv2d(CHANNELS, 4, 5))().requires_grad_(False),
}
"""Encoders of eleven channels whose first layer is split."""

BESIDE_THE_PIXELS: dict[str, Callable[[int], nn.Module]] = {
    "mlp": arch_of("mlp").encoder,
    "torch's": lambda channels: first(nn.Flatten(), nn.Sequential(nn.Linear(channels * 784, 7)))(),
    "ours, without a bias": lambda channels: first(Flatten(), nn.Linear(channels * 784, 7, bias=False))(),
    "in a container": lambda channels: nn.Sequential(first(nn.Flatten(), nn.Linear(channels * 784, 7))()),
    "lazy": lambda channels: first(nn.Flatten(), nn.LazyLinear(7))(),
    "frozen": lambda channels: first(nn.Flatten(), nn.Linear(channels * 784, 7))().requires_grad_(False),
}
"""Encoders that begin with a fully connected layer."""


class Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Backwards(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(1))


def changed(change: Callable[[nn.Sequential, nn.Module], object], *modules: nn.Module) -> Built:
    """An encoder, changed after it was built."""

    def built() -> nn.Module:
        encoder = first(*(modules or [nn.Conv2d(CHANNELS, 4, 5, 2)]))()
        change(encoder, encoder[0])
        return encoder

    return built


def doubles(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return 2 * output


def flips(module: nn.Module, inputs: Sequence[Tensor]) -> Tensor:
    return inputs[0].flip(1)


def with_other_forward(encoder: nn.Sequential, layer: nn.Module) -> None:
    layer.forward = lambda x: nn.Conv2d.forward(layer, x.flip(1))


PLAIN: dict[str, Built] = {
    "a hook of the layer": changed(lambda encoder, layer: layer.register_forward_hook(doubles)),
    "a hook before the layer": changed(lambda encoder, layer: layer.register_forward_pre_hook(flips)),
    "a hook of the container": changed(lambda encoder, layer: encoder.register_forward_hook(doubles)),
    "a hook before the container": changed(lambda encoder, layer: encoder.register_forward_pre_hook(flips)),
    "a hook of the padding": changed(
        lambda encoder, layer: layer.register_forward_hook(doubles), nn.ZeroPad2d(1), nn.Conv2d(CHANNELS, 4, 5)
    ),
    "a hook backward": changed(lambda encoder, layer: layer.register_full_backward_hook(lambda *of: None)),
    "parametrized": changed(lambda encoder, layer: parametrizations.orthogonal(layer)),
    "weight norm": changed(lambda encoder, layer: parametrizations.weight_norm(layer)),
    "another forward": changed(with_other_forward),
    "to be compiled": changed(lambda encoder, layer: setattr(encoder, "_compiled_call_impl", doubled_call(encoder))),
    "a derived class": first(Doubled(CHANNELS, 4, 5)),
    "a container of a derived class": lambda: Backwards(nn.Conv2d(CHANNELS, 4, 5), nn.Tanh(), nn.Flatten()),
    "groups": first(nn.Conv2d(CHANNELS, 22, 5, groups=11)),
    "a reflected border": first(nn.Conv2d(CHANNELS, 4, 5, padding=2, padding_mode="reflect")),
    "a circular border": first(Conv2d(CHANNELS, 4, 5, padding=2, padding_mode="circular")),
    "a norm before": first(nn.BatchNorm2d(CHANNELS), nn.Conv2d(CHANNELS, 4, 5)),
    "ones around": first(nn.ConstantPad2d(1, 1.0), nn.Conv2d(CHANNELS, 4, 5)),
    "columns apart": first(nn.Flatten(2), nn.Linear(784, 7)),
    "rows": first(nn.Linear(28, 7)),
    "nothing": lambda: nn.Sequential(),
    "fully connected, to planes": first(nn.Flatten(), nn.Linear(CHANNELS * 784, 7)),
}
"""Encoders that are given the planes."""


def doubled_call(module: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda x: 2 * module.forward(x)
