"""What every tracker shows of a record: settings, curves, scores and pictures under the same names everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archs.errors import UserError
from bench.spec.declared import built_in
from bench.spec.metrics import METRICS, Metric
from bench.spec.run import RunSpec

if TYPE_CHECKING:
    import numpy as np

    from bench.store.record import Record

SETTINGS = (
    "arch",
    "task",
    "dataset",
    "likelihood",
    "seed",
    "epochs",
    "steps",
    "batch_size",
    "lr",
    "latent_dim",
    "train_images",
    "labels",
    "classification_weight",
    "threads",
    "device",
)
"""Fields of a run's spec that are shown."""

SIZES = ("params_total", "params_conv", "params_fc", "macs")
"""Metrics that are shown under size/…"""

SPEEDS = ("train_seconds", "train_images_per_s")
"""Metrics that are shown under speed/…"""

GAP = 2
"""Pixels between the images of a sheet."""

WHITE = 255


def columns() -> dict[str, str]:
    """Return the scores of a table of runs, tag → heading: what decides in each built-in task, size and speed."""
    declared = built_in()
    deciding = dict.fromkeys(declared.primary(task) for task in declared.tasks)
    found = {f"test/{metric.name}": f"test {title(metric)}" for metric in deciding}
    size, speed = METRICS["params_total"], METRICS["train_images_per_s"]
    return found | {f"size/{size.name}": title(size), f"speed/{speed.name}": title(speed)}


def title(metric: Metric) -> str:
    """Return what a metric is called, with the unit unless what is recorded is in another."""
    return f"{metric.label} ({metric.unit})" if metric.unit and metric.scale == 1 else metric.label


def settings(spec: RunSpec) -> dict[str, Any]:
    """Return the settings that have a meaning for the run."""
    return {name: value for name in SETTINGS if (value := getattr(spec, name)) is not None}


def curves(record: Record) -> Iterator[tuple[str, int, float, float]]:
    """Yield (name, epoch, value, seconds of training until then) of each epoch and quantity."""
    for row in record.history:
        for name, value in row.items():
            if name not in ("epoch", "seconds"):
                yield f"curve/{name}", int(row["epoch"]), value, row.get("seconds", 0.0)


def scores(record: Record) -> dict[str, float]:
    """Return the metrics of a finished run or evaluation, grouped as test/…, size/… and speed/…."""
    from bench.statistics.frames import derived_metrics, parameter_counts

    found = {f"{'speed' if name in SPEEDS else 'test'}/{name}": value for name, value in record.metrics.items()}
    found |= {f"test/{name}": value for name, value in derived_metrics(record).items()}
    return found | {f"size/{name}": value for name, value in parameter_counts(record).items() if name in SIZES}


def pictures(record: Record) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, uint8 [H, W]) of each array that holds 28×28 images; reconstructions come under their originals."""
    import numpy as np

    try:
        arrays = record.arrays()
    except UserError:  # damaged files: `bench.store.inventory` says so, a tracker does without
        return
    originals = arrays.pop("originals", None)
    if originals is not None and "reconstructions" in arrays:
        arrays["reconstructions"] = np.stack([originals, arrays["reconstructions"]])
    for name, array in arrays.items():
        if array.dtype == np.uint8 and array.ndim in (3, 4) and array.shape[-2:] == (28, 28):
            yield f"pictures/{name}", sheet(array)


def sheet(images: np.ndarray) -> np.ndarray:
    """Lay images out in rows and columns on white: [R, C, H, W] → [R·(H + GAP), C·(W + GAP)].

    Images [N, H, W] are laid out in rows of ten.
    """
    import numpy as np

    if images.ndim == 3:
        missing = -len(images) % 10 if len(images) > 10 else 0
        images = np.pad(images, ((0, missing), (0, 0), (0, 0)), constant_values=WHITE)
        images = images.reshape(-1, min(10, len(images)), *images.shape[1:])
    padded = np.pad(images, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=WHITE)
    rows, columns, height, width = padded.shape
    return padded.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def figures(folder: Path) -> list[Path]:
    """Return the paths of a report's figures, sorted."""
    return sorted((folder / "figures").glob("*.png"))
