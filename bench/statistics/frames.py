"""Records → tidy data frames. Pure functions; no torch, no judgement (that is `bench.statistics.comparisons`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import pandas as pd

from bench.spec.metrics import among
from bench.statistics.comparisons import mean_interval
from bench.store.store import Record

IDENTITY = ["arch", "task", "dataset", "likelihood", "seed"]
RECORD_COLUMNS = [
    *IDENTITY, "status", "error",
    "params_total", "params_conv", "params_fc", "params_other", "macs",
    "elbo", "reconstruction", "kl", "elbo_joint", "bits_per_dim", "accuracy", "train_seconds", "train_images_per_s",
    "device", "run_id", "epochs", "batch_size", "lr", "latent_dim", "train_images", "labels", "threads",
    "arch_fingerprint", "data_fingerprint", "protocol", "torch", "commit",
]  # fmt: skip
PIXELS = 28 * 28
LAYER_COLUMNS = ["arch", "task", "part", "layer", "kind", "output_shape", "weights", "biases", "macs"]


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """A row per run, failed ones included; a value that a run doesn't have is NaN or None."""
    rows = []
    for record in records:
        environment = {key: record.environment.get(key) for key in ("torch", "commit")}
        rows.append({**record.spec, **environment, **parameter_counts(record), **record.metrics, **derived(record),
                     "status": record.status, "error": record.error, "run_id": record.run_id})  # fmt: skip
    extra = sorted({key for row in rows for key in row} - set(RECORD_COLUMNS))
    return pd.DataFrame(rows, columns=[*RECORD_COLUMNS, *extra])


def derived(record: Record) -> dict[str, float]:
    """What follows from a recorded metric: the ELBO in bits per pixel."""
    elbo = record.metrics.get("elbo")
    return {} if elbo is None else {"bits_per_dim": -elbo / (PIXELS * math.log(2))}


def parameter_counts(record: Record) -> dict[str, float]:
    """Weights and biases by kind of layer, and multiply-accumulates (NaN if a layer's are unknown)."""
    if not record.layers:
        return {}

    def size(*kinds: str) -> int:
        return sum(row["weights"] + row["biases"] for row in record.layers if row["kind"] in kinds)

    total = sum(row["weights"] + row["biases"] for row in record.layers)
    conv, fc = size("conv", "transposed conv"), size("fc")
    macs = [row["macs"] for row in record.layers]
    return {
        "params_total": total,
        "params_conv": conv,
        "params_fc": fc,
        "params_other": total - conv - fc,
        "macs": math.nan if None in macs else float(sum(macs)),
    }


def summary_frame(records: pd.DataFrame) -> pd.DataFrame:
    """Per (arch, task, metric): n, n_failed, mean, std (ddof 1) and the 95 % t-interval of the mean, long form."""
    rows = []
    metrics = among(records.columns)
    for (arch, task), group in records.groupby(["arch", "task"], sort=False):
        finished = group[group["status"] == "finished"]
        for metric in metrics:
            values = finished[metric].dropna().astype(float)
            if len(values) or (metric == "params_total" and len(group)):
                found = mean_interval(values.to_numpy())
                cell = {"arch": arch, "task": task, "metric": metric, "n_failed": len(group) - len(finished)}
                rows.append({**cell, **dataclasses.asdict(found)})
    return pd.DataFrame(rows, columns=["arch", "task", "metric", "n", "n_failed", "mean", "std", "low", "high"])


def layers_frame(records: Sequence[Record]) -> pd.DataFrame:
    """A row per layer of each (arch, task), in the order in which an image passes."""
    rows = []
    seen = set()
    for record in records:
        key = (record.spec["arch"], record.spec["task"])
        if record.layers and key not in seen:
            seen.add(key)
            rows += [{"arch": key[0], "task": key[1], **layer} for layer in record.layers]
    return pd.DataFrame(rows, columns=LAYER_COLUMNS)


def history_frame(records: Iterable[Record]) -> pd.DataFrame:
    """A row per epoch of each run."""
    keep = ("arch", "task", "seed")
    rows = [{**{key: record.spec[key] for key in keep}, **epoch} for record in records for epoch in record.history]
    columns = [*keep, "epoch", "train_loss", "val_elbo", "val_accuracy", "seconds"]
    return pd.DataFrame(rows, columns=columns)
