"""What the training loop costs beyond its steps: `python -m bench.studies.overhead`.

The bare loop (draw the batch, flip its coins, loss, backward, Adam; nothing else) and `bench.training.loop.train` with a report
after every look, A B A B in one process, on one thread. Validation is work that was asked for, not overhead: it is in
neither. The ratio of a round, its median and quartiles.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from tabulate import tabulate

from bench.machine.cpu import prepare_cpu
from bench.models.likelihood import targets
from bench.models.streams import Streams
from bench.spec.run import RunSpec
from bench.studies.made_up import images, model_of, spec_of
from bench.tasks import Task, get
from bench.training.loop import train
from bench.training.scores import Split

IMAGES = 6_400


def bare(model: torch.nn.Module, task: Task, spec: RunSpec, data: Split) -> float:
    """Seconds of one epoch."""
    streams = Streams.of(spec.seed, data.images.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=spec.lr, fused=True)
    model.train()
    started = time.perf_counter()
    for rows in torch.randperm(len(data.labels), generator=streams.order).split(spec.batch_size):
        x = targets(data.images.index_select(0, rows), spec.likelihood, streams.coins)
        loss = task.loss(model, x, data.labels[rows], streams.noise)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return time.perf_counter() - started


def compare(name: str, rounds: int) -> list[str]:
    device, task, spec = torch.device("cpu"), get("vae"), spec_of(name)
    data, few, model = images(IMAGES, device), images(10, device), model_of(spec, device)
    times: list[tuple[float, float]] = []
    seen: list[float] = []
    for _ in range(rounds + 1):
        alone = bare(model, task, spec, data)
        times.append((alone, train(model, task, spec, data, few, lambda progress: seen.append(progress.loss)).seconds))
    ratios = [ours / alone for alone, ours in times[1:]]
    low, middle, high = statistics.quantiles(ratios, n=4)
    rates = [len(data.labels) / statistics.median(values) for values in zip(*times[1:], strict=True)]
    return [name, *(f"{rate:,.0f}" for rate in rates), f"{100 * (middle - 1):+.1f} % [{100 * (low - 1):+.1f}, {100 * (high - 1):+.1f}]"]  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description="The training loop beside the bare one.")
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--archs", nargs="+", default=["cnn2", "cnn3"])
    chosen = options.parse_args()
    prepare_cpu(1)
    rows = [compare(name, chosen.rounds) for name in chosen.archs]
    headers = ["VAE", "bare loop (images/s)", "bench.training.loop (images/s)", "overhead [quartiles]"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    main()
