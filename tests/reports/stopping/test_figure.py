"""The figure of confidence sequences: what is drawn, and that nothing wide hides it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reports
from reports.figures.canvas import save
from reports.figures.confidence import Panel, draw
from tests.reports.stopping.synthetic import write_until_sure

LOOKS = np.array([[3, -80.0, 60.0], [4, -20.0, 0.5], [5, -15.0, -4.0]])
MEANS = np.array([-9.0, -8.0, -10.0, -9.5, -9.8])


def panel(**changes: object) -> Panel:
    values = {"title": "cnn3, VAE: worse at 5 seeds", "label": "Δ ELBO (nats)", "arch": "cnn3", "means": MEANS,
              "looks": LOOKS, "margin": 0.5, "settled_at": 5, **changes}  # fmt: skip
    return Panel(**values)  # type: ignore[arg-type]


def test_a_panel_holds_the_last_interval_zero_and_the_margin_and_cuts_early_ones(tmp_path: Path) -> None:
    figure = draw([panel()], {"cnn3": (0.0, 0.5, 0.5)})
    save(figure, tmp_path / "settled.png", vector=False)
    (axis,) = figure.axes
    bottom, top = axis.get_ylim()
    assert -80 < bottom < -15 and 0.5 < top < 60
    assert axis.get_xlim() == (0.5, 5.5) and axis.get_xlabel() == "paired seeds"
    rings = [line for line in axis.lines if line.get_markersize() == 8]
    assert [tuple(line.get_xydata()[0]) for line in rings] == [(5.0, -9.8)]


@pytest.mark.parametrize(
    "changes",
    [
        {"settled_at": None},
        {"margin": None},
        {"looks": np.array([[3, -np.inf, np.inf]]), "settled_at": None},
        {"looks": np.array([[6, 1.0, 1.0]]), "means": np.ones(6), "settled_at": 6},
        {"looks": np.array([[6, 0.0, 0.0]]), "means": np.zeros(6), "margin": None, "settled_at": None},
    ],
)
def test_odd_sequences_are_drawn_too(tmp_path: Path, changes: dict[str, object]) -> None:
    figure = draw([panel(), panel(**changes)], {"cnn3": (0.0, 0.5, 0.5)})
    save(figure, tmp_path / "settled.png", vector=False)
    assert all(np.isfinite(axis.get_ylim()).all() for axis in figure.axes)
    assert len({axis.get_xlim() for axis in figure.axes}) == 1, "seeds can be compared from panel to panel"


def test_it_is_beside_the_page(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 6, "cnn3": 4}, gap=4)
    page = reports.build(report, latex=True).read_text(encoding="utf-8")
    assert (report / "figures" / "settled.png").stat().st_size > 5_000 and "](figures/settled.png)" in page
    assert (report / "latex" / "settled.tex").exists()
    assert "confidence sequence after each paired seed" in (report / "report.html").read_text(encoding="utf-8")
