"""Reports of races with invented runs: the race is run as a job would, from values that are drawn on the way."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.spec.run import RunSpec
from bench.statistics.sequential.race import Race, standing
from bench.store.record import Record
from bench.store.store import Store
from tests.reports.synthetic import ENVIRONMENT, TASKS, run_values, write_experiment
from tests.reports.synthetic_layers import layer_rows

MARGINS = {"vae": 0.5, "cvae": 0.5, "classifier": 0.001}


def write_race(
    folder: Path,
    levels: Mapping[str, float],
    *,
    task: str = "vae",
    spread: float = 0.3,
    first: int = 3,
    most: int = 10,
    at_once: int = 1,
    epochs: int = 10,
    confirm: int = 5,
    rounds: int | None = None,
    stopped_at: int | None = None,
    budget: bool = False,
    minutes: float | None = None,
    failed: Collection[tuple[str, int]] = (),
    shift: Mapping[str, float] | None = None,
    entry: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write the records of a race and of its confirmation, and their report; return its folder.

    Args:
        levels: architecture → its distance from −105 nats; the first is the baseline.
        epochs: of the race's runs; those of the confirmation are 10.
        stopped_at: how many runs there are of a race that was stopped, within a round.
        rounds: after which it was stopped, or its time was up; None: when it is over.
        budget: whether that was its time.
        failed: (architecture, seed) of the race's runs that failed.
        shift: architecture → what its level is in the confirmation, if another.
        entry: put in the place of what the manifest would have.
        options: of `write_experiment`, of the confirmation.
    """
    runs, race = _raced(
        Store(folder / "runs"),
        levels,
        task,
        spread,
        first,
        most,
        at_once,
        epochs,
        rounds,
        budget,
        set(failed),
        stopped_at,
    )
    ended = race.ended or "stopped"
    fresh = confirm if race.winner is not None and race.ended else 0
    shown = list(dict.fromkeys([next(iter(levels)), race.winner])) if race.winner else list(levels)
    own = {arch: (shift or {}).get(arch, levels[arch]) for arch in shown}
    manifest = {
        "title": f"{' vs '.join(shown)} on MNIST",
        "race": {
            "task": task,
            "epochs": epochs,
            "first_seeds": first,
            "max_seeds": most,
            "max_minutes": minutes,
            "at_once": at_once,
            "archs": list(levels),
            "run_ids": list(runs.values()),
            "planned": len(runs) + len(race.wanted),
            "seeds": race.rounds[-1].seeds if race.rounds else 0,
            "ended": ended,
            "winner": race.winner,
            "confirmed": fresh,
            "full_grid": len(levels) * most,
            **(entry or {}),
        },
        **options.pop("manifest", {}),
    }
    options = {"spread": spread, "n_test": 300, "factors": {}, **options}
    if fresh:
        manifest = {"seeds": fresh, **manifest}
        return write_experiment(
            folder, shown, tasks=(task,), seeds=fresh, first_seed=most, levels=own, manifest=manifest, **options
        )
    report = write_experiment(folder, shown, tasks=(task,), seeds=0, levels=own, manifest=manifest, **options)
    content = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    content["run_ids"] = [run_id for (arch, _), run_id in runs.items() if arch in shown]
    content["seeds"] = len({seed for arch, seed in runs if arch in shown})
    (report / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return report


def _raced(
    store: Store,
    levels: Mapping[str, float],
    task: str,
    spread: float,
    first: int,
    most: int,
    at_once: int,
    epochs: int,
    rounds: int | None,
    budget: bool,
    failed: Collection[tuple[str, int]],
    stopped_at: int | None,
) -> tuple[dict[tuple[str, int], str], Race[str]]:
    """Run what the race wants, round by round; return (arch, seed) → run id, and how it stands."""
    runs: dict[tuple[str, int], str] = {}
    values: dict[str, dict[int, float]] = {arch: {} for arch in levels}
    name = "accuracy" if task == "classifier" else "elbo"

    def now(is_over: bool = False) -> Race[str]:
        return standing(
            values, first=first, most=most, at_once=at_once, margin=MARGINS[task], budget_is_spent=is_over and budget
        )

    while (race := now()).ended is None and (rounds is None or len(race.rounds) < rounds):
        for arch, seed in race.wanted:
            if len(runs) == stopped_at:
                return runs, now()
            index = list(levels).index(arch)
            noise = np.random.default_rng([77, index, TASKS.index(task), seed])
            spec = RunSpec(
                arch=arch,
                arch_fingerprint=f"{index:08x}",
                task=task,
                dataset="mnist",
                data_fingerprint="d" * 8,
                likelihood=None if task == "classifier" else "dynamic",
                seed=seed,
                epochs=epochs,
                batch_size=128,
                lr=0.001,
                latent_dim=None if task == "classifier" else 20,
                train_images=None,
                device="cpu",
                threads=1,
            )
            runs[arch, seed] = spec.run_id
            shared: dict[str, Any] = {"spec": spec.content(), "environment": ENVIRONMENT, "run_id": spec.run_id}
            if (arch, seed) in failed:
                store.write(Record(**shared, status="failed", error="Diverged: loss is nan by step 3 of 9 (epoch 1)"))
                values[arch][seed] = float("nan")
                continue
            metrics, arrays, history = run_values(task, levels[arch], seed, noise, spread, 300, epochs)
            worth = 4000 if task == "classifier" else 1
            history[-1][f"val_{name}"] -= (1 + 0.1 * noise.random()) / worth  # other images than those of the test
            layers = layer_rows(arch, task, index)
            store.write(Record(**shared, status="finished", metrics=metrics, history=history, layers=layers), arrays)
            values[arch][seed] = history[-1][f"val_{name}"]
    return runs, now(is_over=True)
