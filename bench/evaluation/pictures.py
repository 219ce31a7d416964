"""Pictures of a latent model as uint8 arrays, so that a page can be drawn without torch.

They show the same for every architecture: the same test images, the same z whatever the run's seed, the same points of
the prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.models.latent import CLASSES
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.training.splits import Split

PRIOR_SAMPLES = 30

STEPS = 10
"""Images of an interpolation."""

MANIFOLD = 20
"""Images along an axis."""


def draw(model: Any, test: Split, run: RunSpec, mean: Tensor) -> dict[str, np.ndarray]:
    """Return every picture by name, uint8 [..., 28, 28].

    - originals, reconstructions [10]: the first test image of each class.
    - interpolations [5, STEPS]: between the posterior means of successive pairs of those.
    - prior [PRIOR_SAMPLES]: decode z ~ N(0, I), of a model that knows no labels.
    - grid [10, 10]: likewise, of one that does; a row per label, the same z down a column.
    - With two latent dimensions also latent float16 [N, 2], labels uint8 [N], and, of a model that knows no labels,
      manifold [MANIFOLD, MANIFOLD]: z on a grid of Gaussian quantiles.

    Args:
        mean: posterior means of the test set, [N, Z].
    """
    device, z_dim = mean.device, mean.shape[1]
    first = torch.tensor([int((test.labels == label).nonzero()[0]) for label in range(CLASSES)], device=device)
    x = test.fixed_targets(run.likelihood, "test", first)
    labels = test.labels[first]
    z = torch.randn(PRIOR_SAMPLES, z_dim, generator=generator(0, "pictures")).to(device)
    found = {
        "originals": as_bytes(x),
        "reconstructions": decode(model, mean[first], labels),
        "interpolations": interpolations(model, mean[first], labels),
    }
    if model.classes:
        rows, columns = torch.meshgrid(torch.arange(CLASSES), torch.arange(CLASSES), indexing="ij")
        grid = decode(model, z[columns.flatten().to(device)], rows.flatten().to(device))
        found["grid"] = grid.reshape(CLASSES, CLASSES, *grid.shape[1:])
    else:
        found["prior"] = decode(model, z, z.new_zeros(len(z), dtype=torch.long))
    if z_dim == 2:
        found |= {"latent": mean.cpu().numpy().astype(np.float16), "labels": test.labels.cpu().numpy().astype(np.uint8)}
        if not model.classes:
            found["manifold"] = manifold(model, device)
    return found


def interpolations(model: Any, ends: Tensor, labels: Tensor) -> np.ndarray:
    """Decode straight lines in z from each even row to the next; a label holds up to the middle.

    Args:
        ends: [2P, Z].
        labels: [2P].

    Returns:
        uint8 [P, STEPS, 28, 28].
    """
    shares = torch.linspace(0, 1, STEPS, device=ends.device)[None, :, None]
    z = ends[::2, None] * (1 - shares) + ends[1::2, None] * shares  # [P, STEPS, Z]
    late = (shares[..., 0] > 0.5).expand(len(z), -1)
    label = torch.where(late, labels[1::2, None], labels[::2, None])
    images = decode(model, z.flatten(0, 1), label.flatten())
    return images.reshape(*z.shape[:2], *images.shape[1:])


def manifold(model: Any, device: torch.device) -> np.ndarray:
    """Decode a grid of z in equal steps of the prior's distribution function: uint8 [MANIFOLD, MANIFOLD, 28, 28].

    z₁ rises from left to right, z₂ falls from top to bottom.
    """
    shares = (torch.arange(MANIFOLD) + 0.5) / MANIFOLD
    quantiles = torch.special.ndtri(shares).to(device)
    down, across = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    z = torch.stack([across.flatten(), down.flatten()], 1)
    images = decode(model, z, z.new_zeros(len(z), dtype=torch.long))
    return images.reshape(MANIFOLD, MANIFOLD, *images.shape[1:])


def decode(model: Any, z: Tensor, labels: Tensor) -> np.ndarray:
    """Return the mean images of p(x|z), given z [N, Z] and labels [N]: uint8 [N, 28, 28]."""
    return as_bytes(torch.sigmoid(model.decode(z, labels)))


def as_bytes(images: Tensor) -> np.ndarray:
    """Turn images [N, 1, 28, 28] in 0 to 1 into uint8 [N, 28, 28]."""
    return (images.squeeze(1) * 255).round().to(torch.uint8).cpu().numpy()
