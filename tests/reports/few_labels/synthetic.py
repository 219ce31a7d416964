"""A report folder with invented runs on few labels: M2, its reader alone, and M1+M2 on the codes of VAEs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import reports
from bench.spec.run import RunSpec
from bench.store.store import Record, Store
from bench.tasks import declared, get
from reports.figures.canvas import FigureWriter
from reports.markup.blocks import Table, Text
from reports.sections.context import Context
from reports.sections.generative import few_labels
from tests.reports.synthetic import ENVIRONMENT
from tests.reports.synthetic_layers import layer_rows

ERRORS = {"reader": 0.26, "m2": 0.13, "m1m2": 0.05, "m1m2_alone": 0.20}
"""Method → test error with 100 labels of the first architecture; it falls with the root of their number."""


def invented_error(method: str, place: int, labels: int, seed: int) -> float:
    """The test error of a run; each further architecture makes a fifth more, and seeds differ by a hundredth of it."""
    shared = np.random.default_rng([7, labels, seed]).normal(0, 0.02)  # of the labelled images, the same for all
    own = np.random.default_rng([11, len(method), place, labels, seed]).normal(0, 0.01)
    return float(ERRORS[method] * (100 / labels) ** 0.5 * (1 + 0.2 * place) * (1 + shared + own))


def write_few_labels(
    folder: Path,
    archs: Sequence[str] = ("cnn2", "cnn3"),
    *,
    tasks: Sequence[str] = ("m2", "reader", "vae"),
    labels: Sequence[int] = (100, 600),
    seeds: int = 3,
    error: Callable[[str, int, int, int], float] = invented_error,
    weight: float | None = 0.1,
    settings: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    metrics_of: Callable[[str, int], Mapping[str, float]] = lambda arch, seed: {},
    failed: Collection[tuple[str, str, int] | tuple[str, str, int, int]] = (),
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Write `folder`/runs and `folder`/report/manifest.json; return the report folder.

    Args:
        tasks: those on the left have their own runs; "vae" has the evaluation by M1+M2.
        error: (method, place of the architecture, labels, seed) → test error.
        weight: the classification weight of M2.
        settings: fields of every run's spec; a None is left out, as in older records.
        metrics: added to those of every VAE; metrics_of(arch, seed) to those of this one.
        failed: (task, architecture, labels) of runs that did not finish, or (task, architecture, labels, seed) of one.
    """
    store, run_ids = Store(folder / "runs"), []
    for seed in range(seeds):
        for place, arch in enumerate(archs):
            for task in tasks:
                for count in labels if task != "vae" else (None,):
                    spec = RunSpec(
                        **{
                            "arch": arch,
                            "arch_fingerprint": f"{place:08x}",
                            "task": task,
                            "dataset": "mnist",
                            "data_fingerprint": "d" * 8,
                            "likelihood": "dynamic",
                            "seed": seed,
                            "epochs": 10,
                            "batch_size": 128,
                            "lr": 8e-3,
                            "latent_dim": None if task == "reader" else 20,
                            "train_images": None,
                            "device": "cpu",
                            "threads": 1,
                            "labels": count,
                            "classification_weight": weight if task == "m2" else None,
                            **(settings or {}),
                        }
                    )
                    arrays: dict[str, np.ndarray] = {}
                    values = {"train_seconds": 30.0, "train_images_per_s": 5000.0 + seed}
                    if count is None:
                        values |= {"elbo": -100.0 - seed, "kl": 20.0, "reconstruction": 80.0 + seed}
                        values |= {
                            "active_units": max(19.0 - 12 * place, 1.0),
                            "kl_units": 19.0,
                            "aggregate_kl": 1.0,
                            "sample_spread": 0.1,
                            **(metrics or {}),
                            **metrics_of(arch, seed),
                        }
                        for number in labels:
                            for method in ("m1m2", "m1m2_alone"):
                                values[f"{method}_accuracy_l{number}"] = 1 - error(method, place, number, seed)
                            values[f"m1m2_validation_accuracy_l{number}"] = values[f"m1m2_accuracy_l{number}"]
                            arrays |= curve(number, values)
                    else:
                        values["accuracy"] = 1 - error(task, place, count, seed)
                        if task == "m2":
                            values |= {"elbo": -98.0 - place - seed, "kl": 20.0, "reconstruction": 78.0 + place + seed}
                            values |= {"active_units": 18.0, "kl_units": 19.0, "aggregate_kl": 1.0}
                            values |= {"sample_spread": 0.1}
                    name = "elbo" if count is None else "accuracy"
                    history = [
                        {
                            "epoch": epoch,
                            "train_loss": 100.0 / epoch,
                            "seconds": 5.0 * epoch,
                            f"val_{name}": values[name],
                        }
                        for epoch in range(1, 11)
                    ]
                    run_ids.append(spec.run_id)
                    if count is not None and {(task, arch, count), (task, arch, count, seed)} & set(failed):
                        shared = {"run_id": spec.run_id, "spec": spec.content(), "environment": ENVIRONMENT}
                        store.write(Record(**shared, status="failed", error="the loss is not finite"))
                        continue
                    layers = layer_rows(arch, "classifier" if task == "reader" else "vae", place)
                    record = Record(
                        run_id=spec.run_id,
                        spec=spec.content(),
                        status="finished",
                        metrics=values,
                        history=history,
                        layers=layers,
                        environment=ENVIRONMENT,
                    )
                    store.write(record, arrays)
    content = {
        "title": f"{' vs '.join(archs)} on MNIST",
        "command": f"python run_ablation.py --archs {' '.join(archs)} --tasks {' '.join(tasks)}",
        "runs_dir": "../runs",
        "run_ids": run_ids,
        "archs": list(archs),
        "tasks": list(tasks),
        "seeds": seeds,
        "baseline": archs[0],
        "created": "2026-01-02T03:04:05+00:00",
        "dataset": {"name": "mnist", "train": 55000, "validation": 5000, "test": 10000},
        "workers": 2,
        "declared": declared(map(get, tasks)).as_dict(),
        **(manifest or {}),
    }
    report = folder / "report"
    report.mkdir(parents=True, exist_ok=True)
    (report / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return report


def curve(labels: int, metrics: Mapping[str, float]) -> dict[str, np.ndarray]:
    """The curve over 100 passes that ends at the validation accuracy; without points of a code that says nothing."""
    alive = metrics.get(f"m1m2_dimensions_l{labels}") != 0
    passes = np.arange(10.0, 101.0, 10.0) if alive else np.empty(0)
    accuracy = metrics[f"m1m2_validation_accuracy_l{labels}"] - 0.1 * (1 - passes / 100)
    return {f"m1m2_curve_passes_l{labels}": passes, f"m1m2_curve_accuracy_l{labels}": accuracy}


def section(folder: Path) -> tuple[Table, str]:
    """The table of the section, and its text as it is before rendering."""
    blocks = list(few_labels.blocks(Context(reports.load(folder), FigureWriter(folder))))
    (table,) = (block for block in blocks if isinstance(block, Table))
    return table, "\n".join(block.markdown for block in blocks if isinstance(block, Text))
