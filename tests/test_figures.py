"""Figures as they are saved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from bench.metrics import METRICS
from reports.figures import curves
from reports.figures.canvas import STYLE, save
from tests.conftest import ROOT


@pytest.mark.parametrize("epochs, whole", [(2, True), (4, True), (5, False), (10, False)])
def test_a_first_epoch_far_below_is_cut_off_only_where_enough_follow(epochs: int, whole: bool) -> None:
    rows = [
        {"arch": "cnn2", "task": "vae", "seed": 0, "epoch": epoch, "val_elbo": -500.0 if epoch == 1 else -100.0 + epoch}
        for epoch in range(1, epochs + 1)
    ]
    figure = curves.draw(pd.DataFrame(rows), {"vae": ("VAE", METRICS["elbo"])}, ["cnn2"], ["cnn2"], {"cnn2": "#0072b2"})
    (axis,) = figure.axes
    assert bool(axis.get_ylim()[0] < -500) is whole


@pytest.mark.parametrize("epochs", [1, 3])
def test_labels_are_within_the_figure_and_epochs_are_whole(tmp_path: Path, epochs: int) -> None:
    """Tick labels grow by decimals when more ticks fit, and push what is beside them outwards: laying out must know."""
    rows = [
        {"arch": "cnn2", "task": "vae", "seed": seed, "epoch": epoch, "val_elbo": -135.6 + 1.414 * seed + 0.01 * epoch}
        for epoch in range(1, epochs + 1)
        for seed in (-1, 1)
    ]
    figure = curves.draw(pd.DataFrame(rows), {"vae": ("VAE", METRICS["elbo"])}, ["cnn2"], ["cnn2"], {"cnn2": "#0072b2"})
    save(figure, tmp_path / "curves.png", vector=False)
    (axis,) = figure.axes
    with mpl.rc_context(STYLE):
        extent = axis.get_tightbbox(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    assert extent is not None and extent.x0 >= 0 and extent.y0 >= 0
    low, high = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if low <= tick <= high] == list(range(1, epochs + 1))


DRAWING = """
import sys
from pathlib import Path
from matplotlib.figure import Figure
from reports.figures.canvas import Album, can_fork

def draw(index):
    figure = Figure(figsize=(1 / index, 1))
    figure.text(0, 0, str(index))
    return figure

album = Album(Path(sys.argv[1]))
for index in map(int, sys.argv[2:]):
    album.block(f"{index}", "", draw, index)
print(can_fork(), len(album.drawing), len(album.waiting))
album.finish()
"""


def drawn(folder: Path, *indices: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", DRAWING, str(folder), *map(str, indices)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="figures are drawn in forked processes on Linux alone")
def test_figures_are_drawn_beside_the_page_and_the_rest_with_it(tmp_path: Path) -> None:
    done = drawn(tmp_path, 1, 2, 3, 4, 5)
    assert done.stdout.split() == ["True", "1", "2"], done.stderr
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [f"{index}.png" for index in range(1, 6)]


def test_a_figure_that_can_not_be_drawn_stops_the_page(tmp_path: Path) -> None:
    beside, here = drawn(tmp_path, 1, 0, 2, 3), drawn(tmp_path, 1, 2, 3, 0)
    assert beside.returncode and here.returncode
    assert "ZeroDivisionError" in beside.stderr and "ZeroDivisionError" in here.stderr
    assert (tmp_path / "figures" / "1.png").is_file() and not (tmp_path / "figures" / "0.png").exists()
