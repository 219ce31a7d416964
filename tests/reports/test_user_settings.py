"""Settings of whoever makes a page, in files, the environment or a notebook: the page is the same, and so are they."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import reports
from bench.spec.metrics import METRICS
from reports.figures import canvas, curves, effects
from tests.conftest import ROOT, save_nothing
from tests.reports.synthetic import write_experiment

HOSTILE = {
    "text.usetex": True,
    "figure.facecolor": "none",
    "axes.facecolor": "#111111",
    "savefig.facecolor": "none",
    "savefig.transparent": True,
    "savefig.bbox": "tight",
    "savefig.format": "pdf",
    "text.color": "white",
    "axes.labelcolor": "white",
    "xtick.color": "white",
    "ytick.color": "white",
    "font.family": "monospace",
    "font.size": 30,
    "lines.linewidth": 9,
    "axes.prop_cycle": mpl.cycler(color=["white"]),
    "figure.autolayout": True,
    "axes.formatter.use_locale": True,
    "axes.xmargin": 0.4,
    "image.cmap": "jet",
    "image.origin": "lower",
    "path.sketch": (1, 100, 2),
    "xtick.direction": "in",
    "legend.loc": "center",
}


def a_curve() -> Figure:
    rows = [{"arch": "cnn2", "task": "vae", "seed": 0, "epoch": epoch, "val_elbo": -99.0 - epoch} for epoch in (1, 2)]
    colours = {"cnn2": (0.0, 0.4, 0.7)}
    return curves.draw(pd.DataFrame(rows), {"vae": ("VAE $", METRICS["elbo"])}, ["cnn2"], ["cnn2"], colours)


def a_heatmap() -> Figure:
    table = pd.DataFrame([[1.0, 2.0], [3.0, np.nan]], index=["a", "b"], columns=["c", "d"])
    return effects.heatmaps([("VAE", table, METRICS["elbo"])])


def pixels(path: Path, figure: Figure) -> np.ndarray:
    canvas.save(figure, path, vector=False)
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("draw", [a_curve, a_heatmap], ids=["a curve", "a heatmap"])
def test_a_figure_is_the_same_to_the_pixel_under_any_settings(draw: type[Figure], tmp_path: Path) -> None:
    expected = pixels(tmp_path / "expected.png", draw())
    with mpl.rc_context(HOSTILE):
        theirs = {name: mpl.rcParams[name] for name in HOSTILE}
        found = pixels(tmp_path / "found.png", draw())
        assert {name: mpl.rcParams[name] for name in HOSTILE} == theirs
    assert np.array_equal(found, expected)
    assert expected[..., :3].max() == 255 and (expected[..., 3] == 255).all()  # on white


def files(folder: Path) -> dict[str, bytes]:
    """What a page is made of: all but the manifest, which was there before, and SVG, which has random ids."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and path.suffix != ".svg"
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    factors = {"cnn2": {"encoder": "cnn2", "decoder": "cnn2"}, "cnn3": {"encoder": "cnn3", "decoder": "cnn3"}}
    return write_experiment(tmp_path_factory.mktemp("settings"), tasks=("vae", "classifier"), seeds=2, factors=factors)


@pytest.fixture(scope="module")
def expected(report: Path) -> dict[str, bytes]:
    reports.build(report)
    return files(report)


