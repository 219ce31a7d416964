"""Measures how far the report's verdicts can be trusted: an A/A calibration, and a table of power.

    python -m bench.studies.calibration --out docs/calibration [--records records.csv]

It writes table.md, calibration.csv (no difference: coverage, false calls), power.csv and figure.png into the folder,
and with --records real.csv.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.arguments import Parser, integer
from bench.spec.command import run_command
from bench.spec.declared import of_manifest
from bench.spec.paths import path_object
from bench.statistics.tables import read_table
from bench.store.record import one_line
from bench.studies.calibration_sim import FAMILY, NOISES, calibrate, power
from bench.studies.checks import writable

SIZES = (3, 5, 10, 30)
POWER_SIZES = (2, 3, 4, 5, 6, 8, 10, 15, 20, 30)
RHOS = (0.0, 0.5)


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
    build.add_argument("--out", type=path_object, required=True, help="folder to write to")
    build.add_argument("--records", type=path_object, help="a report's records.csv: adds an A/A over real repeats")
    build.add_argument(
        "--trials",
        type=integer(2_000, 100_000_000),  # fewer can't tell 4 % from 6 %
        default=20_000,
        help="simulated tables per row; default: 20000",
    )
    return build


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    chosen = parser().parse_args(arguments)
    run(chosen.out, chosen.records, chosen.trials)
    return 0


def run(out: Path, records: Path | None, trials: int) -> None:
    """Simulate, then write the files of the module's docstring into `out`."""
    from bench.studies.calibration_page import draw_figure, page  # here: matplotlib is slow to import

    real = _real(records) if records else None
    for name in ("calibration.csv", "power.csv", "real.csv", "table.md", "figure.png"):
        writable(out / name, "--out")
    calibration, powers = calibration_frame(trials), power_frame(trials)
    calibration.to_csv(out / "calibration.csv", index=False, float_format="%.5f")
    powers.to_csv(out / "power.csv", index=False, float_format="%.5f")
    if real is not None:
        real.to_csv(out / "real.csv", index=False, float_format="%.5f")
    (out / "table.md").write_text(page(calibration, powers, real, FAMILY), encoding="utf-8")
    draw_figure(calibration, powers, out / "figure.png")


def _real(path: Path) -> pd.DataFrame:
    """Calibrate on the real runs of a records.csv."""
    from bench.studies.calibration_real import real_aa

    if not path.is_file():
        raise UserError(f"--records {str(path)!r} is not a file: expected a report's records.csv")
    try:
        manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # records of the built-in tasks need none
        manifest = {}
    try:
        records = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--records {path}: can't be read ({one_line(error)}); expected a report's records.csv"
        ) from error
    return real_aa(records, np.random.default_rng(2), declared=of_manifest(manifest))


if __name__ == "__main__":
    run_command(main)
