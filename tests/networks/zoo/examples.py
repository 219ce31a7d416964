"""Networks as well-known examples have them, small: each is trained as anybody would copy it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from small import small
from torch import Tensor, nn


class LeNet(nn.Module):
    """Convolutions, pooling and `view` in between, as the first tutorials had it."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 6, 5, padding=2), nn.Conv2d(6, 8, 5)
        self.fc = nn.Linear(8 * 5 * 5, 32)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(self.fc(x.view(len(x), -1)))


class ViewVae(nn.Module):
    """A fully connected encoder that begins with `view`, as torch's own example of a VAE."""

    def __init__(self, channels: int):
        super().__init__()
        self.fc = nn.Linear(784 * channels, 32)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc(x.view(x.size(0), -1)))


class Generator(nn.Module):
    """The generator of a DCGAN: transposed convolutions with batch norm."""

    def __init__(self, features: int):
        super().__init__()
        self.fc = nn.Linear(features, 8 * 7 * 7)
        self.up = nn.Sequential(
            nn.BatchNorm2d(8), nn.ReLU(),
            nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.ConvTranspose2d(4, 1, 4, stride=2, padding=1),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.up(self.fc(z).view(-1, 8, 7, 7))


class Residual(nn.Module):
    """A residual block with group norm."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(2, channels), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x.clone())


class Inception(nn.Module):
    """Branches side by side."""

    def __init__(self, channels: int):
        super().__init__()
        self.branches = nn.ModuleDict({str(k): nn.Conv2d(channels, 3, k, stride=4, padding=k // 2) for k in (1, 3, 5)})

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches.values()], 1).relu().flatten(1)


def discriminator(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2, inplace=True), nn.Flatten(),
    )  # fmt: skip


def residual(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 4, 3, 4), Residual(4), Residual(4), nn.Flatten())


def separable(channels: int) -> nn.Module:
    """Depthwise and pointwise, and one with gaps."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1, groups=4), nn.Conv2d(4, 6, 1), nn.SiLU(),
        nn.Conv2d(6, 6, 3, dilation=2), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
    )  # fmt: skip


def upsampling(features: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(features, 4 * 49), nn.Unflatten(1, (4, 7, 7)), nn.Upsample(scale_factor=2),
        nn.Conv2d(4, 4, 3, padding=1), nn.GELU(), nn.PixelShuffle(2), nn.Conv2d(1, 1, 3, padding=1),
    )  # fmt: skip


LENET = small("lenet", LeNet)
VIEW_VAE = small("view-vae", ViewVae)
DCGAN = small("dcgan", discriminator, Generator)
RESNET = small("resnet", residual)
INCEPTION = small("inception", Inception)
SEPARABLE = small("separable", separable, upsampling)
