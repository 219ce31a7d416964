"""Make figures in one style without pyplot's global state, and save them as PNG and on request as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.spec.output.lines import say_warning
from reports.markup.blocks import Figure as FigureBlock
from reports.markup.blocks import Text
from reports.markup.escape import md, one_line

DPI = 110
"""Pixels per inch of a PNG."""
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.parse_math": False,  # a $ in a name is a dollar
    "svg.fonttype": "none",
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
}
"""matplotlib's rcParams for every figure, beside its own defaults."""

MOST_PANELS = 4
"""Panels that stand side by side."""

P = ParamSpec("P")
Panel = TypeVar("Panel")


def warn(problem: str) -> None:
    """Print a warning on stderr."""
    say_warning(problem)


@dataclass(frozen=True)
class FigureWriter:
    """Saves the figures of a page."""

    folder: Path
    """The report folder."""

    vector: bool = False
    """Whether figures are saved as SVG too."""

    problem: Callable[[str], None] = warn
    """Called with a line for each figure that could not be drawn."""

    def write(
        self, name: str, alt: str, draw: Callable[P, Figure], *arguments: P.args, **options: P.kwargs
    ) -> FigureBlock | Text:
        """Draw a figure, save it as figures/<name>.png (and .svg), and return the block that shows it.

        One that can't be drawn or saved, for whatever reason, costs nothing else: the block says what is missing.

        Args:
            alt: plain text that says what the figure shows.
            draw: called with `arguments` and `options`.
        """
        path = self.folder / "figures" / f"{name}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save(draw(*arguments, **options), path, self.vector)
        except Exception as error:
            for half in (path, path.with_suffix(".svg")):  # or one of an earlier page
                with suppress(OSError):
                    half.unlink(missing_ok=True)
            reason = one_line(f"{type(error).__name__}: {error}", 300)
            self.problem(f"the figure {name} is missing: {reason}")
            return Text(f"> ⚠ **The figure {md(name)} is missing: {md(reason)}**")
        return FigureBlock(f"figures/{name}.png", alt)


def settings() -> Any:
    """Return the rcParams to set for a figure: STYLE, and matplotlib's own default where somebody has changed it.

    A user's file of settings, a notebook's style or seaborn's theme would change the figures, or keep them from being
    drawn. The backend stays as it is, since a figure here has its canvas without one.
    """
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    return {name: value for name, value in defaults.items() if mpl.rcParams[name] != value} | STYLE


def save(figure: Figure, path: Path, vector: bool) -> None:
    """Lay a figure out and save it as PNG; with `vector`, as SVG beside it too."""
    with mpl.rc_context(settings()):  # the style decides how many ticks an axis has, and so the layout
        engine = figure.get_layout_engine()
        if engine is not None:  # laid out once and here, since savefig does it twice, which is slower than drawing
            figure.set_dpi(DPI)
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(path, dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
        if vector:
            figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


@contextmanager
def canvas(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> Iterator[tuple[Figure, np.ndarray]]:
    """Make a figure of `width` × `height` inches and its axes [rows, columns], to be drawn on in the page's style.

    Args:
        options: passed to `Figure.subplots`.
    """
    with mpl.rc_context(settings()):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def title_size(title: str, width: float) -> float:
    """Return a font size in points with which a title is no wider than a panel of `width` inches: the style's at most.

    A character is taken to be 0.6 of the size wide.
    """
    return min(STYLE["axes.titlesize"], 72 * width / (0.6 * len(title)))


def in_rows(panels: Sequence[Panel]) -> list[list[Panel | None]]:
    """Lay panels out in rows of at most `MOST_PANELS`, None in places that are left over: ten in three rows of four."""
    count = -(-len(panels) // MOST_PANELS)
    columns = -(-len(panels) // max(count, 1))
    filled: list[Panel | None] = [*panels, *[None] * (count * columns - len(panels))]
    return [filled[row * columns : (row + 1) * columns] for row in range(count)]


def row_height(rows: int) -> float:
    """Return the height in inches for `rows` labelled rows: roomy when few, dense when many."""
    return 1.1 + rows * (0.42 if rows <= 6 else 0.27 if rows <= 20 else 0.2)
