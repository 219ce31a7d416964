"""Figures without global state: no pyplot, one style, always closed, PNG and on request SVG."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.blocks import Figure as FigureBlock

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


@dataclass(frozen=True)
class Album:
    """Where figures go, relative to the page. Laying out and drawing is half of a large page's time, so it goes on
    beside the rest where a process can safely be forked; `finish` waits for it."""

    folder: Path
    vector: bool = False
    drawing: list[Any] = field(default_factory=list)

    def block(self, figure: Figure, name: str, alt: str) -> FigureBlock:
        """Save `figure` as figures/<name>.png (and .svg) and return what the page shows."""
        path = self.folder / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if can_fork():
            process = multiprocessing.get_context("fork").Process(target=save, args=(figure, path, self.vector))
            process.start()
            self.drawing.append((process, path))
        else:
            save(figure, path, self.vector)
        return FigureBlock(f"figures/{name}.png", alt)

    def finish(self) -> None:
        """Waits for all figures; raises OSError for one that was not drawn."""
        for process, path in self.drawing:
            process.join()
            if process.exitcode != 0:
                raise OSError(f"{path.name} could not be drawn")
        self.drawing.clear()


def can_fork() -> bool:
    """Only where no other thread could hold a lock at that moment: not beside torch, and not on every system."""
    return (
        hasattr(os, "fork") and sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules
    )


def save(figure: Figure, path: Path, vector: bool) -> None:
    engine = figure.get_layout_engine()
    if engine is not None:  # once: saving would lay out twice, which takes longer than drawing
        figure.set_dpi(DPI)
        engine.execute(figure)
        figure.set_layout_engine(None)
    with mpl.rc_context(STYLE):
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