@pytest.mark.slow
def test_a_notebook_s_settings_change_no_page_and_stay_as_they_are(report: Path, expected: dict[str, bytes]) -> None:
    code = """
import sys, os, warnings
import matplotlib as mpl
mpl.use("svg")
import matplotlib.pyplot as plt, numpy as np, pandas as pd, seaborn as sns
plt.style.use("dark_background")
sns.set_theme(style="darkgrid", font_scale=3)
mpl.rcParams["text.usetex"] = True
np.seterr(all="raise")
np.set_printoptions(precision=1, suppress=True, threshold=2)
warnings.simplefilter("error")
pd.set_option("display.precision", 1, "display.max_rows", 1, "display.float_format", "{:.0f}".format)
plt.plot([1, 2])
def state():
    options = {name: pd.get_option(name) for name in ("display.precision", "display.max_rows", "display.float_format")}
    return (dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums(), np.geterr(), np.get_printoptions(), options,
            list(warnings.filters), dict(os.environ), sys.stdout.errors, os.getcwd())
before = state()
import reports, bench
page = reports.build(sys.argv[1])
reports.terminal_summary(sys.argv[1])
bench.load(os.path.join(sys.argv[1], "..", "runs"), "summary")
for old, new in zip(before, state(), strict=True):
    assert old == new, (old, new)
"""
    done = subprocess.run([sys.executable, "-c", code, str(report)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert files(report) == expected


def rendered(report: Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Render a report by its command, under an umask and with a file of settings that help nobody."""
    command = [
        "bash",
        "-c",
        'umask 077; exec "$@"',
        "bash",
        sys.executable,
        "-m",
        "reports",
        "render",
        str(report),
        "--vector",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")


@pytest.mark.slow
def test_no_file_or_variable_changes_a_page(report: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    settings = "\n".join(f"{name}: {value}" for name, value in HOSTILE.items() if name != "axes.prop_cycle")
    (tmp_path / "matplotlibrc").write_text(f"{settings}\nbackend: no_such_backend\nno colon here\n", encoding="utf-8")
    (tmp_path / "broken").write_bytes(b"\xff\xfe: \xff\n")
    done = rendered(
        report,
        tmp_path,
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        MATPLOTLIBRC=str(tmp_path / "broken"),
        MPLCONFIGDIR=mpl.get_cachedir(),  # or it would look through all fonts, as it may without a home
        HOME="/proc/nowhere",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        TZ="Pacific/Kiritimati",
        COLUMNS="1",
        TERM="dumb",
        FORCE_COLOR="1",
        PYTHONHASHSEED="12345",
        SOURCE_DATE_EPOCH="soon",
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "+35.2 nats of test ELBO" in " ".join(done.stdout.split())  # in lines of the 20 columns that are the fewest
    assert done.stdout.isascii()
    assert files(report) == expected


def test_a_file_of_settings_that_can_t_be_read_is_one_line(report: Path, tmp_path: Path) -> None:
    """matplotlib reads that of the current folder before any other."""
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: 9 # \xff\n")
    done = rendered(report, tmp_path)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: matplotlib can't be loaded: UnicodeDecodeError: ")
    assert line.endswith(f"; mend or remove the file matplotlibrc in {tmp_path}, if there is one")
    assert "Traceback" not in done.stderr


@pytest.fixture
def without_curves() -> Iterator[None]:
    """Drawing one of the figures raises; the others are made and not drawn."""

    def broken(*unused: object) -> Figure:
        raise RuntimeError("no such\nfont")

    with patch("reports.figures.curves.draw", broken), patch("reports.figures.canvas.save", save_nothing):
        yield


@pytest.mark.usefixtures("without_curves")
def test_a_figure_that_can_t_be_drawn_costs_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from reports.__main__ import main

    report = write_experiment(tmp_path, tasks=("classifier",), seeds=2)
    (report / "figures").mkdir()
    (report / "figures" / "curves.png").write_bytes(b"of an earlier page")
    assert main(["render", str(report)]) == 1
    shown = capsys.readouterr()
    assert shown.err == "WARNING: the figure curves is missing: RuntimeError: no such font\n"
    assert f"report: {report / 'report.md'}" in shown.out
    for name in ("report.md", "report.html"):
        page = (report / name).read_text(encoding="utf-8")
        assert "The figure curves is missing: RuntimeError: no such font" in page
        assert "curves.png" not in page
    assert not (report / "figures" / "curves.png").exists()
    assert (report / "figures" / "results.png").is_file()
    reports.build(report)
    assert capsys.readouterr().err == "WARNING: the figure curves is missing: RuntimeError: no such font\n"


@pytest.mark.usefixtures("without_curves")
def test_a_job_whose_figure_can_t_be_drawn_has_status_1(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from tests.job.test_job import job

    assert job(tmp_path, "--archs", "mlp", "--tasks", "classifier", "--seeds", "1", report=True) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[-1] == "WARNING: the figure curves is missing: RuntimeError: no such font"
    assert (tmp_path / "report" / "report.md").is_file()
