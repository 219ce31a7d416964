"""Times eager, graphed and stacked training in turns: `python -m bench.studies.speed_table --device auto`.

For each network and each number of seeds S: images/s (all seeds together) of S trainings one after the other, the same
with the step as a CUDA graph (on a GPU), and of one stack of S, plain and graphed. They take turns within a round; a
number is the median of the rounds. The ratio is of the fastest stacked form to the fastest sequential one, with its
quartiles. Sequential trainings are timed for one seed, since S of them take S times as long. The time that a capture
takes is not counted.
"""

from __future__ import annotations

import statistics

import torch
from tabulate import tabulate

from archs.errors import UserError
from bench.job.devices import device_of
from bench.job.values import device as device_option
from bench.machine.cpu import prepare_cpu
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.studies.checks import vaes
from bench.studies.synthetic import images, model_of, spec_of
from bench.tasks import get
from bench.training.loop import train_seeds
from bench.training.splits import Split

ARCHS = ["cnn2", "cnn3", "cnn:depth=4,channels=32-64-128-128"]


def time_epoch(arch: str, seeds: int, data: Split, batch: int, graph: bool) -> float:
    """Return the seconds of an epoch over `data`; of a stack if `seeds` is above one."""
    device = data.images.device
    specs = [spec_of(arch, seed, batch, device.type) for seed in range(seeds)]
    models = [model_of(spec, device) for spec in specs]
    few = Split(data.images[:1], data.labels[:1])
    outcomes = train_seeds(models, get("vae"), specs, [data] * seeds, [few] * seeds, graph=graph)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return sum(outcome.seconds for outcome in outcomes if not isinstance(outcome, Exception))


def forms(device: torch.device) -> list[tuple[str, bool, bool]]:
    """Return the forms of training that a device has: name, whether it is stacked, whether it is graphed."""
    plain = [("sequential", False, False), ("stacked", True, False)]
    graphed = [("sequential, graph", False, True), ("stacked, graph", True, True)]
    return [*plain, *graphed] if device.type == "cuda" else plain


def row(arch: str, seeds: int, data: Split, batch: int, rounds: int) -> list[str]:
    """Time all forms in turns; return the row of the table."""
    times: dict[str, list[float]] = {name: [] for name, _, _ in forms(data.images.device)}
    for _ in range(rounds + 1):
        for name, stacked, graphed in forms(data.images.device):
            count = seeds if stacked else 1
            # an epoch of one seed stands for S of them
            times[name].append(time_epoch(arch, count, data, batch, graphed) * (seeds / count))
    kept = {name: values[1:] for name, values in times.items()}  # the first round warms up
    medians = {name: statistics.median(values) for name, values in kept.items()}
    best_sequential, best_stacked = (
        kept[min((name for name in kept if name.startswith(kind)), key=medians.__getitem__)]
        for kind in ("sequential", "stacked")
    )
    low, middle, high = statistics.quantiles([a / b for a, b in zip(best_sequential, best_stacked, strict=True)], n=4)
    trained = seeds * (len(data.labels) // batch * batch)
    rates = [f"{trained / value:,.0f}" for value in medians.values()]
    return [arch, str(seeds), *rates, f"{middle:.2f} [{low:.2f}, {high:.2f}]"]


def parser() -> Parser:
    options = Parser(
        prog="python -m bench.studies.speed_table",
        description="Eager, graphed and stacked training side by side.",
        allow_abbrev=False,
    )
    options.add_argument("--device", type=device_option, default="auto")
    options.add_argument("--archs", nargs="+", default=ARCHS)
    options.add_argument("--seeds", nargs="+", type=integer(1, 1_000), default=[1, 3, 8, 32])
    options.add_argument("--images", type=integer(128, 1_000_000), default=12_800, help="per epoch and seed")
    options.add_argument("--batch-size", type=integer(1, 60_000), default=128)
    options.add_argument("--rounds", type=integer(2, 1_000), default=5)
    return options


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.batch_size > chosen.images:
        raise UserError(
            f"--batch-size {chosen.batch_size}: an epoch has {chosen.images} images; give more with --images"
        )
    names, device = vaes(chosen.archs), torch.device(device_of(chosen.device))
    prepare_cpu(1)
    data = images(chosen.images, device)
    rows = [row(arch, seeds, data, chosen.batch_size, chosen.rounds) for arch in names for seeds in chosen.seeds]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    print(f"{where}, torch {torch.__version__}, batch {chosen.batch_size}, images/s of all seeds together\n")
    headers = ["network", "S", *(name for name, _, _ in forms(device)), "stacked / sequential [quartiles]"]
    print(tabulate(rows, headers, tablefmt="github", disable_numparse=True))
    return 0


if __name__ == "__main__":
    run_command(main)
