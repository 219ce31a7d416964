"""Figures as they are saved."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from bench.spec.metrics import METRICS
from reports.figures import confusion, curves, kl, latent, parameters, pictures, scatter, seeds
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


ALIKE = [f"cnn:depth=3,channels={channels},kernel=3,stride=2" for channels in ("8-16-32", "8-32-64")]
"""Names whose first and last twenty characters are the same."""


def words_of(figure) -> list[str]:
    """Return every text that a figure has: titles, labels, legends."""
    return [text.get_text() for text in figure.findobj(mpl.text.Text)]


def test_names_that_differ_in_the_middle_alone_stay_apart_in_every_figure() -> None:
    colours = dict.fromkeys(ALIKE, (0.0, 0.0, 0.0))
    history = pd.DataFrame(
        {"arch": arch, "task": "vae", "seed": 0, "epoch": epoch, "val_elbo": -100.0}
        for arch in ALIKE
        for epoch in (1, 2)
    )
    layers = pd.DataFrame({"arch": arch, "task": "vae", "weights": 9, "biases": 1, "kind": "conv"} for arch in ALIKE)
    row = {arch: np.zeros((2, 28, 28), np.uint8) for arch in ALIKE}
    sheet = {arch: np.full((2, 2, 28, 28), number, np.uint8) for number, arch in enumerate(ALIKE)}
    plane = latent.LatentPlane(np.zeros((3, 2)), np.zeros(3, int), None)
    points = scatter.Panel("", "", dict.fromkeys(ALIKE, (1.0, 1.0)))
    means = pd.DataFrame({"arch": arch, "mean": -1.0, "low": -2.0, "high": 0.0} for arch in ALIKE)
    runs = pd.DataFrame({"arch": arch, "seed": 0, "elbo": -1.0} for arch in ALIKE)
    one = seeds.Panel("", "", METRICS["elbo"], runs, means)
    drawn = {
        "sheets": pictures.sheets(sheet),
        "rows": pictures.draw({"": pictures.ImageRows(row)}, ALIKE),
        "latent": latent.draw(dict.fromkeys(ALIKE, plane)),
        "confusion": confusion.draw(dict.fromkeys(ALIKE, np.eye(10, dtype=int))),
        "curves": curves.draw(history, {"vae": ("VAE", METRICS["elbo"])}, ALIKE, ALIKE, colours),
        "kl": kl.draw({"": dict.fromkeys(ALIKE, np.ones(3))}, ALIKE, ALIKE[0], colours),
        "parameters": parameters.draw(layers, {"vae": "VAE"}, ALIKE),
        "scatter": scatter.draw([[points]], ALIKE, colours),
        "seeds": seeds.draw([one], ALIKE, colours),
    }
    for name, figure in drawn.items():
        named = {word.partition(": posterior")[0].partition(": 100")[0] for word in words_of(figure) if "cnn:" in word}
        assert len(named) == 2, (name, named)
    shown = [axis.images[0].get_array()[0, 0] for axis in drawn["sheets"].axes]
    assert shown == [0, 1], "each sheet is its own architecture's"


def test_ticks_of_nearly_equal_speeds_are_round_numbers() -> None:
    panel = scatter.Panel("", "", {"a": (10_859.3, 1.0), "b": (10_861.2, 2.0)}, log=True, counts=True)
    figure = scatter.draw([[panel]], ["a", "b"], dict.fromkeys("ab", (0.0, 0.0, 0.0)))
    figure.canvas.draw()
    axis = figure.axes[0]
    low, high = axis.get_xlim()
    ticks = [
        label.get_text()
        for at, label in zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)
        if low <= at <= high
    ]
    assert 2 <= len(ticks) <= 7 and all(len(tick) <= 5 for tick in ticks), ticks


def test_an_interval_below_zero_is_whole_where_an_axis_starts_at_zero() -> None:
    runs = pd.DataFrame({"arch": "cnn2", "seed": [0, 1], "train_images_per_s": [100.0, 200.0]})
    summary = pd.DataFrame({"arch": ["cnn2"], "mean": [150.0], "low": [-485.0], "high": [785.0]})
    panel = seeds.Panel("VAE", "images/s", METRICS["train_images_per_s"], runs, summary, from_zero=True)
    (axis,) = seeds.draw([panel], ["cnn2"], {"cnn2": "#0072b2"}).axes
    assert axis.get_xlim()[0] < -485 and axis.get_xlim()[1] > 785


def test_a_long_name_takes_no_room_from_the_panel(tmp_path: Path) -> None:
    """Of a panel half as wide the ticks would run into each other."""
    name = "cnn:depth=5,stride=2-1-2-1-2,channels=16-16-32-32-16,activation=silu"
    runs = pd.DataFrame({"arch": name, "seed": [0, 1], "elbo": [-94.7, -93.4]})
    summary = pd.DataFrame({"arch": [name], "mean": [-94.0], "low": [-94.7], "high": [-93.4]})
    figure = seeds.draw([seeds.Panel("VAE", "ELBO", METRICS["elbo"], runs, summary)], [name], {name: "#0072b2"})
    save(figure, tmp_path / "results.png", vector=False)
    (axis,) = figure.axes
    assert axis.get_position().width * figure.get_figwidth() > 3
