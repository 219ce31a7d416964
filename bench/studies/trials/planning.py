"""What a study trains, planned as a job plans it: the same checks, the same data, the same identities of runs."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pandas import DataFrame

from archs.errors import UserError
from bench.data.dataset import DataDescription
from bench.job.perform import check_labels, data_of, launcher_of, site_of
from bench.job.plan import JobPlan, make_plan
from bench.job.request import Request
from bench.launchers.launcher import Launcher
from bench.machine.child import call_in_child
from bench.machine.provenance import provenance
from bench.spec.arguments import Parser, integer, listed
from bench.spec.paths import data_dir, path, path_object
from bench.spec.run import RunSpec
from bench.studies.trials.children import table_of
from bench.worker.site import Site


def training_options(build: Parser) -> None:
    """Add the options of a study that say on what it trains, which are named as a job's, and where its table is."""
    build.add_argument("--train-images", type=integer(1, 60_000), metavar="N", help="only the first N; default: all")
    build.add_argument("--dataset", default="mnist")
    build.add_argument("--data-dir", type=path)
    build.add_argument("--workers", type=integer(1, 512), default=1, help="trainings at a time; default: 1")


def table_options(build: Parser, file: str, out: str) -> None:
    """Add the options of a study that say where its table of runs is: `--out` and `--from`."""
    build.add_argument("--out", type=path_object, default=Path(out), help=f"default: {out}")
    build.add_argument(
        "--from",
        dest="source",
        type=path_object,
        metavar="CSV",
        help=f"train nothing: table and figure of a {file}",
    )


def given_table(chosen: argparse.Namespace, file: str) -> Path | None:
    """Return the table that `--from` names; None if it names none.

    Raises:
        UserError: it is no file.
    """
    source: Path | None = chosen.source
    if source and not source.is_file():
        raise UserError(f"--from {str(source)!r} is not a file: expected a {file} of this study")
    return source


def render(
    table: Path, columns: Sequence[str], page: Callable[[DataFrame], str], draw: Callable[[DataFrame, Path], None]
) -> int:
    """Write table.md and figure.png beside a study's table; return the command's exit status.

    Args:
        page: the runs → the page as Markdown.
        draw: draws the runs into a file.

    Raises:
        UserError: the table holds no runs, or is no such table.
    """
    runs = table_of(table, columns, "--from")
    if runs.empty:
        raise UserError(f"{table} holds no runs")
    table.with_name("table.md").write_text(page(runs), encoding="utf-8")
    draw(runs, table.with_name("figure.png"))
    print(f"{table.with_name('table.md')}: {len(runs)} trainings")
    return 0


def request_of(chosen: argparse.Namespace, **more: object) -> Request:
    """Return the request of a study's command line, whose options of a job are named as a job's.

    Args:
        more: fields of the request that not every study lets the user choose.
    """
    return Request(
        archs=tuple(chosen.archs),
        tasks=tuple(dict.fromkeys(listed(chosen.tasks))),
        seeds=chosen.seeds,
        dataset=chosen.dataset,
        data_dir=data_dir(chosen.data_dir),
        train_images=chosen.train_images,
        epochs=chosen.epochs,
        workers=chosen.workers,
        **more,  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class Planned:
    """The runs of a study, and where they are done."""

    plan: JobPlan
    runs: tuple[RunSpec, ...]
    """Seed by seed, as a job of the same request would do them."""

    site: Site
    launcher: Launcher
    data: DataDescription

    @property
    def images(self) -> int:
        """How many images each run is trained on."""
        return self.plan.recipe.train_images or self.data.train_images

    def primary(self, task: str) -> str:
        """Return the name of a task's primary metric."""
        return self.plan.declared.tasks[task].primary


@contextlib.contextmanager
def planned(request: Request) -> Iterator[Planned]:
    """Plan a request; the launcher is closed at the end of the block.

    Raises:
        UserError: it can't be done as asked; a cell of the grid would be empty, say.
    """
    with contextlib.closing(launcher_of(request)) as launcher:
        device = launcher.device(request.device)
        data, warnings = data_of(request, device)
        plan: JobPlan = call_in_child(make_plan, request, data.describe(), device)
        check_labels(plan, data)
        for cell in plan.skipped:
            raise UserError(f"{cell['reason']}; leave it out")
        for warning in warnings:
            print(f"WARNING: {warning}", file=sys.stderr, flush=True)
        runs = tuple(run for run in plan.policy.planned({}) if isinstance(run, RunSpec))
        yield Planned(plan, runs, site_of(request, plan, launcher, provenance()), launcher, data.describe())
