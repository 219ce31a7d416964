"""Eager, graphed and stacked training side by side: `python -m bench.studies.speed_table --device auto`.

For each network and each number of seeds S: images/s (all seeds together) of S trainings one after the other, the same
with the step as a CUDA graph (on a GPU), and of one stack of S, plain and graphed. In turn within a round, median of
the rounds; the ratio is of the fastest stacked form to the fastest sequential one, with its quartiles. Sequential
trainings are timed for one seed, since S of them take S times as long. The time that a capture takes is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
from tabulate import tabulate

from archs.errors import UserError
from bench.job.values import device as device_option
from bench.machine.cpu import prepare_cpu
from bench.spec.arguments import integer
from bench.studies.made_up import images, model_of, spec_of
from bench.tasks import get
from bench.training.loop import train_seeds
from bench.training.scores import Split

ARCHS = ["cnn2", "cnn3", "cnn:depth=4,channels=32-64-128-128"]


def seconds(arch: str, seeds: int, data: Split, batch: int, graph: bool) -> float:
    """Of an epoch over `data`; a stack if `seeds` is above one."""
    device = data.images.device
    specs = [spec_of(arch, seed, batch, device.type) for seed in range(seeds)]
    models = [model_of(spec, device) for spec in specs]
    few = Split(data.images[:1], data.labels[:1])
    outcomes = train_seeds(models, get("vae"), specs, data, few, graph=graph)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return sum(outcome.seconds for outcome in outcomes if not isinstance(outcome, Exception))


def forms(device: torch.device) -> list[tuple[str, bool, bool]]:
    """Name, stacked, graphed."""
    plain = [("sequential", False, False), ("stacked", True, False)]
    return (
        plain if device.type != "cuda" else [*plain, ("sequential, graph", False, True), ("stacked, graph", True, True)]
    )


def row(arch: str, seeds: int, data: Split, batch: int, rounds: int) -> list[str]:
    times: dict[str, list[float]] = {name: [] for name, _, _ in forms(data.images.device)}
    for _ in range(rounds + 1):
        for name, stacked, graphed in forms(data.images.device):
            count = seeds if stacked else 1
            # an epoch of one seed stands for S of them
            times[name].append(seconds(arch, count, data, batch, graphed) * (seeds / count))
    kept = {name: values[1:] for name, values in times.items()}
    medians = {name: statistics.median(values) for name, values in kept.items()}
    fastest = {kind: min((name for name in kept if name.startswith(kind)), key=medians.__getitem__) for kind in ("sequential", "stacked")}  # fmt: skip
    ratios = [a / b for a, b in zip(kept[fastest["sequential"]], kept[fastest["stacked"]], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    trained = seeds * (len(data.labels) // batch * batch)
    return [arch, str(seeds), *(f"{trained / value:,.0f}" for value in medians.values()), f"{middle:.2f} [{low:.2f}, {high:.2f}]"]  # fmt: skip


def parsed() -> argparse.Namespace:
    options = argparse.ArgumentParser(description="Eager, graphed and stacked training side by side.")
    options.add_argument("--device", type=device_option, default="auto")
    options.add_argument("--archs", nargs="+", default=ARCHS)
    options.add_argument("--seeds", nargs="+", type=integer(1, 1_000), default=[1, 3, 8, 32])
    options.add_argument("--images", type=integer(128, 1_000_000), default=12_800, help="per epoch and seed")
    options.add_argument("--batch-size", type=integer(1, 60_000), default=128)
    options.add_argument("--rounds", type=integer(2, 1_000), default=5)
    return options.parse_args()


def main() -> int:
    chosen = parsed()
    name = ("cuda" if torch.cuda.is_available() else "cpu") if chosen.device == "auto" else chosen.device
    if name != "cpu" and not torch.cuda.is_available():
        print(f"error: device {name!r} is not there: torch sees no CUDA device; use --device cpu", file=sys.stderr)
        return 2
    prepare_cpu(1)
    device = torch.device(name)
    data = images(chosen.images, device)
    try:
        rows = [
            row(arch, seeds, data, chosen.batch_size, chosen.rounds) for arch in chosen.archs for seeds in chosen.seeds
        ]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    print(f"{where}, torch {torch.__version__}, batch {chosen.batch_size}, images/s of all seeds together\n")
    headers = ["network", "S", *(name for name, _, _ in forms(device)), "stacked / sequential [quartiles]"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
