"""Pictures of a latent model as uint8 arrays, so that a page is drawn without torch. The same for every architecture:
the same test images, the same z whatever the run's seed, the same points of the prior.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.models.latent import CLASSES
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.training.scores import Split

PRIOR_SAMPLES = 30
STEPS = 10  # of an interpolation
MANIFOLD = 20  # images along an axis


def draw(model: Any, test: Split, run: RunSpec, mean: Tensor) -> dict[str, np.ndarray]:
    """Every picture by name, uint8 [..., 28, 28]. mean: posterior means of the test set, [N, Z].

    originals, reconstructions [10]: the first test image of each class. interpolations [5, STEPS]: between the
    posterior means of successive pairs of those. prior [PRIOR_SAMPLES]: decoded z ~ N(0, I); of a model that knows
    labels the `grid` [10, 10] instead: a row per label, the same z down a column. With two latent dimensions also
    latent float16 [N, 2], labels uint8 [N], and manifold [MANIFOLD, MANIFOLD]: z on a grid of Gaussian quantiles.
    """
    device, z_dim = mean.device, mean.shape[1]
    first = torch.tensor([int((test.labels == label).nonzero()[0]) for label in range(CLASSES)], device=device)
    x = test.fixed(run.likelihood, "test", first)
    labels = test.labels[first]
    z = torch.randn(PRIOR_SAMPLES, z_dim, generator=generator(0, "pictures")).to(device)
    found = {
        "originals": as_bytes(x),
        "reconstructions": decoded(model, mean[first], labels),
        "interpolations": interpolations(model, mean[first], labels),
    }
    if model.classes:
        rows, columns = torch.meshgrid(torch.arange(CLASSES), torch.arange(CLASSES), indexing="ij")
        grid = decoded(model, z[columns.flatten().to(device)], rows.flatten().to(device))
        found["grid"] = grid.reshape(CLASSES, CLASSES, *grid.shape[1:])
    else:
        found["prior"] = decoded(model, z, z.new_zeros(len(z), dtype=torch.long))
    if z_dim == 2:
        found |= {"latent": mean.cpu().numpy().astype(np.float16), "labels": test.labels.cpu().numpy().astype(np.uint8)}
        if not model.classes:
            found["manifold"] = manifold(model, device)
    return found


def interpolations(model: Any, ends: Tensor, labels: Tensor) -> np.ndarray:
    """[2P, Z] → [P, STEPS, 28, 28], straight lines in z from each even row to the next; a label holds to the middle."""
    shares = torch.linspace(0, 1, STEPS, device=ends.device)[None, :, None]
    z = ends[::2, None] * (1 - shares) + ends[1::2, None] * shares  # [P, STEPS, Z]
    late = (shares[..., 0] > 0.5).expand(len(z), -1)
    label = torch.where(late, labels[1::2, None], labels[::2, None])
    images = decoded(model, z.flatten(0, 1), label.flatten())
    return images.reshape(*z.shape[:2], *images.shape[1:])


def manifold(model: Any, device: torch.device) -> np.ndarray:
    """[MANIFOLD, MANIFOLD, 28, 28]: equal steps of the prior's distribution function, z₂ from top to bottom falling."""
    shares = (torch.arange(MANIFOLD) + 0.5) / MANIFOLD
    at = torch.special.ndtri(shares).to(device)
    down, across = torch.meshgrid(at.flip(0), at, indexing="ij")
    z = torch.stack([across.flatten(), down.flatten()], 1)
    images = decoded(model, z, z.new_zeros(len(z), dtype=torch.long))
    return images.reshape(MANIFOLD, MANIFOLD, *images.shape[1:])


def decoded(model: Any, z: Tensor, labels: Tensor) -> np.ndarray:
    """The mean image of p(x|z): [N, Z], [N] → uint8 [N, 28, 28]."""
    return as_bytes(torch.sigmoid(model.decode(z, labels)))


def as_bytes(images: Tensor) -> np.ndarray:
    """[N, 1, 28, 28] in [0, 1] → uint8 [N, 28, 28]."""
    return (images.squeeze(1) * 255).round().to(torch.uint8).cpu().numpy()
