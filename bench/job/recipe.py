"""The recipe that all runs of a job share."""

from __future__ import annotations

from dataclasses import dataclass

from bench.data.dataset import DataDescription
from bench.job.request import Request
from bench.spec.defaults import DEFAULT_EPOCHS, EPOCHS, QUICK
from bench.spec.device import Device


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a run; what they mean is said in `bench.spec.run.RunSpec`."""

    likelihood: str
    epochs: int
    batch_size: int
    lr: float
    latent_dim: int
    train_images: int | None
    device_kind: str
    threads: int
    labels: tuple[int, ...]
    classification_weight: float
    deterministic: bool | None = None

    def images(self, data: DataDescription) -> int:
        """Return how many images a run is trained on."""
        return self.train_images or data.train_images


def recipe_of(request: Request, device: Device, data: DataDescription) -> Recipe:
    """The recipe that is asked for, with what it leaves open filled in."""
    epochs, train_images = request.epochs, request.train_images
    if request.quick:
        epochs = epochs or QUICK["epochs"]
        train_images = train_images or QUICK["train_images"]
    if request.race and not request.confirm:  # nothing is trained for longer than the race's runs
        epochs = request.race_epochs or epochs
    if train_images is not None and train_images >= data.train_images:
        train_images = None  # all of them: the same run as without the option
    return Recipe(
        likelihood=request.likelihood,
        epochs=epochs or EPOCHS.get(data.name, DEFAULT_EPOCHS),
        batch_size=request.batch_size,
        lr=request.lr,
        latent_dim=request.latent_dim,
        train_images=train_images,
        device_kind=device.kind,
        threads=request.threads,
        labels=request.labels,
        classification_weight=request.classification_weight,
        deterministic=True if request.deterministic and device.is_gpu else None,
    )
