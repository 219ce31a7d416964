"""Measures how much of the spread over seeds comes from each source of randomness, and from rounding alone.

    python -m bench.studies.spread                                      # goes on where it was stopped
    python -m bench.studies.spread --from docs/spread/spread.csv        # table and figure once more
    python -m bench.studies.spread --sources rounding all --epochs 10 --out docs/spread/full

Each source (initial weights, order of the images, coins of the binarisation with the latent noise, split into training
and validation images) is varied over seeds while all others are those of seed 0; so is rounding, by initial weights
that are multiplied by 1 ± 2^-23 at random signs; and at last all is varied together, as seeds do. The score is the
primary metric on the test images with their fixed binarisation and the evaluation noise of seed 0. Runs are short,
so that there can be many: two epochs. Rounding grows with the length of a run, so it is worth a look at a job's own.

It writes spread.csv (a row per run, appended as it ends), table.md and figure.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.job.request import Request
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.studies.checks import writable
from bench.studies.trials.children import append, in_children, same_settings, table_of
from bench.studies.trials.planning import (
    Planned,
    given_table,
    planned,
    render,
    request_of,
    table_options,
    training_options,
)
from bench.studies.trials.sources import NONE, SOURCES, SpreadOrder, train_with_source

ARCHS = ("cnn2", "cnn3", "mlp", "cnn:depth=2,channels=8-16", "cnn:depth=4,channels=8-16-32-64")
SEEDS, EPOCHS = 6, 2

SETTINGS = ("epochs", "train_images", "batch_size", "lr", "protocol")
KEY = ("arch", "task", "source", "seed")
COLUMNS = (*KEY, *SETTINGS, "metric", "status", "value")


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.spread", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    build.add_argument("--archs", nargs="+", default=list(ARCHS), help=f"default: {' '.join(ARCHS)}")
    build.add_argument("--tasks", nargs="+", default=["vae"], help="default: vae")
    build.add_argument(
        "--sources", nargs="+", choices=list(SOURCES), default=list(SOURCES), help=f"default: {' '.join(SOURCES)}"
    )
    build.add_argument(
        "--seeds", type=integer(2, 1_000), default=SEEDS, metavar="N", help=f"of each source: 0…N−1; default: {SEEDS}"
    )
    build.add_argument("--epochs", type=integer(1, 100_000), default=EPOCHS, help=f"default: {EPOCHS}")
    training_options(build)
    table_options(build, "spread.csv", "docs/spread")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if given := given_table(chosen, "spread.csv"):
        return rendered(given)
    request = request_of(chosen, device="cpu")  # on which the same weights give the same bits
    table = chosen.out / "spread.csv"
    for name in ("spread.csv", "table.md", "figure.png"):
        writable(chosen.out / name, "--out")
    train_all(request, [each for each in SOURCES if each in chosen.sources], table)
    return rendered(table)


def train_all(request: Request, sources: Sequence[str], path: Path) -> None:
    """Train what `path` does not hold yet, seed by seed, and append it."""
    with planned(request) as plan:
        done = table_of(path, COLUMNS, "--out")
        orders = [
            SpreadOrder(replace(run, seed=0), source, run.seed, plan.site, plan.primary(run.task))
            for run in plan.runs
            for source in (sources if run.seed else [NONE])
        ]
        for order in orders:
            row = row_of(order, plan)
            same_settings(done, {name: row[name] for name in SETTINGS}, path)
        kept = {(arch, task, source, int(seed)) for arch, task, source, seed in done[list(KEY)].itertuples(index=False)}
        orders = [each for each in orders if (each.spec.arch, each.spec.task, each.source, each.seed) not in kept]
        ended = in_children(train_with_source, orders, plan.site.workers)
        for number, (order, (status, value, seconds)) in enumerate(ended, start=1):
            append(path, COLUMNS, {**row_of(order, plan), "status": status, "value": value})
            what = f"{order.spec.arch} {order.spec.task}, {order.source} {order.seed}"
            print(f"[{number}/{len(orders)}] {what}: {value:.6g} ({seconds:.0f} s)", flush=True)


def row_of(order: SpreadOrder, plan: Planned) -> dict[str, object]:
    """Return what a row says of a training before it is done."""
    spec = order.spec
    return {
        "arch": spec.arch,
        "task": spec.task,
        "source": order.source,
        "seed": order.seed,
        "epochs": spec.epochs,
        "train_images": plan.images,
        "batch_size": spec.batch_size,
        "lr": spec.lr,
        "protocol": spec.protocol,
        "metric": order.metric,
    }


def rendered(path: Path) -> int:
    """Write table.md and figure.png beside the study's table; return the exit status."""
    from bench.studies.trials.spread_page import draw_figure, page  # here: matplotlib is slow to import

    return render(path, COLUMNS, page, draw_figure)


if __name__ == "__main__":
    run_command(main)
