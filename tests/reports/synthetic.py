"""Report folders with invented runs, for tests and for pages of any size. Needs no torch.

python -m tests.reports.synthetic FOLDER --archs 40 --seeds 10
python -m tests.reports.synthetic FOLDER --archs 14 --seeds 5 --tune 5
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.spec.run import RunSpec
from bench.store.store import Record, Store
from tests.reports.synthetic_layers import layer_rows

TASKS = ("vae", "cvae", "classifier")
# a torch older than any that is supported, so that it is never the installed one that is shown
ENVIRONMENT = {
    "python": "3.12.1",
    "torch": "2.0.1",
    "numpy": "2.4.0",
    "device": "cpu",
    "device_name": "Invented CPU",
    "threads": 1,
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "dirty": False,
    "platform": "Linux",
}


def grid_names(count: int) -> tuple[list[str], dict[str, dict[str, str]]]:
    """`count` canonical names of the cnn family and their factors."""
    names: list[str] = []
    factors: dict[str, dict[str, str]] = {}
    for stride in (2, 1, 3):
        for padding in ("same", "valid"):
            for kernel in (3, 5, 4, 6):
                for depth in (2, 3, 4, 1):
                    name = f"cnn:depth={depth},kernel={kernel}"
                    name += f",stride={stride}" * (stride != 2) + f",padding={padding}" * (padding != "same")
                    names.append(name)
                    factors[name] = {
                        "depth": str(depth),
                        "kernel": str(kernel),
                        "stride": str(stride),
                        "padding": padding,
                    }
    return names[:count], {name: factors[name] for name in names[:count]}


@lru_cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Ten blobs [10, 28, 28] and a blurred copy, uint8."""
    rows, columns = np.mgrid[:28, :28]
    images = [255 * np.exp(-((rows - 9 - i) ** 2 + (columns - 18 + i) ** 2) / 20) for i in range(10)]
    originals = np.stack(images).astype(np.uint8)
    return originals, (originals * 0.8 + 20).astype(np.uint8)


def run_values(
    task: str, level: float, seed: int, noise: np.random.Generator, spread: float, n_test: int, epochs: int = 10
) -> Any:
    """(metrics, arrays, history) of one finished run; `level` is the arch's distance from the first, in nats."""
    shared = np.random.default_rng(1000 + seed).normal(0, 0.3)  # what a seed does to every architecture alike
    shift = level + shared + noise.normal(0, spread)
    if task == "classifier":
        accuracy = float(np.clip(0.985 + (shift + 10 * (noise.random() - 0.5) * spread) / 4000, 0, 1))
        correct = noise.random(n_test) < accuracy
        metrics = {"accuracy": float(correct.mean()) if n_test > 5000 else accuracy}
        arrays = {"test_correct": correct}
        history = [{"val_accuracy": accuracy - 0.1 * 0.25**epoch} for epoch in range(1, epochs + 1)]
    else:
        elbo = -105.0 + shift + (4.0 if task == "cvae" else 0.0)
        metrics = {"elbo": elbo, "kl": 24.0, "reconstruction": -elbo - 24.0}
        if task == "cvae":
            metrics["elbo_joint"] = elbo - float(np.log(10))
        images = np.random.default_rng(7).normal(0, 20, n_test) + noise.normal(0, 3, n_test)
        originals, reconstructions = pictures()
        arrays = {
            "test_elbo": (elbo + images - images.mean()).astype(np.float32),
            "originals": originals,
            "reconstructions": reconstructions,
            "kl_per_dim": 24.0 * np.random.default_rng(seed).dirichlet(np.full(20, 2.0)),
            "mean_variance": np.linspace(0, 1, 20),
            "interpolations": np.stack([reconstructions] * 5),
        }
        arrays |= {"grid": np.stack([originals] * 10)} if task == "cvae" else {"prior": np.concatenate([originals] * 3)}
        metrics |= {"active_units": 19.0, "kl_units": 20.0, "sample_spread": 0.1}
        metrics |= {"aggregate_kl": 1.0 + 0.1 * seed, "untrained_elbo": -550.0}
        history = [{"val_elbo": elbo - 60 * 0.25**epoch} for epoch in range(1, epochs + 1)]
    metrics |= {
        "train_seconds": 30 + float(noise.normal()),
        "train_images_per_s": 9000 + 50 * level + float(noise.normal(0, 90)),
    }
    for epoch, row in enumerate(history, 1):
        row |= {"epoch": epoch, "train_loss": 100.0 / epoch, "seconds": 5.0 * epoch}
    return metrics, arrays, history


