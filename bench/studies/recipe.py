"""Chooses the peak learning rate and the warm-up of the recipe by validation; no test score is read.

    python -m bench.studies.recipe                # the rate: a grid of ordinary runs, kept in the store
    python -m bench.studies.recipe --warm-up      # the warm-up, at the rate that was chosen
    python -m bench.studies.recipe --rates 4e-3 8e-3 1.6e-2 --out docs/recipe/again      # is the rate still the one?
    python -m bench.studies.recipe --from docs/recipe/recipe.csv        # table and figure once more

The rule, written down before the grid was trained: for each architecture, the loss of a rate is what its mean
validation score (the primary metric after the last epoch) over the seeds lacks of the mean at the architecture's own
best rate. Chosen is the rate with the smallest mean loss over the architectures; of equal ones the smallest. The worst
loss of any architecture is shown beside it. A run counts as what it scored, a collapsed one too; one that diverged, or
scored less than a network that knows nothing (even odds: −784 ln 2 nats, 10 % accuracy), counts as such a network.
The rule for the warm-up is the same but for one clause: a shorter one is taken as long as the seeds do not tell it from
the best (by the paired 95 % interval of the mean over architectures). The clause was added when the grid was seen, with
80 % ahead by what may be nothing: docs/science.md, "The recipe". A warm-up is part of the protocol, so after a change
the rates are tried once more, in another folder.

It writes recipe.csv (a row per run), warm_up.csv, table.md and figure.png. The runs of the rates have their ordinary
identities: a later job finds them in the store, and a study that was stopped goes on. A warm-up is no part of a run's
identity, so those trainings are kept in warm_up.csv alone, which is appended to; with the warm-up in force they are the
runs of recipe.csv, and are copied from there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.job.policies.fixed import EachOnce
from bench.job.request import Request
from bench.job.rounds import Held, Rounds
from bench.job.values import device as device_option
from bench.job.values import rate as rate_option
from bench.job.values import seeds as seeds_option
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.defaults import DEFAULT_SEEDS
from bench.spec.paths import path
from bench.spec.run import RunSpec
from bench.spec.signals import stopped
from bench.spec.status import Status, has_diverged
from bench.store.record import Record
from bench.store.store import Store
from bench.studies.checks import writable
from bench.studies.trials.children import append, in_children, same_settings, table_of
from bench.studies.trials.choice import DIVERGED, grid_of
from bench.studies.trials.planning import (
    Planned,
    given_table,
    planned,
    request_of,
    table_options,
    training_options,
)
from bench.studies.trials.warm_up import WARM_UPS, WarmUpOrder, train_with_warm_up, warm_up, warm_up_name
from bench.trackers import Trackers
from bench.training.schedule import WARM_UP_SHARE

ARCHS = (
    "cnn2",
    "cnn3",
    "mlp",
    "cnn:depth=2,channels=8-16",
    "cnn:depth=3,channels=8-16-32",
    "cnn:depth=4,channels=8-16-32-64",
)
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2, 3.2e-2)

SETTINGS = ("epochs", "train_images", "batch_size")
RUN = ("arch", "task", "seed", *SETTINGS, "lr", "warm_up", "metric", "status", "value")
COLUMNS = {"recipe.csv": (*RUN, "protocol", "run_id"), "warm_up.csv": RUN}


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.recipe", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    build.add_argument("--archs", nargs="+", default=list(ARCHS), help=f"default: {' '.join(ARCHS)}")
    build.add_argument("--rates", nargs="+", type=rate_option, default=list(RATES), help="default: 5e-4 … 3.2e-2")
    build.add_argument("--tasks", nargs="+", default=["vae"], help="the first one decides; default: vae")
    build.add_argument("--seeds", type=seeds_option, default=DEFAULT_SEEDS, metavar="N", help="the seeds 0…N−1")
    build.add_argument("--epochs", type=integer(1, 100_000), help="default: those of a job")
    build.add_argument("--warm-up", action="store_true", help="vary the warm-up, at the rate that recipe.csv chooses")
    build.add_argument(
        "--warm-ups",
        nargs="+",
        type=warm_up,
        default=list(WARM_UPS),
        metavar="SHARE",
        help=f"shares of all steps; default: {' '.join(f'{share:g}' for share in WARM_UPS)}",
    )
    build.add_argument(
        "--lr", type=rate_option, help="the rate at which the warm-up is varied; default: the chosen one"
    )
    training_options(build)
    build.add_argument("--runs-dir", type=path, default="runs", help="the store of finished runs; default: runs/")
    build.add_argument("--device", type=device_option, default="cpu")
    table_options(build, "recipe.csv", "docs/recipe")
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if given := given_table(chosen, "recipe.csv"):
        return render(given)
    request = request_of(chosen, device=chosen.device, runs_dir=chosen.runs_dir)
    table = chosen.out / "recipe.csv"
    rate = (chosen.lr or chosen_rate(table)) if chosen.warm_up else None
    for name in ("recipe.csv", "warm_up.csv", "table.md", "figure.png"):
        writable(chosen.out / name, "--out")
    if rate is not None:
        try_warm_ups(request, rate, sorted(set(chosen.warm_ups)), chosen.out)
    elif status := try_rates(request, sorted(set(chosen.rates)), table):
        return status
    return render(table)


def try_rates(request: Request, rates: Sequence[float], path: Path) -> int:
    """Train the grid and write its table; return the exit status that a signal asks for, 0 if none does."""
    with planned(request) as plan:
        runs = [replace(run, lr=rate) for run in plan.runs for rate in rates]
        Store(request.runs_dir).prepare()
        held = Held(request.runs_dir, request.retry_failed)
        rounds = Rounds(EachOnce(tuple(runs)), plan.site, plan.launcher, Trackers(), held, fail_fast=False)
        rounds.run()
    rows = [row_of(run, plan, held.records[run.run_id]) for run in runs if run.run_id in held.records]
    pd.DataFrame(rows, columns=list(COLUMNS["recipe.csv"])).to_csv(path, index=False, lineterminator="\n")
    if rounds.stopped_by:
        done = f"{len(rows)} of {len(runs)} runs are finished and kept; the same command goes on from there"
        print(f"{stopped(rounds.stopped_by)}: {done}", file=sys.stderr)
    return rounds.stopped_by


def row_of(run: RunSpec, plan: Planned, record: Record) -> dict[str, object]:
    """Return the row of a run that has ended: of its scores, the one on the validation images after the last epoch."""
    primary = plan.primary(run.task)
    status, value = str(record.status), math.nan
    if record.status == Status.FINISHED:
        value = record.history[-1][f"val_{primary}"]
    elif has_diverged(record.error):
        status = DIVERGED
    elif record.error:
        status = f"{status} ({record.error})"
    more = {"status": status, "value": value, "protocol": run.protocol, "run_id": run.run_id}
    return {**described(run, plan, WARM_UP_SHARE), **more}


def described(run: RunSpec, plan: Planned, share: float) -> dict[str, object]:
    """Return what a row says of a training with a warm-up over that share of its steps, before it is done."""
    return {
        "arch": run.arch,
        "task": run.task,
        "seed": run.seed,
        "epochs": run.epochs,
        "train_images": plan.images,
        "batch_size": run.batch_size,
        "lr": run.lr,
        "warm_up": share,
        "metric": plan.primary(run.task),
    }


def chosen_rate(path: Path) -> float:
    """Return the rate that a recipe.csv chooses, by its first task."""
    runs = table_of(path, COLUMNS["recipe.csv"], "--out")
    if runs.empty:
        raise UserError(
            f"{path} holds no runs: train the rates first (the same command without --warm-up), or name --lr"
        )
    rates = [float(rate) for rate in sorted(runs["lr"].unique())]
    return rates[grid_of(runs[runs["task"] == runs["task"].iloc[0]], "lr", rates).chosen]


def try_warm_ups(request: Request, rate: float, shares: Sequence[float], out: Path) -> None:
    """Add to warm_up.csv what it does not hold yet: copied from recipe.csv if it was trained there, else trained."""
    path, rates = out / "warm_up.csv", table_of(out / "recipe.csv", COLUMNS["recipe.csv"], "--out")
    with planned(request) as plan:
        done = table_of(path, COLUMNS["warm_up.csv"], "--out")
        missing = []
        for run in (replace(run, lr=rate) for run in plan.runs):
            row = described(run, plan, 0.0)
            same_settings(done, {name: row[name] for name in (*SETTINGS, "lr")}, path)
            for share in shares:
                row = described(run, plan, share)
                if rows_like(row, done).empty:
                    same = rows_like(row, rates)
                    if len(same) == 1:
                        append(path, COLUMNS["warm_up.csv"], {name: same[name].iloc[0] for name in RUN})
                    else:
                        missing.append(WarmUpOrder(run, share, plan.site, f"val_{row['metric']}"))
        trained = in_children(train_with_warm_up, missing, plan.site.workers)
        for number, (order, (status, value)) in enumerate(trained, start=1):
            row = {**described(order.spec, plan, order.share), "status": status, "value": value}
            append(path, COLUMNS["warm_up.csv"], row)
            what = f"{order.spec.label}, warm-up {warm_up_name(order.share)}"
            print(f"[{number}/{len(missing)}] {what}: {value:.4g}", flush=True)


def rows_like(row: Mapping[str, object], table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table that say the same in these columns."""
    return table[(table[list(row)] == pd.Series(row)).all(axis=1)]


def render(path: Path) -> int:
    """Write table.md and figure.png beside a recipe.csv, with what warm_up.csv beside it holds."""
    from bench.studies.trials.recipe_figure import draw_figure  # here: matplotlib is slow to import
    from bench.studies.trials.recipe_page import page, sections

    rates = table_of(path, COLUMNS["recipe.csv"], "--from")
    warm_ups = table_of(path.with_name("warm_up.csv"), COLUMNS["warm_up.csv"], "--from")
    found = sections(rates, warm_ups)
    if not found:
        raise UserError(f"{path} holds no runs")
    path.with_name("table.md").write_text(page(found), encoding="utf-8")
    draw_figure(found, path.with_name("figure.png"))
    for section in found:
        print(section.verdict)
    return 0


if __name__ == "__main__":
    run_command(main)
