"""Measures how far the report's verdicts can be trusted: an A/A calibration, and a table of power.

    python -m bench.studies.calibration --out docs/calibration [--records records.csv]

It writes table.md, calibration.csv (no difference: coverage, false calls), power.csv and figure.png into the folder,
and with --records real.csv.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.declared import of_manifest
from bench.spec.paths import path_object
from bench.studies.calibration_sim import FAMILY, NOISES, calibrate, power

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.studies.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=path_object, required=True, help="folder to write to")
    parser.add_argument("--records", type=path_object, help="a report's records.csv: adds an A/A over real repeats")
    parser.add_argument("--trials", type=int, default=20_000, help="simulated tables per row (default 20000)")
    options = parser.parse_args(argv)
    try:
        run(options.out, options.records, options.trials)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    return 0


def run(out: Path, records: Path | None, trials: int) -> None:
    """Simulate, then write the files of the module's docstring into `out`."""
    from bench.studies.calibration_page import draw_figure, page  # here: matplotlib is slow to import

    if trials < 2_000:
        raise UserError(f"--trials {trials}: expected 2000 or more, fewer cannot tell 4 % from 6 %")
    real = _real(records) if records else None
    calibration, powers = calibration_frame(trials), power_frame(trials)
    out.mkdir(parents=True, exist_ok=True)
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
    return real_aa(pd.read_csv(path), np.random.default_rng(2), declared=of_manifest(manifest))


if __name__ == "__main__":
    sys.exit(main())
