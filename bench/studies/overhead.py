"""Measures what the training loop costs beyond its steps: `python -m bench.studies.overhead`.

The bare loop (draw the batch, flip its coins, loss, backward, Adam; nothing else) and `bench.training.loop.train` with
a report at every reading of the loss take turns in one process, on one thread. Validation is work that was asked for,
not overhead: it is in neither. Shown are the median and the quartiles of the ratio within a round.
"""

from __future__ import annotations

import statistics
import time

import torch
from tabulate import tabulate

from bench.machine.cpu import prepare_cpu
from bench.models.likelihood import targets
from bench.models.streams import Streams
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.run import RunSpec
from bench.studies.checks import vaes
from bench.studies.synthetic import images, model_of, spec_of
from bench.tasks import Task, get
from bench.training.loop import train
from bench.training.splits import Split

IMAGES = 6_400
"""Of an epoch."""


def time_bare_loop(model: torch.nn.Module, task: Task, spec: RunSpec, data: Split) -> float:
    """Return the seconds of one epoch."""
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
    """Time both loops in turns on an architecture; return the row of the table."""
    device, task, spec = torch.device("cpu"), get("vae"), spec_of(name)
    data, few, model = images(IMAGES, device), images(10, device), model_of(spec, device)
    times: list[tuple[float, float]] = []
    losses: list[float] = []
    for _ in range(rounds + 1):
        bare = time_bare_loop(model, task, spec, data)
        trained = train(model, task, spec, data, few, lambda progress: losses.append(progress.loss))
        times.append((bare, trained.seconds))
    kept = times[1:]  # the first round warms up
    low, middle, high = (100 * (ratio - 1) for ratio in statistics.quantiles([ours / bare for bare, ours in kept], n=4))
    rates = [len(data.labels) / statistics.median(values) for values in zip(*kept, strict=True)]
    return [name, *(f"{rate:,.0f}" for rate in rates), f"{middle:+.1f} % [{low:+.1f}, {high:+.1f}]"]


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.overhead",
        description="The training loop beside the bare one.",
        allow_abbrev=False,
    )
    build.add_argument("--rounds", type=integer(2, 1_000), default=15, help="default: 15")
    build.add_argument("--archs", nargs="+", default=["cnn2", "cnn3"], help="default: cnn2 cnn3")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    names = vaes(chosen.archs)
    prepare_cpu(1)
    rows = [compare(name, chosen.rounds) for name in names]
    headers = ["VAE", "bare loop (images/s)", "bench.training.loop (images/s)", "overhead [quartiles]"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    return 0


if __name__ == "__main__":
    run_command(main)
