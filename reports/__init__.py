"""Show results as tables, figures and pages, rebuilt from records alone. Nothing here loads torch.

    from reports import build, load, terminal_summary
    page = build(Path("reports/generated/mine"))  # report.md; report.html, figures and CSVs beside it
    print(terminal_summary(Path("reports/generated/mine")))

The modules are imported when first called, so that `import reports` costs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.findings.experiment import Experiment


def preload() -> None:
    """Import what the functions below need, for a caller that would otherwise wait for it later.

    Raises:
        archs.errors.UserError: matplotlib can't be loaded, as with a damaged file of settings in the current folder.
    """
    from archs.errors import UserError

    try:
        importlib.import_module("matplotlib")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"matplotlib can't be loaded: {type(error).__name__}: {reason}; mend or remove the file matplotlibrc in "
            f"{Path.cwd()}, if there is one"
        ) from error
    for name in ("reports.findings.experiment", "reports.rendering.terminal", "reports.rendering.write"):
        importlib.import_module(name)


def load(folder: str | Path, runs_dir: str | Path | None = None) -> Experiment:
    """Read a report folder and the runs that its manifest names.

    Args:
        folder: it holds manifest.json.
        runs_dir: where the records are, if not where the manifest says.

    Raises:
        archs.errors.UserError: the folder can't be read as one report.
    """
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
    problem: Callable[[str], None] | None = None,
) -> Path:
    """Write report.md, report.html, answer.json, figures/*.png, and records, summary, comparisons and layers as CSV.

    Args:
        folder: it holds manifest.json; or what `load` returned.
        vector: whether to write figures/*.svg too.
        latex: whether to write the tables as latex/*.tex too.
        parquet: whether to write each CSV as *.parquet too.
        runs_dir: where the records are, if not where the manifest says.
        problem: called with a line for each figure that could not be drawn, which costs nothing else; None: the line
            is printed on stderr.

    Returns:
        The path of report.md.

    Raises:
        archs.errors.UserError: the folder can't be read or written to.
    """
    from reports.rendering.blas import one_blas_thread
    from reports.rendering.write import write

    experiment = _experiment(folder, runs_dir)
    with one_blas_thread():
        return write(experiment, vector=vector, latex=latex, parquet=parquet, problem=problem)


def answer(folder: str | Path | Experiment) -> str:
    """Return the report's first paragraph, as Markdown."""
    from reports.rendering.blas import one_blas_thread
    from reports.wording.answer import answer as paragraph

    experiment = _experiment(folder, None)
    with one_blas_thread():
        return paragraph(experiment)


def answer_data(folder: str | Path, runs_dir: str | Path | None = None) -> dict[str, Any]:
    """Return what answer.json of a report holds, for programs: docs/answer.md explains it.

    A report that was made before there was such a file is read from its records.

    Args:
        folder: it holds manifest.json.
        runs_dir: where the records are, if not where the manifest says; if given, they are read in any case.

    Raises:
        archs.errors.UserError: the folder is no report, or has neither the file nor its records.
    """
    from reports.reading.answer_file import content_of
    from reports.rendering.ask import read_or_make

    return content_of(read_or_make(Path(folder), Path(runs_dir) if runs_dir else None))


def terminal_summary(folder: str | Path | Experiment, *, width: int | None = None) -> str:
    """Return the answer and the comparison table as plain text.

    Args:
        width: in columns; default: the terminal's, for prose at most 100. Where standard output is no terminal, the
            table is as wide as it is.
    """
    from reports.rendering.blas import one_blas_thread
    from reports.rendering.terminal import summary

    experiment = _experiment(folder, None)
    with one_blas_thread():
        return summary(experiment, width)


def _experiment(folder: str | Path | Experiment, runs_dir: str | Path | None) -> Experiment:
    return load(folder, runs_dir) if isinstance(folder, (str, Path)) else folder
