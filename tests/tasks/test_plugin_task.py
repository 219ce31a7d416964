"""A task in a file of one's own: through the real command to a report, and from records to that report again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch

import bench
from archs.errors import UserError
from bench import verify
from bench.store.store import Store
from run_ablation import main
from tests.conftest import ROOT, save_nothing
from tests.speed.briefly import measured_briefly
from tests.tasks.denoising import DENOISE, forget

TINY = ["--dataset", "digits", "--train-images", "256", "--device", "cpu", "--archs", "mlp", "cnn3", "--seeds", "2"]


@pytest.fixture(autouse=True)
def fresh() -> None:
    forget()


def job(folder: Path, plugin: Path, out: str, *more: str) -> int:
    where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / out), "--plugin", str(plugin)]
    return main([*TINY, *where, "--tasks", "denoise", *more])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two jobs of the same task: `report`, with speeds, and `shorter`, of one epoch. Then the plug-in is deleted."""
    folder = tmp_path_factory.mktemp("denoise")
    plugin = folder / "mine.py"
    plugin.write_text(DENOISE, encoding="utf-8")
    with measured_briefly():
        assert job(folder, plugin, "report", "--epochs", "4", "--evaluate", "full") == 0
    with patch("reports.figures.canvas.save", save_nothing):
        assert job(folder, plugin, "shorter", "--epochs", "1", "--throughput", "off") == 0
    plugin.unlink()
    return folder


def test_the_page_is_in_the_tasks_own_words(done: Path) -> None:
    page = (done / "report" / "report.md").read_text(encoding="utf-8")
    title, _, answer, _, table = page.split("\n")[:5]
    assert title == "# mlp vs cnn3 on scikit-learn's digits, 256 images × 4 epochs"
    assert "test denoising error" in answer
    assert "sees through noise better" in answer or "As denoisers they " in answer
    assert "ELBO" not in page
    assert "| denoising error ↓ (nats) |" in " ".join(table.split()) + " |"
    assert "denoising error vs mlp" in table
    assert "Parameters and speed are of the task denoiser" in page
    for figure in ("results", "curves", "cost", "parameters", "throughput"):
        assert (done / "report" / "figures" / f"{figure}.png").stat().st_size > 5_000


def test_winning_is_having_less_of_what_lower_is_better(done: Path) -> None:
    row = pd.read_csv(done / "report" / "comparisons.csv").set_index("arch").loc["cnn3"]
    assert (row["task"], row["metric"]) == ("denoise", "denoise_error")
    summary = pd.read_csv(done / "report" / "summary.csv").set_index(["arch", "metric"])["mean"]
    means = {arch: summary[arch, "denoise_error"] for arch in ("mlp", "cnn3")}
    assert row["difference"] == pytest.approx(means["cnn3"] - means["mlp"])
    table = (done / "report" / "report.md").read_text(encoding="utf-8").split("\n")[4:]
    first = next(line for line in table if line.startswith(("| mlp", "| cnn3", "| **")))
    assert min(means, key=means.__getitem__) in first
    if row["verdict"] in ("better", "worse"):
        assert (row["verdict"] == "better") == (row["difference"] < 0)


def test_the_records_hold_the_metric_and_the_tasks_code(done: Path) -> None:
    frame = pd.read_csv(done / "report" / "records.csv")
    assert frame["denoise_error"].between(1, 784).all()
    assert frame["task_fingerprint"].nunique() == 1
    assert frame["latent_dim"].isna().all()
    assert frame["likelihood"].eq("dynamic").all()
    for record in Store(done / "runs").records():
        kept = record.arrays()["test_denoise_error"]
        assert kept.mean(dtype="float64") == pytest.approx(record.metrics["denoise_error"])
        assert set(record.history[0]) == {"epoch", "train_loss", "val_denoise_error", "seconds"}
        assert (
            record.history[-1]["val_denoise_error"] < record.history[0]["val_denoise_error"] or len(record.history) == 1
        )
    assert np.isfinite(bench.load(done / "runs", "history")["val_denoise_error"]).all()
    assert "denoise_error" in set(bench.load(done / "runs", "summary")["metric"])


def test_speed_was_measured_apart_without_sampling(done: Path) -> None:
    document = json.loads((done / "report" / "throughput.json").read_text(encoding="utf-8"))
    assert not document["failed"]
    assert {work["work"] for work in document["works"]} == {"train", "inference"}
    assert {len(work["task_fingerprint"]) for work in document["works"]} == {16}


def test_the_page_is_rendered_again_without_torch_and_without_the_file(done: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(done, moved)
    before = {path.name: path.read_bytes() for path in (moved / "report").glob("*.*") if path.suffix in (".md", ".csv")}
    code = f"""
import sys
from reports.__main__ import main
from reports.figures import canvas
canvas.save = lambda figure, path, vector: path.touch()  # its text and tables are compared
assert main(["render", {str(moved / "report")!r}]) == 0
assert "torch" not in sys.modules and not [name for name in sys.modules if "plugin" in name and "mine" in name]
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert {name: (moved / "report" / name).read_bytes() for name in before} == before


def test_two_reports_of_it_are_compared(done: Path, capsys: pytest.CaptureFixture) -> None:
    from reports.__main__ import main as reports

    assert reports(["compare", str(done / "report"), str(done / "shorter"), "--fail-on", "worse"]) in (0, 1)
    page = capsys.readouterr().out
    assert "| epochs" in page
    assert page.count("denoiser") >= 2
    assert "denoising error (nats)" in page
    path = done / "shorter" / "records.csv"
    known = path.read_text(encoding="utf-8")
    path.write_text(known.replace(pd.read_csv(path)["task_fingerprint"][0], "0" * 16), encoding="utf-8")
    try:
        assert reports(["compare", str(done / "report"), str(done / "shorter")]) == 0
    finally:
        path.write_text(known, encoding="utf-8")
    assert "| definition of denoise" in capsys.readouterr().out
    values = pd.read_csv(path)["denoise_error"]
    assert values.mean() > pd.read_csv(done / "report" / "records.csv")["denoise_error"].mean()


def test_a_run_is_verified_and_loaded_with_its_file_and_not_without(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    plugin, runs = tmp_path / "mine.py", done / "runs"
    plugin.write_text(DENOISE, encoding="utf-8")
    run_id = next(record.run_id for record in Store(runs).records() if record.spec["epochs"] == 1)
    where = [run_id, "--runs-dir", str(runs)]
    assert verify.main([*where, "--plugin", str(plugin)]) == 0
    assert "matches, bit for bit" in capsys.readouterr().out
    model = bench.load_model(runs, run_id, plugins=(str(plugin),))
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)

    assert verify.main(where) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith("error: unknown task 'denoise'")
    assert "--plugin" in shown
    with pytest.raises(UserError, match="unknown task 'denoise'"):
        bench.load_model(runs, run_id)

    other = tmp_path / "other"
    other.mkdir()
    plugin = other / "mine.py"
    plugin.write_text(DENOISE.replace("> 0)", "> 0.5)"), encoding="utf-8")
    forget()
    with pytest.raises(UserError, match="the definition of the task denoise is not the one that run"):
        bench.load_model(runs, run_id, plugins=(str(plugin),))


def test_a_misspelt_task_is_one_line_with_the_nearest_name(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(DENOISE, encoding="utf-8")
    assert main([*TINY, "--plugin", str(plugin), "--tasks", "denoize", "--runs-dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.splitlines() == ["error: unknown task 'denoize'; did you mean 'denoise'?"]
    assert not (tmp_path / "runs").exists()
