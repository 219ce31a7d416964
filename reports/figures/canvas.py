"""Figures without global state: no pyplot, one style, always closed, PNG and on request SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.markup.blocks import Figure as FigureBlock

DPI = 110
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


P = ParamSpec("P")


@dataclass(frozen=True)
class Album:
    """Where figures go, relative to the page."""

    folder: Path
    vector: bool = False

    def block(
        self, name: str, alt: str, draw: Callable[P, Figure], *arguments: P.args, **options: P.kwargs
    ) -> FigureBlock:
        """Save what `draw` returns as figures/<name>.png (and .svg), and return what the page shows."""
        path = self.folder / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(draw(*arguments, **options), path, self.vector)
        return FigureBlock(f"figures/{name}.png", alt)


def save(figure: Figure, path: Path, vector: bool) -> None:
    with mpl.rc_context(
        STYLE
    ):  # for laying out too: how many ticks an axis has depends on it, and with them the labels' width
        engine = figure.get_layout_engine()
        if engine is not None:  # once: saving would lay out twice, which takes longer than drawing
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
    """A figure of `width` × `height` inches and its axes [rows, columns], drawn in the page's style."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(rows, columns, squeeze=False, **options)


def row_height(rows: int) -> float:
    """Inches for `rows` labelled rows: roomy when few, dense when many."""
    return 1.1 + rows * (0.42 if rows <= 6 else 0.27 if rows <= 20 else 0.2)
