"""Measures how far verdicts can be trusted that are looked at after each seed, and what looking costs.

    python -m bench.studies.looks.calibration --out docs/calibration/looks
    python -m bench.studies.looks.calibration --from docs/calibration/looks   # simulates nothing

It writes errors.csv (no difference), settling.csv (when verdicts settle, and what is reported then), families.csv (five
under Holm), choice.csv (priors and first looks) and curves.csv into the folder, and of these table.md and figure.png.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.paths import path_object
from bench.store.record import one_line
from bench.studies.checks import writable
from bench.studies.looks import frames
from bench.studies.looks.families import Family

TRIALS = 20_000
SHIPPED, SHIPPED_FAMILIES = 200, 20

COLUMNS = {
    "errors.csv": tuple(field.name for field in dataclasses.fields(frames.Errors)),
    "settling.csv": tuple(field.name for field in dataclasses.fields(frames.Settling)),
    "families.csv": tuple(field.name for field in dataclasses.fields(Family)),
    "choice.csv": tuple(frames.CHOICE),
    "curves.csv": ("kind", "size", "n", "share"),
}
"""The files that hold numbers, and their columns."""


def tables(trials: int, shipped: int = SHIPPED, families: int = SHIPPED_FAMILIES) -> dict[str, pd.DataFrame]:
    """Simulate all tables; the first `shipped` trials, and `families`, go through the shipped functions too."""
    make: dict[str, Callable[[], pd.DataFrame]] = {
        "errors.csv": lambda: frames.errors_frame(trials, shipped, seed=1),
        "settling.csv": lambda: frames.settling_frame(trials, seed=2),
        "families.csv": lambda: frames.families_frame(trials, families, seed=3),
        "choice.csv": lambda: frames.choices(trials, seed=4),
        "curves.csv": lambda: frames.curves_frame(trials, seed=5),
    }
    return {name: make[name]() for name in COLUMNS}


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.looks.calibration",
        description=(__doc__ or "").splitlines()[0],
        allow_abbrev=False,
    )
    where = build.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=path_object, metavar="FOLDER", help="simulate, and write to this folder")
    where.add_argument(
        "--from",
        dest="source",
        type=path_object,
        metavar="FOLDER",
        help="simulate nothing: page and figure of the tables in this folder",
    )
    build.add_argument(
        "--trials",
        type=integer(2_000, 1_000_000),  # fewer can't tell 4 % from 6 %
        help=f"simulated comparisons per row; default: {TRIALS}",
    )
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.source and chosen.trials:
        raise UserError("--trials with --from: --from simulates nothing; leave one of them out")
    if chosen.source:
        write_page(chosen.source, "--from")
        return 0
    for name in (*COLUMNS, "table.md", "figure.png"):
        writable(chosen.out / name, "--out")
    for name, table in tables(chosen.trials or TRIALS).items():
        table.to_csv(chosen.out / name, index=False, float_format="%.6g")
    write_page(chosen.out, "--out")
    return 0


def write_page(folder: Path, option: str) -> None:
    """Write table.md and figure.png of the tables in a folder."""
    from bench.studies.looks.page import draw_figure, page  # here: matplotlib is slow to import

    there = {name: table_at(folder / name, option) for name in COLUMNS}
    for name in ("table.md", "figure.png"):
        writable(folder / name, option)
    (folder / "table.md").write_text(page(there), encoding="utf-8")
    draw_figure(there, folder / "figure.png")


def table_at(path: Path, option: str) -> pd.DataFrame:
    """Read one of the tables.

    Raises:
        UserError: it is not what this study writes; the message begins with the option that named its folder.
    """
    expected = "expected what this study wrote"
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {path}: can't be read ({one_line(error)}); {expected}") from error
    for name in COLUMNS[path.name]:
        if name not in table:
            raise UserError(f"{option} {path}: it has no column {name!r}; {expected}")
    if table.empty:
        raise UserError(f"{option} {path}: it holds no rows; {expected}")
    return table


if __name__ == "__main__":
    run_command(main)
