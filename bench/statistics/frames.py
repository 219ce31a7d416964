"""Records → tidy data frames. Pure functions; no torch, no judgement (that is `bench.statistics.comparisons`)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from bench.spec.metrics import among
from bench.statistics.comparisons import mean_interval
from bench.statistics.settings import differing_settings, plain
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
LAYER_COLUMNS = ["part", "layer", "kind", "output_shape", "weights", "biases", "macs"]
SHAPING = ("arch_fingerprint", "dataset", "latent_dim", "protocol")
"""The settings that can change an architecture's layers; the others can't, so that they ask for no further table."""


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


def measured(records: Iterable[Record]) -> set[str]:
    """The names of all metrics that some record has, declared or not."""
    return {name for record in records for name in record.metrics}


def summary_frame(records: pd.DataFrame, further: Collection[str] = ()) -> pd.DataFrame:
    """Per (arch, task, metric): n, n_failed, mean, std (ddof 1) and the 95 % t-interval of the mean, long form.

    Runs of different settings are never averaged: where settings differ, each of those is a key, and a column, as well.
    further: columns that are metrics too, beside those of `bench.spec.metrics`: of tasks that came as plug-ins.
    """
    differing = differing_settings(records)
    keys = ["arch", "task", *differing]
    records = records.assign(**{name: plain(records[name]) for name in differing})
    rows = []
    metrics = among(records.columns)
    metrics += sorted(set(further) & set(records.columns) - set(metrics))
    for key, group in records.groupby(keys, sort=False, dropna=False):
        finished = group[group["status"] == "finished"]
        for metric in metrics:
            values = finished[metric].dropna().astype(float)
            if len(values) or (metric == "params_total" and len(group)):
                found = mean_interval(values.to_numpy())
                cell = dict(zip(keys, key, strict=True)) | {"metric": metric, "n_failed": len(group) - len(finished)}
                rows.append({**cell, **dataclasses.asdict(found)})
    return pd.DataFrame(rows, columns=[*keys, "metric", "n", "n_failed", "mean", "std", "low", "high"])


def layers_frame(records: Sequence[Record]) -> pd.DataFrame:
    """A row per layer of each (arch, task), in the order in which an image passes.

    Where settings that shape a network differ, there is a table for each, with those settings as further columns.
    """
    keys = ["arch", "task", *(name for name in _differing(records) if name in SHAPING)]
    rows = []
    seen = set()
    for record in records:
        key = tuple(record.spec.get(name) for name in keys)
        if record.layers and key not in seen:
            seen.add(key)
            rows += [{**dict(zip(keys, key, strict=True)), **layer} for layer in record.layers]
    return pd.DataFrame(rows, columns=[*keys, *LAYER_COLUMNS])


def history_frame(records: Sequence[Record]) -> pd.DataFrame:
    """A row per epoch of each run, with the run's id and the settings in which the runs differ."""
    keys = ["arch", "task", "seed", *_differing(records)]
    rows = [
        {**{key: record.spec.get(key) for key in keys}, "run_id": record.run_id, **epoch}
        for record in records
        for epoch in record.history
    ]
    columns = [*keys, "run_id", "epoch", "train_loss", "val_elbo", "val_accuracy", "seconds"]
    columns += sorted({name for row in rows for name in row if name.startswith("val_")} - set(columns))
    return pd.DataFrame(rows, columns=columns)


def _differing(records: Sequence[Record]) -> list[str]:
    return differing_settings(pd.DataFrame([record.spec for record in records])) if records else []
