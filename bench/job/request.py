"""What a command asks for: typed, frozen, and checked as far as that is possible without looking at anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.spec.defaults import (
    DEFAULT_BATCH,
    DEFAULT_CLASSIFICATION_WEIGHT,
    DEFAULT_CONFIRM,
    DEFAULT_IWAE_SAMPLES,
    DEFAULT_LABELS,
    DEFAULT_LATENT,
    DEFAULT_LR,
    DEFAULT_MAX_SEEDS,
    DEFAULT_SEEDS,
    EPOCHS_OF_ALL,
)
from bench.tasks import DEFAULT


@dataclass(frozen=True)
class Request:
    """A job as it was asked for. Its defaults are those of the command line.

    What a field means is the `help` of the option of its name (`bench.job.options`).
    """

    # what is compared
    archs: tuple[str, ...] = ("cnn2", "cnn3")
    """As spelled: names, families, grids, crossings, wildcards."""
    plugins: tuple[str, ...] = ()
    tasks: tuple[str, ...] = DEFAULT
    seeds: int = DEFAULT_SEEDS
    """With `until_sure` and `race` those of the first round."""
    until_sure: bool = False
    race: bool = False
    max_seeds: int = DEFAULT_MAX_SEEDS
    """With `until_sure` and `race`."""
    max_minutes: float | None = None
    """With `until_sure` and `race`; None: as long as it takes."""
    race_epochs: int | None = None
    """With `race`; None: `epochs`."""
    confirm: int = DEFAULT_CONFIRM
    """With `race`."""
    max_params: int | None = None
    max_macs: int | None = None
    baseline: str | None = None
    """None: the first architecture."""
    yes: bool = False
    """More runs are meant than anybody is likely to want."""
    list_archs: bool = False
    """Print the architectures and stop."""

    # data
    dataset: str = "auto"
    data_dir: str = "data"
    accept_data: bool = False
    likelihood: str = "dynamic"
    train_images: int | None = None
    """None: all, or those of --quick."""
    labels: tuple[int, ...] = (DEFAULT_LABELS,)
    """A task that needs labels is trained with each of these numbers."""

    # training
    epochs: int | None = None
    """None: those of the data set, or of --quick."""
    batch_size: int = DEFAULT_BATCH
    lr: float = DEFAULT_LR
    latent_dim: int = DEFAULT_LATENT
    classification_weight: float = DEFAULT_CLASSIFICATION_WEIGHT
    tune: int | None = None
    """Trials of each run, the recipe above being the first; None: that one alone."""
    match: str = EPOCHS_OF_ALL
    quick: bool = False
    device: str = "auto"
    """ "auto", "cpu", "cuda" or "cuda:n"."""
    workers: int | None = None
    """None: one per core that may be used, or one per GPU."""
    threads: int = 1
    stack: str = "auto"
    """ "auto", "off" or a number of seeds."""
    eager: bool = False
    launcher: str = "local"
    ray_address: str = "auto"
    fail_fast: bool = False
    deterministic: bool = False
    retry_failed: bool = False

    # after training
    evaluate: str = "basic"
    iwae_samples: int = DEFAULT_IWAE_SAMPLES
    iwae_images: int | None = None
    """None: all test images."""
    throughput: str = "quick"

    # output
    runs_dir: str = "runs"
    out: str | None = None
    """The report's folder; None: a name made of what is compared."""
    latex: bool = False
    vector: bool = False
    parquet: bool = False
    trackers: Mapping[str, str] = field(default_factory=dict)
    """Name of a tracker → the value of its option."""

    arguments: tuple[str, ...] = ()
    """The command's own, for the report to name it."""
