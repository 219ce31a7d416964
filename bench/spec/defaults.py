"""What a run is like unless it is asked for otherwise."""

from __future__ import annotations

EPOCHS = {"digits": 30}
DEFAULT_EPOCHS = 10
DEFAULT_BATCH = 128
DEFAULT_LR = 4e-3
DEFAULT_LATENT = 20
DEFAULT_LABELS = 100
DEFAULT_IWAE_SAMPLES = 64
QUICK = {"epochs": 2, "train_images": 10_000}
