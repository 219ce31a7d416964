"""cnn2 from torch's own layers alone, as someone without this project would write it."""

from __future__ import annotations

from torch import Tensor, nn

LATENT = 20
BATCH = 128


class Crop(nn.Module):
    """Keeps the upper left corner of an image: [B, C, H, W] → [B, C, size, size]."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.size, : self.size]


def encoder() -> nn.Module:
    """Return the encoder: images [B, 1, 28, 28] → features [B, 512]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2), nn.ReLU(), nn.Flatten()
    )


def decoder() -> nn.Module:
    """Return the decoder: latent code [B, LATENT] → pixel probabilities [B, 1, 28, 28]."""
    return nn.Sequential(
        nn.Linear(LATENT, 8 * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (8, 7, 7)),
        nn.ConvTranspose2d(8, 8, 5, stride=2, padding=1),
        Crop(14),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 5, stride=2, padding=1, output_padding=1),
        Crop(28),
        nn.Sigmoid(),
    )
