"""How results are shown: tables, figures and pages, rebuilt from records alone. Nothing here loads torch.

    from reports import build, load, terminal_summary
    page = build(Path("reports/generated/mine"))  # report.md; report.html, figures and CSVs beside it
    print(terminal_summary(Path("reports/generated/mine")))

The modules are imported when first called, so that `import reports` costs nothing.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.findings.experiment import Experiment


def preload() -> None:
    """Import what the functions below need, a second of work, for a caller that has the time now."""
    for name in ("reports.findings.experiment", "reports.rendering.terminal", "reports.rendering.write"):
        importlib.import_module(name)


def load(folder: str | Path, runs_dir: str | Path | None = None) -> Experiment:
    """Read a report folder and the runs that its manifest names; raises `archs.errors.UserError`."""
    from reports.findings.experiment import load as read
    from reports.rendering.blas import one_blas_thread

    with one_blas_thread():
        return read(Path(folder), Path(runs_dir) if runs_dir else None)


def build(
    folder: str | Path | Experiment,
    *,
    vector: bool = False,
    latex: bool = False,
    parquet: bool = False,
    runs_dir: str | Path | None = None,
) -> Path:
    """Write report.md, report.html, figures/*.png, and records, summary, comparisons and layers as CSV.

    vector: also figures/*.svg. latex: also the tables as latex/*.tex. parquet: also each CSV as *.parquet. Takes a folder with a manifest.json, or what
    `load` returned. Returns the path of report.md; raises `archs.errors.UserError` for a folder that can't be read.
    """
    from reports.rendering.blas import one_blas_thread
    from reports.rendering.write import write

    experiment = _experiment(folder, runs_dir)
    with one_blas_thread():
        return write(experiment, vector=vector, latex=latex, parquet=parquet)


def answer(folder: str | Path | Experiment) -> str:
    """The report's first paragraph, as Markdown."""
    from reports.rendering.blas import one_blas_thread
    from reports.wording.paragraph import answer as paragraph

    experiment = _experiment(folder, None)
    with one_blas_thread():
        return paragraph(experiment)


def terminal_summary(folder: str | Path | Experiment, *, width: int = 100) -> str:
    """The answer and the comparison table as plain text; prose is wrapped to `width` columns."""
    from reports.rendering.blas import one_blas_thread
    from reports.rendering.terminal import summary

    experiment = _experiment(folder, None)
    with one_blas_thread():
        return summary(experiment, width)


def _experiment(folder: str | Path | Experiment, runs_dir: str | Path | None) -> Experiment:
    return load(folder, runs_dir) if isinstance(folder, (str, Path)) else folder
