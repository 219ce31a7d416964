"""Invented trials of tuned runs, beside the invented runs of `tests.reports.synthetic`. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.spec.run import RunSpec
from bench.spec.search_space import SPACE, draws
from bench.store.record import Record
from bench.store.store import Store
from tests.reports.synthetic import write_experiment

Score = Callable[[str, int, int], float | None]
"""(architecture, seed, trial) → validation and test ELBO of a trial; None: it diverged."""
Outcome = tuple[float, float] | str
"""By how much a trial's validation and test scores differ from those of the run, in the primary metric's recorded unit;
or the error that it failed with."""
DIVERGED = "Diverged: loss is nan by step 3 of 9 (epoch 1)"


def add_trials(
    report: Path, outcome: Callable[[str, str, int, int], Outcome | None], trials: int = 3, lr: float = 8e-3
) -> Path:
    """Give each run of a written report trials, and return the report.

    Args:
        outcome: outcome(arch, task, seed, trial), of trial 0 too, which is the run itself; None: it has no record.
        trials: of each run, the common recipe's included.
        lr: of the common recipe; not that of the written runs, which stay as they are.
    """
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    store = Store(report / manifest["runs_dir"])
    of_trials: list[list[str]] = [[] for _ in range(trials)]
    for run_id in manifest["run_ids"]:
        record = store.load(run_id)
        for trial in range(trials):
            drawn = draws(trials - 1, record.spec["seed"])
            spec = record.spec | {"lr": drawn[trial - 1]["lr"] if trial else lr}
            found = outcome(spec["arch"], spec["task"], spec["seed"], trial)
            trial_id = RunSpec(**spec).run_id
            if found is not None:
                write_trial(store, record, {"run_id": trial_id, "spec": spec}, found)
            if found is not None or not trial:
                of_trials[trial].append(trial_id)
    manifest["run_ids"] = of_trials[0]
    space = [{"name": d.name, "label": d.label, "low": d.low, "high": d.high} for d in SPACE]
    manifest["tuning"] = {"trials": trials, "space": space, "run_ids": of_trials[1:]}
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return report


def write_trial(store: Store, run: Record, own: dict[str, Any], outcome: Outcome) -> None:
    """Write the record of a trial of a finished run."""
    shared = {**own, "environment": run.environment}
    if isinstance(outcome, str):
        store.write(Record(**shared, status="failed", error=outcome))
        return
    in_validation, in_test = outcome
    metrics, name = dict(run.metrics), "accuracy" if "accuracy" in run.metrics else "elbo"
    metrics[name] += in_test
    if name == "elbo":
        metrics["reconstruction"] -= in_test
    if "elbo_joint" in metrics:
        metrics["elbo_joint"] += in_test
    history = [row | {f"val_{name}": row[f"val_{name}"] + in_validation} for row in run.history]
    if name == "elbo":  # for a task that is judged by it, where lower is better
        history = [row | {"val_reconstruction": -row["val_elbo"] - 24.0} for row in history]
    arrays = dict(run.arrays())
    if "test_elbo" in arrays:
        arrays["test_elbo"] = (arrays["test_elbo"] + in_test).astype(np.float32)
    store.write(
        Record(**shared, status="finished", metrics=metrics, history=history, layers=run.layers),
        arrays,
    )


def write_trials(
    folder: Path,
    score: Score,
    archs: tuple[str, ...] = ("cnn2", "cnn3"),
    seeds: int = 6,
    trials: int = 3,
    less: int = 0,
    **options: Any,
) -> Path:
    """Write a report of VAEs with invented trials; of the last trial the last `less` runs are missing."""
    report = write_experiment(folder, archs, tasks=["vae"], seeds=seeds, **options)
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    store = Store(folder / "runs")
    runs = [store.load(run_id) for run_id in manifest["run_ids"]]
    known = {(str(run.spec["arch"]), int(run.spec["seed"])): run for run in runs}
    late = list(known)[len(known) - less :]

    def outcome(arch: str, task: str, seed: int, trial: int) -> Outcome | None:
        value, run = score(arch, seed, trial), known[arch, seed]
        if trial == trials - 1 and (arch, seed) in late:
            return None
        if value is None:
            return DIVERGED
        return value - float(run.history[-1]["val_elbo"]), value - float(run.metrics["elbo"])

    return add_trials(report, outcome, trials, lr=8e-3)


def shifts(table: Mapping[str, Sequence[float]], bad: Callable[[str, int, int], Outcome | None] | None = None) -> Any:
    """By how much each trial of an architecture is better; `bad` says what became of those that failed, 0 of others."""

    def outcome(arch: str, task: str, seed: int, trial: int) -> Outcome | None:
        found = bad(arch, seed, trial) if bad else (0.0, 0.0)
        if found is None or isinstance(found, str):
            return found
        scale = 1 / 4000 if task in ("classifier", "m2") else 1.0
        value = (table[arch][trial] + 0.1 * jitter(seed, arch)) * scale
        return value, value

    return outcome


def jitter(seed: int, arch: str) -> float:
    return float(np.random.default_rng([seed, len(arch), ord(arch[-1])]).normal(0, 0.3))


def any_better(arch: str, task: str, seed: int, trial: int) -> Outcome:
    """An outcome that each further trial changes by up to 10 nats, or 10 images of 4,000, whatever the architecture."""
    if not trial:
        return 0.0, 0.0
    by = float(np.random.default_rng([*map(ord, arch), trial]).uniform(-10, 10)) + jitter(seed, arch)
    return (by / 4000,) * 2 if task == "classifier" else (by, by)
