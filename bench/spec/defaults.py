"""The defaults of the command line's options."""

from __future__ import annotations

DEFAULT_SEEDS = 3
FEWEST_SEEDS = 3
"""Of the first round of --until-sure and --race: with fewer pairs nothing can be said at any look."""

DEFAULT_MAX_SEEDS = 30
"""Of --until-sure and --race."""

DEFAULT_CONFIRM = 5
"""Fresh seeds of the winner of a race, and of the baseline."""

DEFAULT_EPOCHS = 10
EPOCHS = {"digits": 30}
"""Data sets that need another number of epochs than the default."""

DEFAULT_BATCH = 128
DEFAULT_LR = 8e-3
"""The peak learning rate of the schedule, chosen by validation: docs/recipe/table.md."""

DEFAULT_LATENT = 20
DEFAULT_LABELS = 100
"""Labelled images of a semi-supervised task."""

DEFAULT_CLASSIFICATION_WEIGHT = 0.1
"""Of the mean cross-entropy of the labelled images in a semi-supervised loss: that of the authors' code."""

EPOCHS_OF_ALL, FLOPS, TIME = MATCHES = ("epochs", "flops", "time")
"""Values of --match, the default first: what is equal for all architectures."""

DEFAULT_IWAE_SAMPLES = 64
QUICK = {"epochs": 2, "train_images": 10_000}
"""What --quick sets, for a first look."""
