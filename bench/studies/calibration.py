"""Measures how far the report's verdicts can be trusted: an A/A calibration, and a table of power.

    python -m bench.studies.calibration --out docs/calibration [--records records.csv ...]
    python -m bench.studies.calibration --from docs/calibration [--records records.csv ...]   # simulates nothing

It writes calibration.csv (no difference: coverage, false calls) and power.csv into the folder; with --records real.csv,
of tuned jobs real_tuned.csv; and of all that lies there table.md and figure.png.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.declared import of_manifest
from bench.spec.paths import path_object
from bench.statistics.tables import read_table
from bench.store.record import one_line
from bench.studies.calibration_real import COLUMNS, COMMON_SPACE, TUNED_COLUMNS, real_aa
from bench.studies.calibration_sim import FAMILY, NOISES, Calibration, Power, calibrate, power
from bench.studies.checks import writable

SIZES = (3, 5, 10, 30)
POWER_SIZES = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
RHOS = (0.0, 0.5)
TRIALS = 20_000

TABLES = {
    "calibration.csv": tuple(field.name for field in dataclasses.fields(Calibration)),
    "power.csv": tuple(field.name for field in dataclasses.fields(Power)),
    "real.csv": COLUMNS,
    "real_tuned.csv": TUNED_COLUMNS,
}
"""The files that hold numbers, and their columns."""

SIMULATED = ("calibration.csv", "power.csv")

TEXT = {"noise", "task", "metric", "recipe", "archs", "dataset", "epochs"}


def calibration_frame(trials: int = 20_000, shipped: int = 2_000, families: int = 50, seed: int = 0) -> pd.DataFrame:
    """Simulate tables without a difference: a row per noise and n.

    The shipped functions get `shipped` trials of normal noise, and a tenth of that of others.
    """
    rows = []
    for i, noise in enumerate(NOISES):
        part = 1 if noise == "normal" else 10
        for n in SIZES:
            rng = np.random.default_rng([seed, i, n])
            rows.append(calibrate(rng, noise, n, trials, shipped // part, families // part))
    return pd.DataFrame(rows)


def power_frame(trials: int = 20_000, seed: int = 1) -> pd.DataFrame:
    """Compute the power for a true difference of one between-seed standard deviation: a row per rho and n."""
    return pd.DataFrame(
        [power(np.random.default_rng([seed, i, n]), n, rho, trials) for i, rho in enumerate(RHOS) for n in POWER_SIZES]
    )


def parser() -> Parser:
    build = Parser(
        prog="python -m bench.studies.calibration", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
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
        "--records",
        type=path_object,
        nargs="+",
        default=[],
        help="records.csv of a report, or of several: adds an A/A over real repeats, tuned ones by themselves",
    )
    build.add_argument(
        "--trials",
        type=integer(2_000, 100_000_000),  # fewer can't tell 4 % from 6 %
        help=f"simulated tables per row; default: {TRIALS}",
    )
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    if chosen.source and chosen.trials:
        raise UserError("--trials with --from: --from simulates nothing; leave one of them out")
    for name in SIMULATED if chosen.source else ():
        if not (chosen.source / name).is_file():
            raise UserError(f"--from {chosen.source}: has no {name}; expected a folder that --out wrote")
    run(chosen.source or chosen.out, chosen.records, chosen.trials or TRIALS, simulates=chosen.source is None)
    return 0


def run(folder: Path, records: Sequence[Path], trials: int, simulates: bool = True) -> None:
    """Write the files of the module's docstring into a folder; the tables there that are not made anew stay."""
    from bench.studies.calibration_page import draw_figure, page  # here: matplotlib is slow to import

    option = "--out" if simulates else "--from"
    made = [name for name in TABLES if (simulates if name in SIMULATED else records)]
    for name in TABLES:
        if name not in made and (folder / name).exists():
            table_of(folder / name, option)
    of_runs = [_real(path) for path in records]
    for name in (*TABLES, "table.md", "figure.png"):
        writable(folder / name, option)
    if simulates:
        _write(calibration_frame(trials), folder / "calibration.csv")
        _write(power_frame(trials), folder / "power.csv")
    for name, is_tuned in (("real.csv", False), ("real_tuned.csv", True)):
        if found := [table for table in of_runs if ("recipe" in table) == is_tuned]:
            _write(pd.concat(found, ignore_index=True), folder / name)
    there = {name: table_of(folder / name, option) for name in TABLES if (folder / name).exists()}
    simulated, powers = (there[name] for name in SIMULATED)
    text = page(simulated, powers, there.get("real.csv"), FAMILY, there.get("real_tuned.csv"))
    (folder / "table.md").write_text(text, encoding="utf-8")
    draw_figure(simulated, powers, folder / "figure.png")


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, float_format="%.5f")


def table_of(path: Path, option: str) -> pd.DataFrame:
    """Read one of `TABLES`.

    Raises:
        UserError: it is not what this study writes; the message begins with the option that named its folder.
    """
    expected = "expected what this study wrote"
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {path}: can't be read ({one_line(error)}); {expected}") from error
    for name in TABLES[path.name]:
        if name not in table:
            raise UserError(f"{option} {path}: it has no column {name!r}; {expected}")
        if name not in TEXT:
            for value in table.loc[pd.to_numeric(table[name], errors="coerce").isna(), name]:
                raise UserError(f"{option} {path}: {name} holds {str(value)!r}; expected numbers")
    if table.empty:
        raise UserError(f"{option} {path}: it holds no rows; {expected}")
    return table


def _real(path: Path) -> pd.DataFrame:
    """Calibrate on the real runs of a records.csv."""
    if not path.is_file():
        raise UserError(f"--records {str(path)!r} is not a file: expected a report's records.csv")
    try:
        content = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # records of the built-in tasks need none
        content = None
    manifest = content if isinstance(content, dict) else {}
    try:
        records = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--records {path}: can't be read ({one_line(error)}); expected a report's records.csv"
        ) from error
    declared = of_manifest(manifest)
    try:
        return real_aa(records, np.random.default_rng(2), declared=declared, tuned=_tuned(manifest))
    except UserError as error:
        raise UserError(f"--records {path}: {error}") from error


def _tuned(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings that a job tuned; of a manifest that doesn't say so those that `--tune` tunes now."""
    try:
        return tuple(str(row["name"]) for row in manifest["tuning"]["space"])
    except (KeyError, TypeError):
        return COMMON_SPACE


if __name__ == "__main__":
    run_command(main)
