"""Write a report folder: CSVs, figures, report.md and report.html from one experiment."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from archs.errors import UserError
from reports.figures.canvas import Album
from reports.findings.experiment import Experiment
from reports.rendering import html, markdown
from reports.sections.context import Context
from reports.sections.page import blocks


def write(experiment: Experiment, *, vector: bool = False, latex: bool = False, parquet: bool = False) -> Path:
    """Returns the path of report.md; raises UserError when the folder can't be written to."""
    folder = experiment.folder
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name, frame in _csvs(experiment).items():
            frame.to_csv(folder / f"{name}.csv", index=False)
            if parquet:
                as_parquet(frame, folder / f"{name}.parquet")
        album = Album(folder, vector)
        page = list(blocks(Context(experiment, album)))
        (folder / "report.md").write_text(markdown.render(page), encoding="utf-8")
        title = str(experiment.manifest.get("title", "report"))
        (folder / "report.html").write_text(html.render(page, folder, title), encoding="utf-8")
        if latex:
            from reports.rendering.latex import write_tables

            write_tables(page, folder / "latex")
    except OSError as error:
        raise UserError(f"{folder} can't be written: {error.strerror or error}; choose another folder") from error
    return folder / "report.md"


def as_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Types and missing values are kept, which CSV can't. Raises UserError without pyarrow."""
    try:
        frame.to_parquet(path, index=False, engine="pyarrow")
    except ImportError as error:
        raise UserError(
            "--parquet needs the package pyarrow, which is not installed; it comes with the extra [parquet]: "
            "python3 -m uv sync --extra parquet"
        ) from error


def _csvs(experiment: Experiment) -> dict[str, pd.DataFrame]:
    frames = {
        "records": experiment.runs,
        "summary": experiment.summary,
        "comparisons": experiment.comparisons,
        "layers": experiment.layers,
    }
    return frames if experiment.apart is None else {**frames, "throughput": experiment.apart.speeds}
