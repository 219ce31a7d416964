"""Turns records into tidy data frames; verdicts are in `bench.statistics.comparisons`. Pure functions, no torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from bench.spec.metrics import metric_columns
from bench.spec.run import digest
from bench.statistics.settings import differing_settings, none_for_missing
from bench.store.store import Record

IDENTITY = ["arch", "task", "dataset", "likelihood", "seed"]
ENVIRONMENT = ("torch", "commit", "dirty", "device_name", "workers")
"""Entries of a record's environment that are columns: by which code and on what it ran, beside how many others."""
RECORD_COLUMNS = [
    *IDENTITY, "status", "error",
    "params_total", "params_conv", "params_fc", "params_other", "macs",
    "elbo", "reconstruction", "kl", "elbo_joint", "bits_per_dim", "accuracy", "train_seconds", "train_images_per_s",
    "device", "run_id", "epochs", "batch_size", "lr", "latent_dim", "train_images", "labels", "threads",
    "arch_fingerprint", "data_fingerprint", "protocol", *ENVIRONMENT, "code",
]  # fmt: skip
PIXELS = 28 * 28
LAYER_COLUMNS = ["part", "layer", "kind", "output_shape", "weights", "biases", "macs", "note"]
SHAPE_SETTINGS = ("arch_fingerprint", "dataset", "label_input", "latent_dim", "protocol")
"""The settings that can change an architecture's layers, so that each value of them needs a layer table."""


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return a row per run, failed ones included; a value that a run doesn't have is NaN or None."""
    rows = []
    for record in records:
        row = dict(record.spec)
        row |= {key: record.environment.get(key) for key in ENVIRONMENT}
        row["code"] = code_of(record)
        row |= parameter_counts(record) | record.metrics | derived_metrics(record)
        row |= {"status": record.status, "error": record.error, "run_id": record.run_id}
        rows.append(row)
    extra = sorted(set(chain.from_iterable(rows)) - set(RECORD_COLUMNS))
    return pd.DataFrame(rows, columns=[*RECORD_COLUMNS, *extra])


def code_of(record: Record) -> str | None:
    """Return one hash of all the code that can change a number, an architecture's aside; None if none was recorded."""
    rooms = record.environment.get("code")
    return digest(rooms)[:8] if isinstance(rooms, dict) else None


def derived_metrics(record: Record) -> dict[str, float]:
    """Return the metrics that follow from recorded ones: the ELBO in bits per pixel."""
    elbo = record.metrics.get("elbo")
    return {} if elbo is None else {"bits_per_dim": -elbo / (PIXELS * math.log(2))}


def parameter_counts(record: Record) -> dict[str, float]:
    """Return the weights and biases by kind of layer, and the multiply-accumulates (NaN if a layer's are unknown)."""
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


def metric_names(records: Iterable[Record]) -> set[str]:
    """Return the names of all metrics that a record has, declared or not."""
    return {name for record in records for name in record.metrics}


def summary_of_records(records: Iterable[Record]) -> pd.DataFrame:
    """Return what `summary_frame` does, of records, of which no more than one is kept at a time."""
    names: set[str] = set()

    def noted() -> Iterator[Record]:
        for record in records:
            names.update(record.metrics)
            yield record

    return summary_frame(records_frame(noted()), names)


def summary_frame(runs: pd.DataFrame, plugin_metrics: Collection[str] = ()) -> pd.DataFrame:
    """Return a row per architecture, task and metric: n, n_failed, mean, std (ddof = 1) and 95 % t interval.

    Runs of different settings are never averaged: a setting that differs is a key, and a column, too.

    Args:
        runs: as `records_frame` returns it.
        plugin_metrics: columns that are metrics of plug-in tasks.
    """
    from bench.statistics.estimates import mean_interval  # here: scipy is slow to import, and other tables need none

    differing = differing_settings(runs)
    keys = ["arch", "task", *differing]
    metrics = metric_columns(runs.columns)
    metrics += sorted(set(plugin_metrics) & set(runs.columns) - set(metrics))
    is_finished = (runs["status"] == "finished").to_numpy()
    values = {metric: runs[metric].to_numpy(dtype=float, na_value=np.nan) for metric in metrics}  # once, not per group
    settings = runs[keys].assign(**{name: none_for_missing(runs[name]) for name in differing}).reset_index(drop=True)
    rows = []
    for key, group in settings.groupby(keys, sort=False, dropna=False):
        finished = group.index[is_finished[group.index]]
        cell = {**dict(zip(keys, key, strict=True)), "n_failed": len(group) - len(finished)}
        for metric in metrics:
            own = values[metric][finished]
            own = own[~np.isnan(own)]
            if len(own) or metric == "params_total":
                rows.append({**cell, "metric": metric, **vars(mean_interval(own))})
    return pd.DataFrame(rows, columns=[*keys, "metric", "n", "n_failed", "mean", "std", "low", "high"])


def layers_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return a row per layer of each architecture and task, in the order in which an image passes them.

    If settings that shape a network differ, each has its own rows, and those settings are columns too. What a row
    has no text for is None.
    """
    specs: list[Mapping[str, Any]] = []
    first: dict[tuple[Any, ...], Record] = {}  # of each network the first of its records that has layers
    for record in records:
        specs.append(record.spec)
        if record.layers:
            first.setdefault(tuple(map(record.spec.get, ("arch", "task", *SHAPE_SETTINGS))), record)
    keys = ["arch", "task", *(name for name in _differing(specs) if name in SHAPE_SETTINGS)]
    rows = []
    for record in first.values():
        network = {key: record.spec.get(key) for key in keys}
        for layer in record.layers:
            rows.append({**network, **layer, **{name: layer.get(name) or None for name in ("output_shape", "note")}})
    return pd.DataFrame(rows, columns=[*keys, *LAYER_COLUMNS])


def history_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return a row per epoch of each run, with the run's id and the settings in which the runs differ."""
    runs = [(record.spec, record.run_id, record.history) for record in records]  # the rest of each need not be kept
    keys = ["arch", "task", "seed", *_differing([spec for spec, _, _ in runs])]
    trained = [run for run in runs if run[2]]
    frame = pd.DataFrame({key: [spec.get(key) for spec, _, _ in trained] for key in keys})
    frame["run_id"] = [run_id for _, run_id, _ in trained]
    lengths = np.array([len(history) for _, _, history in trained], dtype=int)
    frame = frame.loc[np.repeat(frame.index, lengths)].reset_index(drop=True)
    epochs = [epoch for _, _, history in trained for epoch in history]
    known = ["epoch", "train_loss", "val_elbo", "val_accuracy", "seconds"]
    more = sorted({name for name in set(chain.from_iterable(epochs)) if name.startswith("val_")} - {*known})
    for name in (*known, *more):
        frame[name] = [epoch.get(name, math.nan) for epoch in epochs]
    return frame if epochs else frame.astype(object)  # as pandas makes the other tables where there is no row


def _differing(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    return differing_settings(pd.DataFrame(specs)) if specs else []