def write_experiment(
    folder: Path,
    archs: int | Sequence[str] = 2,
    *,
    tasks: Sequence[str] = TASKS,
    seeds: int = 3,
    gap: float = 35.0,
    spread: float = 0.3,
    failures: Mapping[tuple[str, str, int], str] | None = None,
    factors: Mapping[str, Mapping[str, str]] | None = None,
    levels: Mapping[str, float] | None = None,
    n_test: int = 500,
    likelihood: str = "dynamic",
    settings: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    salt: int = 0,
    metrics: Mapping[str, float] | None = None,
    metrics_of: Callable[[str, int], Mapping[str, float]] = lambda arch, seed: {},
    lacking: Collection[str] = (),
    arrays_too: Mapping[str, np.ndarray] | None = None,
    environment: Mapping[str, Any] | None = None,
    environment_of: Callable[[str, int], Mapping[str, Any]] = lambda arch, seed: {},
    seeds_of: Mapping[tuple[str, str], int] | None = None,
    first_seed: int = 0,
) -> Path:
    """Write `folder`/runs and `folder`/report/manifest.json; return the report folder.

    gap: nats between the first architecture and the last, the others evenly between (the first is best);
        levels overrides it per arch, as a distance from −105 nats.
    spread: standard deviation between seeds, in nats. failures: (arch, task, seed) → error text.
    salt: another value draws other noise for the same seeds. metrics: added to those of every latent model;
        metrics_of(arch, seed) to those of this one. lacking: metrics and arrays that no record has, as in older ones.
    arrays_too: added to the arrays of every latent model.
    seeds_of: (arch, task) → its number of seeds where that is not `seeds`, as where they are added until settled.
    first_seed: the number of the first, as of a race's confirmation.
    environment: added to that of every run; environment_of(arch, seed) to that of this one.
    """
    names, known = grid_names(archs) if isinstance(archs, int) else (list(archs), {})
    if archs == 2:
        names, known = ["cnn2", "cnn3"], {}
    factors = known if factors is None else factors
    run_ids, around = [], {**ENVIRONMENT, **(environment or {})}
    store = Store(folder / "runs")
    for index, arch in enumerate(names):
        level = (levels or {}).get(arch, -gap * index / max(len(names) - 1, 1))
        for task in tasks:
            if arch == "pool4" and task != "classifier":
                continue
            for seed in range(first_seed, first_seed + (seeds_of or {}).get((arch, task), seeds)):
                latent = task != "classifier"
                spec = RunSpec(
                    arch=arch,
                    arch_fingerprint=f"{index:08x}",
                    task=task,
                    dataset="mnist",
                    data_fingerprint="d" * 8,
                    likelihood=likelihood if latent else None,
                    seed=seed,
                    epochs=10,
                    batch_size=128,
                    lr=0.001,
                    latent_dim=20 if latent else None,
                    train_images=None,
                    device="cpu",
                    threads=1,
                )
                spec = dataclasses.replace(spec, **dict(settings or {}))
                run_ids.append(spec.run_id)
                own = {**around, **environment_of(arch, seed)}
                shared = {"spec": spec.content(), "environment": own, "run_id": spec.run_id}
                error = (failures or {}).get((arch, task, seed))
                if error is not None:
                    store.write(Record(**shared, status="failed", error=error))
                    continue
                noise = np.random.default_rng([index, TASKS.index(task), seed, *([salt] if salt else [])])
                values, arrays, history = run_values(task, level, seed, noise, spread, n_test, spec.epochs)
                if latent:
                    values |= {**(metrics or {}), **metrics_of(arch, seed)}
                    arrays |= arrays_too or {}
                values, arrays = ({k: v for k, v in each.items() if k not in lacking} for each in (values, arrays))
                layers = layer_rows(arch, task, index)
                store.write(Record(**shared, status="finished", metrics=values, history=history, layers=layers), arrays)
    content = {
        "title": f"{' vs '.join(names) if len(names) < 4 else f'{len(names)} architectures'} on MNIST",
        "command": f"python run_ablation.py --archs {' '.join(names)} --seeds {seeds}",
        "runs_dir": "../runs",
        "run_ids": run_ids,
        "archs": names,
        "tasks": list(tasks),
        "seeds": seeds,
        "baseline": names[0],
        "factors": {arch: dict(levels_) for arch, levels_ in factors.items()},
        "illegal": [],
        "skipped": [],
        "warnings": [],
        "created": "2026-01-02T03:04:05+00:00",
        "dataset": {"name": "mnist", "train": 55000, "validation": 5000, "test": n_test},
        "workers": 2,
        "wall_seconds": 61.5,
    } | dict(manifest or {})
    report = folder / "report"
    report.mkdir(parents=True, exist_ok=True)
    (report / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--archs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--n-test", type=int, default=10_000)
    parser.add_argument("--tune", type=int, default=1, help="trials of each run; default: 1, not tuned")
    arguments = parser.parse_args()
    report = write_experiment(arguments.folder, arguments.archs, seeds=arguments.seeds, n_test=arguments.n_test)
    if arguments.tune > 1:
        from tests.reports.tuning.synthetic import add_trials, any_better  # which imports this

        add_trials(report, any_better, arguments.tune)
    print(report)


if __name__ == "__main__":
    main()
