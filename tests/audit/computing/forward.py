"""The ELBO of a trained model by a forward pass of our own, on the test images and coins of our own."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates

DRAWS = 8
"""Of coins and latent noise: the recorded ELBO is of one draw of both."""
TESTED = 300


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the last 300 digits, 8×8 in 0…16, enlarged to 28×28 by linear interpolation between centres of pixels."""
    from sklearn.datasets import load_digits  # here, since it takes half a second of whoever only collects the tests

    source = load_digits()
    places = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    grid = np.meshgrid(places, places, indexing="ij")
    images = [map_coordinates(image, grid, order=1, mode="nearest") for image in source.images[-TESTED:]]
    x = np.rint(np.stack(images) * 255 / 16).astype(np.float32) / 255
    return torch.tensor(x)[:, None], torch.tensor(source.target[-TESTED:])


def draws_of_elbo(model: torch.nn.Module, task: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return ELBO, reconstruction and KL of each draw and image, [draws, N], by their definitions."""
    grey, labels = digits()
    noise, one_hot = torch.Generator().manual_seed(21), F.one_hot(labels, 10).float()
    found = []
    for _ in range(DRAWS):
        x = torch.bernoulli(grey, generator=noise)
        planes = one_hot[:, :, None, None].expand(-1, -1, 28, 28)
        mean, log_variance = model.head(model.encoder(torch.cat([x, planes], 1) if task == "cvae" else x))
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=noise)
        logits = model.decoder(torch.cat([z, one_hot], 1) if task == "cvae" else z)
        nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none").double().sum((1, 2, 3))
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).double().sum(1)
        found.append(torch.stack([-nll - kl, nll, kl]))
    elbo, nll, kl = torch.stack(found, 1)
    return elbo, nll, kl
