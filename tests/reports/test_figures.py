"""Figures as they are saved."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from bench.spec.metrics import METRICS
from reports.figures import curves
from reports.figures.canvas import STYLE, save


@pytest.mark.parametrize("epochs, whole", [(2, True), (4, True), (5, False), (10, False)])
def test_a_first_epoch_far_below_is_cut_off_only_where_enough_follow(epochs: int, whole: bool) -> None:
    rows = [
        {"arch": "cnn2", "task": "vae", "seed": 0, "epoch": epoch, "val_elbo": -500.0 if epoch == 1 else -100.0 + epoch}
        for epoch in range(1, epochs + 1)
    ]
    figure = curves.draw(pd.DataFrame(rows), {"vae": ("VAE", METRICS["elbo"])}, ["cnn2"], ["cnn2"], {"cnn2": "#0072b2"})
    (axis,) = figure.axes
    assert bool(axis.get_ylim()[0] < -500) is whole


@pytest.mark.parametrize("epochs, whole", [(4, True), (5, False)])
def test_so_is_one_far_above_where_lower_is_better(epochs: int, whole: bool) -> None:
    rows = [
        {"arch": "cnn2", "task": "x", "seed": 0, "epoch": epoch, "val_kl": 500.0 if epoch == 1 else 100.0 - epoch}
        for epoch in range(1, epochs + 1)
    ]
    figure = curves.draw(pd.DataFrame(rows), {"x": ("x", METRICS["kl"])}, ["cnn2"], ["cnn2"], {"cnn2": "#0072b2"})
    (axis,) = figure.axes
    assert bool(axis.get_ylim()[1] > 500) is whole


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
