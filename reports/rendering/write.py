"""Write the files of a report folder: CSVs, figures, report.md, report.html and answer.json."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.spec.extras import not_installed
from bench.spec.output.lines import printable
from bench.spec.output.streams import in_ascii
from bench.statistics.frames import records_frame
from bench.store.files import replace_file
from reports.figures.canvas import FigureWriter, warn
from reports.findings.experiment import Experiment
from reports.reading import answer_file
from reports.reading.numbers_of_labels import as_written
from reports.rendering import html, markdown
from reports.rendering.answer import answer_of
from reports.sections.context import Context
from reports.sections.page import blocks
from reports.wording.budget import page_title

NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet takes for a formula."""


def write(
    experiment: Experiment,
    *,
    vector: bool = False,
    latex: bool = False,
    parquet: bool = False,
    problem: Callable[[str], None] | None = None,
) -> Path:
    """Write everything into the experiment's folder.

    Args:
        vector: whether figures are written as SVG too.
        latex: whether tables are written as latex/*.tex too.
        parquet: whether each CSV is written as *.parquet too.
        problem: called with a line for each figure that could not be drawn; None: the line is printed on stderr.

    Returns:
        The path of report.md.

    Raises:
        UserError: the folder can't be written to, or pyarrow is not installed for `parquet`.
    """
    folder = experiment.folder
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name, frame in _csvs(experiment).items():
            as_csv(frame, folder / f"{name}.csv")
            if parquet:
                as_parquet(frame, folder / f"{name}.parquet")
        context = Context(experiment, FigureWriter(folder, vector, problem or warn))
        page = list(blocks(context))
        replace_file(folder / "report.md", markdown.render(page))
        title = page_title(experiment.manifest, experiment.runs)
        replace_file(folder / "report.html", html.render(page, folder, title))
        if latex:
            from reports.rendering.latex import write_tables

            write_tables(page, folder / "latex")
        answer_file.write(folder, answer_of(experiment, context.answer))
    except OSError as error:
        raise UserError(f"{folder} can't be written: {error.strerror or error}; choose another folder") from error
    return folder / "report.md"


def as_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as CSV in UTF-8, with a byte order mark if it holds more than ASCII.

    Excel takes a file without one for the system's old encoding: "größe" becomes "grÃ¶ÃŸe". Other readers don't need
    it, and some take it for a part of the first heading; so the usual file, which is ASCII, has none.
    """
    text = harmless(frame).to_csv(index=False)
    replace_file(path, text, encoding="utf-8" if text.isascii() else "utf-8-sig")


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of whose texts neither a terminal obeys one nor a spreadsheet computes one.

    A text that would be a formula has a ' before it, as a spreadsheet has it itself.
    """
    for name in frame.select_dtypes(exclude="number"):
        cells = list(frame[name])
        told = [harmless_text(cell) if isinstance(cell, str) else cell for cell in cells]
        if any(one is not other for one, other in zip(told, cells, strict=True)):
            frame = frame.assign(**{str(name): pd.Series(told, frame.index, dtype=object)})
    return frame


def harmless_text(text: str) -> str:
    """Return the text itself if it is harmless, a number too."""
    shown = printable(text)
    if shown.startswith(FORMULA) and not NUMBER.fullmatch(shown):
        return f"'{shown}"
    return text if shown == text else shown


def as_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as parquet, which keeps types and missing values as CSV can't.

    Raises:
        UserError: pyarrow is not installed.
    """
    try:
        frame.to_parquet(path, index=False, engine="pyarrow")
    except ImportError as error:
        raise not_installed("pyarrow", "--parquet", "parquet") from error


def _csvs(experiment: Experiment) -> dict[str, pd.DataFrame]:
    """Return name of a file → the frame that is written to it; our own signs are in ASCII, as × in "conv 5×5"."""
    layers = experiment.layers
    frames = {
        "records": with_trials(experiment),
        "summary": with_tuned(experiment, lambda one: one.summary),
        "comparisons": with_tuned(experiment, lambda one: one.comparisons),
        "layers": layers.assign(layer=layers["layer"].map(in_ascii, na_action="ignore")) if len(layers) else layers,
    }
    frames = {name: as_written(frame, experiment.numbers_of_labels) for name, frame in frames.items()}
    measured = experiment.measured_speeds
    return frames if measured is None else {**frames, "throughput": measured.speeds}


def with_trials(experiment: Experiment) -> pd.DataFrame:
    """Return a row per run; of tuned ones a row per trial, with its number and whether it is the chosen one."""
    if experiment.tuning is None:
        return experiment.runs
    rows = [experiment.runs, *(records_frame(trial) for trial in experiment.trials if trial)]
    numbers = [0, *(number for number, trial in enumerate(experiment.trials, 1) if trial)]
    table = experiment.tuning.table
    chosen = set(table.loc[table["chosen"], ["run_id", "trial"]].itertuples(index=False, name=None))
    numbered = [
        frame.assign(trial=number, chosen=[(run_id, number) in chosen for run_id in frame["run_id"]])
        for number, frame in zip(numbers, rows, strict=True)
    ]
    return pd.concat(numbered, ignore_index=True) if len(numbered) > 1 else numbered[0]


def with_tuned(experiment: Experiment, frame_of: Callable[[Experiment], pd.DataFrame]) -> pd.DataFrame:
    """Return a frame of an experiment; where runs were tuned with a column that says of which recipe a row is."""
    if experiment.tuning is None:
        return frame_of(experiment)
    both = [("common", experiment), *([("tuned", experiment.tuned)] if experiment.tuned else [])]
    frames = [frame.assign(recipe=recipe) for recipe, one in both if len(frame := frame_of(one))]
    return pd.concat(frames, ignore_index=True) if frames else frame_of(experiment)
