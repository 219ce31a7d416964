"""What a page and a table do without, since it is slow and changes nothing that is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from PIL import Image

import reports
from bench.spec.metrics import METRICS
from reports.figures import canvas, effects
from reports.figures.palette import luminance
from tests.conftest import ROOT
from tests.reports import synthetic
from tests.reports.synthetic import write_experiment

FACTORS = {
    f"{encoder}+{decoder}": {"encoder": encoder, "decoder": decoder} for encoder in ("a", "b") for decoder in ("a", "b")
}


def loaded(code: str, *arguments: str) -> list[str]:
    """Return which slow libraries a process has imported after some code."""
    code += "\nimport sys; print(sorted({'seaborn', 'scipy', 'scipy.stats', 'matplotlib.pyplot'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))


def test_a_page_with_heatmaps_and_image_tests_imports_neither_seaborn_nor_scipy_stats(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, list(FACTORS), tasks=["vae", "classifier"], seeds=2, factors=FACTORS)
    code = "import reports, sys; reports.terminal_summary(sys.argv[1]); reports.build(sys.argv[1])"
    assert loaded(code, str(folder)) == ["scipy"]
    assert (folder / "figures" / "interactions.png").exists()
    assert "McNemar" in (folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table, needed", [("runs", []), ("history", []), ("layers", []), ("summary", ["scipy"])])
def test_only_the_table_with_intervals_imports_scipy(tmp_path: Path, table: str, needed: list[str]) -> None:
    write_experiment(tmp_path, tasks=["vae"], seeds=2)
    assert loaded("import bench, sys; bench.load(*sys.argv[1:])", str(tmp_path / "runs"), table) == needed


@pytest.mark.parametrize("shape", [(2, 2), (5, 3), (1, 6)])
def test_a_heatmap_is_seaborns_to_the_pixel(tmp_path: Path, shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).normal(-110, 20, shape)
    values[0, 0] = np.nan if shape == (5, 3) else values[0, 0]
    rows, columns = (
        pd.Index([f"{word} {i}" for i in range(n)], name=word) for word, n in zip("ab", shape, strict=True)
    )
    table = pd.DataFrame(values, index=rows, columns=columns)
    ours = effects.heatmaps([("VAE", table, METRICS["elbo"])])
    with canvas.canvas(*ours.get_size_inches()) as (theirs, ((axis,),)):
        text = table.map(lambda value: "" if np.isnan(value) else f"{value:.1f}".replace("-", "−"))
        style = {"linewidths": 1, "linecolor": "white", "annot_kws": {"fontsize": 8}, "cbar": False}
        engine = theirs.get_layout_engine()
        theirs.set_layout_engine("none")  # seaborn draws the figure, which would lay it out too early
        sns.heatmap(table, annot=text, fmt="", cmap="cividis", ax=axis, **style)
        theirs.set_layout_engine(engine)
        axis.set_title(ours.axes[0].get_title(loc="left"), loc="left")
        axis.grid(visible=False)
        axis.tick_params(length=0, rotation=0)
    for name, figure in (("ours", ours), ("theirs", theirs)):
        canvas.save(figure, tmp_path / f"{name}.png", vector=False)
    with Image.open(tmp_path / "ours.png") as one, Image.open(tmp_path / "theirs.png") as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_luminance_is_that_of_the_w3c() -> None:
    primaries = {"red": 0.2126, "lime": 0.7152, "blue": 0.0722, "white": 1.0, "black": 0.0}
    for name, expected in primaries.items():
        assert luminance(mpl.colors.to_rgba(name)) == pytest.approx(expected)
    assert luminance((0.5, 0.5, 0.5)) == pytest.approx(((0.5 + 0.055) / 1.055) ** 2.4)
    assert luminance((0.03, 0.03, 0.03)) == pytest.approx(0.03 / 12.92)


def test_the_first_paragraph_is_written_once_for_the_page_and_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None
) -> None:
    written: list[str] = []

    def answer(experiment: object) -> str:
        written.append(f"**Answer {len(written)}.**")
        return written[-1]

    monkeypatch.setattr("reports.sections.context.answer", answer)
    page = reports.build(write_experiment(tmp_path, tasks=["vae"]))
    assert written == ["**Answer 0.**"] and "\n\n**Answer 0.**\n\n" in page.read_text(encoding="utf-8")
    assert json.loads((page.parent / "answer.json").read_text(encoding="utf-8"))["answer"] == "Answer 0."


def test_invented_runs_can_be_tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["--archs", "3", "--seeds", "2", "--tune", "2", "--n-test", "50"]
    monkeypatch.setattr("sys.argv", ["synthetic", str(tmp_path), *asked])
    synthetic.main()
    tuning = reports.load(tmp_path / "report").tuning
    assert tuning is not None and tuning.count == 2 and len(tuning.table) == 3 * 3 * 2 * 2
    assert {0, 1} == set(tuning.table.loc[tuning.table["chosen"], "trial"])
