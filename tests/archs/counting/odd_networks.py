"""More of `small_networks`: those that own, share, freeze, hide or compile their parameters in unusual ways."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from tests.archs.counting.small_networks import NETWORKS, Network, network, rows

__all__ = ["NETWORKS", "Network"]


@network(28 * 28 + 28, 2 * 28 * 28 * 28, 3 * 28 * 28 * 28)
class Twice(nn.Module):
    """One layer, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(28, 28)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(F.relu(self.layer(rows(x)))).flatten(1)


@network(784 * 6 + 784 + 6, 2 * 784 * 6, 3 * 784 * 6, "its weights are counted above")
class Tied(nn.Module):
    """An autoencoder whose second layer has the first one's weights, the other way round, and a bias of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Linear(784, 6)
        self.up = nn.Linear(784, 6, bias=False)
        self.up.weight = self.down.weight
        self.bias = nn.Parameter(torch.zeros(784))

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x.flatten(1) + self.bias) + self.down(x.flatten(1))


@network(784 * 6, 2 * 784 * 6, 3 * 784 * 6)
class TiedByHand(nn.Module):
    """The weights of a layer, used once more by a module that does not own them."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Linear(784, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.down(x.flatten(1)), self.down.weight.T)


@network(9 * 4 + 4 + 4 * 5 + 5, 26 * 26 * 36 + 26 * 26 * 20, 26 * 26 * 36 + 2 * 26 * 26 * 20, "without mv")
def spectral() -> nn.Module:
    """Weights divided by their largest singular value; torch does not count what finds it."""
    first, second = parametrizations.spectral_norm(nn.Conv2d(1, 4, 3)), nn.Conv2d(4, 5, 1)
    return nn.Sequential(first, nn.ReLU(), second, nn.Flatten())


@network(6 + 784 * 6 + 6 + 4 * 6 + 4 + 4, 784 * 6 + 6 * 4, 784 * 6 + 2 * 6 * 4)
def weight_norms() -> nn.Module:
    """Weights of a direction and a length, by torch's old way and by its new one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        old = nn.utils.weight_norm(nn.Linear(784, 6))
    return nn.Sequential(nn.Flatten(), old, nn.ReLU(), parametrizations.weight_norm(nn.Linear(6, 4)))


@network(28 * 4 + 4 * 5 + 28 + 5, 28 * 28 * 4 + 28 * 4 * 5, 2 * (28 * 28 * 4 + 28 * 4 * 5))
class Lists(nn.Module):
    """Parameters in containers and of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ParameterList([torch.ones(28, 4), torch.ones(4, 5)])
        self.named = nn.ParameterDict({"position": torch.ones(28)})
        self.shift = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        x = rows(x) + self.named["position"]
        for step in self.steps:
            x = x @ step
        return (x + self.shift).flatten(1)


@network(784 * 3 + 3 + 784 * 9 + 9 + 12, 784 * 3, 784 * 3, "not used in forward", "not used in forward")
class Unused(nn.Module):
    """A head and a list that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(784, 3), nn.Linear(784, 9)
        self.list = nn.ParameterList([torch.ones(12)])

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x.flatten(1))


@network(784 * 5 + 5 + 5 * 4 + 4, 784 * 5 + 5 * 4, 5 * 4)
def frozen() -> nn.Module:
    """A first layer that is not trained."""
    first = nn.Linear(784, 5).requires_grad_(False)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), nn.Linear(5, 4))


@network(784 * 5 + 5 + 5 * 4 + 4, 784 * 5 + 5 * 4, 5 * 4)
class Backbone(nn.Module):
    """A first layer through which no gradient is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.top = nn.Linear(784, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.backbone(x.flatten(1))
        return self.top(x)


def plain() -> nn.Sequential:
    """Two layers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 5), nn.ReLU(), nn.Linear(5, 4))


@network(784 * 5 + 5 + 5 * 4 + 4, 784 * 5 + 5 * 4, 784 * 5 + 2 * 5 * 4)
def compiled() -> nn.Module:
    """As torch.compile makes it."""
    return nn.Sequential(torch.compile(plain()))


@network(784 * 5 + 5 + 5 * 4 + 4, 784 * 5 + 5 * 4, 784 * 5 + 2 * 5 * 4)
def scripted() -> nn.Module:
    """As TorchScript, in which torch's hooks see nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(torch.jit.script(plain()))


@torch.library.custom_op("small_networks::product", mutates_args=())
def foreign_product(x: Tensor, weight: Tensor) -> Tensor:
    """An operation of somebody's own."""
    return x @ weight


@foreign_product.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(len(x), weight.shape[1])


def _gradients(ctx: object, gradient: Tensor) -> tuple[None, Tensor]:
    return None, gradient.new_zeros(784, 5)


foreign_product.register_autograd(_gradients)


@network(784 * 5, None, None, "what small_networks.product computes is unknown", seen_by_torch=False)
class Foreign(nn.Module):
    """A layer of an operation that nobody can count."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(784, 5))

    def forward(self, x: Tensor) -> Tensor:
        return foreign_product(x.flatten(1), self.weight)


@network(784 * 5 + 5, None, None, "not followed: ValueError: expected more images", seen_by_torch=False)
class OnlyBatches(nn.Module):
    """A network that takes no single image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(784, 5)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) < 2:
            raise ValueError("expected more images")
        return self.layer(x.flatten(1))
