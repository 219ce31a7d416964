"""Measures how the cost of a store grows: of its tables, and of planning a job in it, against the number of records.

    python -m bench.studies.store_scaling --out docs/store-scaling.png

It fills a folder with invented records as a tuned study leaves them (architectures × 3 tasks × 5 rates × 10 seeds, ten
epochs each), measures at every size, prints a table and draws a figure. Every number is the median of the rounds, each
in a process of its own that has imported what it needs. Processor time is what is drawn: it depends less on what else
the machine does.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import bench
from bench.machine.environment import ROOT
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.paths import path_object
from bench.spec.run import RunSpec
from bench.spec.status import Status
from bench.store.inventory import inventory
from bench.store.record import Record, to_json
from bench.store.store import Store
from bench.studies.checks import figure_writable

SIZES = [1_000, 2_000, 5_000, 10_000, 20_000]
TABLES = ["runs", "history", "summary", "layers"]
PLANNING = "planning ten runs"
RATES = [0.0005, 0.0014, 0.008, 0.013, 0.03]
SEEDS = 10
EPOCHS = 10

Seconds = dict[tuple[str, int], tuple[float, float]]
"""(What was measured, number of records) → its processor time and its wall time, medians of the rounds."""

A_ROUND = "import sys; from bench.studies.store_scaling import a_round; a_round(sys.argv[1])"


def specs() -> Iterator[RunSpec]:
    """Yield the runs of a study of ever more architectures."""
    for index in count():
        for task in ("vae", "cvae", "classifier"):
            latent = None if task == "classifier" else 20
            for lr in RATES:
                for seed in range(SEEDS):
                    yield RunSpec(
                        arch=f"invented{index}", arch_fingerprint=f"{index:016x}", task=task, dataset="mnist",
                        data_fingerprint="d" * 16, likelihood=None if latent is None else "dynamic", seed=seed,
                        epochs=EPOCHS, batch_size=128, lr=lr, latent_dim=latent, train_images=None, device="cpu",
                        threads=1,
                    )  # fmt: skip


def record_of(spec: RunSpec) -> Record:
    """Return an invented record, as long as a real one."""
    names: tuple[str, ...]
    score, rooms = -100 - spec.seed / 7 - 1000 * spec.lr, ("data", "evaluation", "models", "tasks", "training")
    names = ("accuracy",) if spec.latent_dim is None else ("elbo", "reconstruction", "kl", "active_units", "kl_units")
    names += ("train_seconds", "train_images_per_s")
    conv = {"kind": "conv", "output_shape": "16x12x12", "weights": 400, "biases": 16, "macs": 57_600, "note": ""}
    return Record(
        run_id=spec.run_id,
        spec=spec.content(),
        status=Status.FINISHED,
        metrics={name: score / (1 + index) for index, name in enumerate(names)},
        history=[
            {"epoch": epoch, "train_loss": -score / epoch, "val_elbo": score - 60 / epoch, "seconds": 2.3 * epoch}
            for epoch in range(1, EPOCHS + 1)
        ],
        layers=[{"part": part, "layer": "conv 5×5, stride 2, 1→16", **conv} for part in ["encoder"] * 3 + ["head"] * 3],
        environment={
            "begun": 1.8e9, "ended": 1.8e9 + 23, "commit": "c" * 40, "dirty": False, "changed_files": [],
            "code": dict.fromkeys(rooms, "0123abcd"), "device": "cpu", "device_name": "invented", "torch": "2.0.1",
            "numpy": "2.4.6", "python": "3.11.7", "platform": "Linux x86_64", "threads": 1, "workers": 2,
        },
    )  # fmt: skip


def do(what: str, folder: str) -> None:
    """Do once what is measured."""
    if what in TABLES:
        bench.load(folder, what)
    else:
        Store(folder).prepare()
        if len(inventory(islice(specs(), 10), folder)) != 10:
            raise RuntimeError(f"{folder} does not hold the ten runs")


def a_round(folder: str) -> None:
    """Do everything that is measured, and print its processor and wall times as a line of JSON."""
    import bench.statistics.estimates
    import bench.statistics.frames
    import bench.store.evaluations  # noqa: F401, what else `bench.load` would import

    found = {}
    for what in [*TABLES, PLANNING]:
        processor, wall = time.process_time(), time.perf_counter()
        do(what, folder)
        found[what] = time.process_time() - processor, time.perf_counter() - wall
    print(json.dumps(found))


def measure(sizes: list[int], rounds: int, folder: Path) -> Seconds:
    """Fill the folder to each size, smallest first, and return what everything takes there."""
    found: Seconds = {}
    runs, have = specs(), 0
    for size in sorted(sizes):
        for spec in islice(runs, size - have):  # without waiting for the disk, as `Store.write` would
            (folder / spec.run_id).mkdir()
            (folder / spec.run_id / "record.json").write_text(to_json(record_of(spec)), encoding="utf-8")
        have = size
        command = [sys.executable, "-c", A_ROUND, str(folder)]
        taken = []
        for _ in range(rounds):
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            taken.append(json.loads(done.stdout))
        for what in [*TABLES, PLANNING]:
            processor, wall = (statistics.median(each[what][clock] for each in taken) for clock in (0, 1))
            found[what, size] = processor, wall
            print(f"{size:,} records, {what}: processor {processor:.3f} s, wall {wall:.3f} s", flush=True)
    return found


def draw(found: Seconds, path: Path) -> None:
    """Draw the processor time per record of each table, and that of planning."""
    import matplotlib  # here: it is slow to import, and each round would wait for it

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import StrMethodFormatter

    figure, (tables, planning) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    sizes = sorted({size for _, size in found})
    for table in TABLES:
        tables.plot(
            sizes, [1e6 * found[table, size][0] / size for size in sizes], marker="o", markersize=4, label=table
        )
    tables.set_ylabel("bench.load: processor time\nper record, µs")
    planning.plot(sizes, [1e3 * found[PLANNING, size][0] for size in sizes], marker="o", markersize=4, color="black")
    planning.set_ylabel(f"{PLANNING}:\nprocessor time, ms")
    for axis in (tables, planning):
        axis.set(xlabel="records in the store", xscale="log", ylim=(0, None), xticks=sizes)
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    tables.legend(frameon=False, ncols=2)
    figure.savefig(path, dpi=110)


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.store_scaling",
        description="The cost of a store's tables and of planning a job against its number of records.",
        allow_abbrev=False,
    )
    out = Path("docs/store-scaling.png")
    build.add_argument("--out", type=path_object, default=out, metavar="PNG", help="the figure")
    build.add_argument(
        "--records", type=integer(10, 1_000_000), nargs="+", default=SIZES, metavar="N",
        help=f"default: {' '.join(map(str, SIZES))}",
    )  # fmt: skip
    build.add_argument("--rounds", type=integer(1, 1_000), default=5, help="default: 5")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    from tabulate import tabulate

    chosen = parser().parse_args(arguments)
    figure_writable(chosen.out, "--out")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(sorted(set(chosen.records)), chosen.rounds, Path(folder))
    rows = [
        [what, f"{size:,}", f"{processor:.2f}", f"{wall:.2f}", f"{1e6 * processor / size:.0f}"]
        for (what, size), (processor, wall) in sorted(found.items())
    ]
    print(tabulate(rows, ["", "records", "processor, s", "wall, s", "µs per record"], tablefmt="github"))
    draw(found, chosen.out)
    return 0


if __name__ == "__main__":
    run_command(main)
