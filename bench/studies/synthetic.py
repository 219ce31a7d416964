"""Runs, models and images for trainings that are only timed, so that no data set is needed."""

from __future__ import annotations

import torch
from torch import nn

from archs.registry import discover
from bench.models.streams import generator
from bench.spec.run import RunSpec
from bench.tasks import get
from bench.training.splits import Split
from bench.worker.restore import to_device


def spec_of(arch: str, seed: int = 0, batch: int = 128, device: str = "cpu", latent_dim: int = 20) -> RunSpec:
    """Return the spec of a VAE; it is never stored, so it needs no fingerprints."""
    return RunSpec(
        arch=arch,
        arch_fingerprint="",
        task="vae",
        dataset="",
        data_fingerprint="",
        likelihood="dynamic",
        seed=seed,
        epochs=1,
        batch_size=batch,
        lr=1e-3,
        latent_dim=latent_dim,
        train_images=None,
        device=device,
        threads=1,
    )


def model_of(spec: RunSpec, device: torch.device) -> nn.Module:
    """Build the model of a spec on a device."""
    (arch,) = discover().resolve([spec.arch]).archs
    return to_device(get(spec.task).new_model(arch, spec.latent_dim, spec.seed), device)


def images(count: int, device: torch.device) -> Split:
    """Make images of noise with labels: four pixels in five black, as in a digit, the others of any grey."""
    draw = generator(0, "trial")
    grey = torch.randint(0, 256, (count, 28, 28), generator=draw, dtype=torch.uint8)
    kept = torch.rand(count, 28, 28, generator=draw) < 0.2
    return Split((grey * kept).to(device), torch.randint(0, 10, (count,), generator=draw).to(device))
