"""A report of equal compute says so wherever it would speak of epochs, and what each architecture got."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

import reports
from archs.errors import UserError
from bench.store.store import Store
from reports.comparing.compare import compare
from reports.comparing.page import render
from reports.figures.canvas import FigureWriter
from reports.findings.learning import late_gains
from reports.markup.blocks import Text
from reports.markup.escape import plain
from reports.sections.context import Context
from reports.sections.learning_curves import blocks
from tests.reports.synthetic import write_experiment
from tests.reports.wording.matched import PER_EPOCH, match_report

pytestmark = pytest.mark.usefixtures("unmade")
STEP = 2.5e9
"""Operations of the baseline's step."""


def write_matched(
    folder: Path, by: str = "flops", step: float = STEP, settings: Mapping[str, Any] | None = None, ratio: float = 0.25
) -> Path:
    """cnn2 and cnn3 as VAEs and classifiers; a step of cnn3 costs `ratio` of what one of cnn2 does, or twice that."""
    report = write_experiment(folder, 2, tasks=("vae", "classifier"), n_test=10, settings=settings)
    ratios = {"vae": ratio, "classifier": 2 * ratio}
    return match_report(report, by, lambda arch, task: step * (1.0 if arch == "cnn2" else ratios[task]))


def page_of(folder: Path) -> str:
    reports.build(folder)
    return plain((folder / "report.md").read_text(encoding="utf-8"))


def test_title_answer_and_notes_say_what_was_equal(tmp_path: Path) -> None:
    folder = write_matched(tmp_path)
    page = page_of(folder)
    assert page.startswith("# cnn2 vs cnn3 on MNIST, at equal training FLOPs\n")
    answer = plain(reports.answer(folder))
    assert "(3 paired seeds, at equal training FLOPs, 10.7 TFLOP per VAE run, Bernoulli" in answer
    assert answer.count("at equal training FLOPs") == 1 and "(10.7 TFLOP per classifier run)" in answer
    note = "Equal training FLOPs: each architecture has as many training steps as cost what the baseline's 10 epochs do"
    assert note in page and "× 10 epochs" not in page
    assert "at equal training FLOPs" in " ".join(reports.terminal_summary(folder).split())


def test_a_table_has_what_each_got(tmp_path: Path) -> None:
    page = page_of(write_matched(tmp_path))
    section = page.split("## Equal compute")[1].split("##")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "TFLOP" in line]
    seconds = reports.load(tmp_path / "report").runs.groupby(["task", "arch"])["train_seconds"].mean()
    took = [seconds[task, arch] for task in ("vae", "classifier") for arch in ("cnn2", "cnn3")]
    assert [row.pop() for row in rows] == [f"{value:.3g} s" for value in took]
    assert rows == [
        ["cnn2", "VAE", "2.50 GFLOP", "1.00×", "4,290", "10", "10.7 TFLOP"],
        ["cnn3", "VAE", "625 MFLOP", "0.25×", "17,160", "40", "10.7 TFLOP"],
        ["cnn2", "classifier", "2.50 GFLOP", "1.00×", "4,290", "10", "10.7 TFLOP"],
        ["cnn3", "classifier", "1.25 GFLOP", "0.50×", "8,580", "20", "10.7 TFLOP"],
    ]
    assert "for as many steps as cost what the 10 epochs of cnn2 cost: the operations of matrix products" in section
    curves = page.split("## Learning curves")[1].split("##")[0]
    assert "The axis is what a training had cost so far, and not its epochs" in curves
    assert "Validation quality against training FLOPs" in curves
    settings = page.split("## How to reproduce")[1]
    assert "10 of cnn2; others are at equal training FLOPs" in settings
    assert (
        "linear warm-up over 1,716 of 4,290 steps (40 %), then half a cosine down to zero, of cnn2; of others"
        in settings
    )


def test_of_time_and_of_another_budget(tmp_path: Path) -> None:
    settings = {"epochs": 3, "train_images": 1000}
    page = page_of(write_matched(tmp_path, "time", 0.0144, settings, ratio=0.3))
    words = "1,000 images × 3 epochs of the baseline, at equal training time"
    assert page.startswith(f"# cnn2 vs cnn3 on MNIST, {words}\n")
    assert f"(3 paired seeds, {words}, 18.5 s of training steps per VAE run, Bernoulli" in page
    assert "Equal training time: each architecture has as many" in page
    section = page.split("## Equal compute")[1].split("##")[0]
    assert "as many steps as take as long as the 3 epochs of cnn2: a training step was timed before" in section
    assert "| cnn3" in section and "4.32 ms" in section and "4,290" in section and "FLOP" not in section


def test_seconds_of_a_run_are_equal_whatever_a_step_took_beside_others(tmp_path: Path) -> None:
    """What decided is the ratio in turns; the medians of the seconds themselves need not have it."""
    folder = write_matched(tmp_path, "time", 0.0144)
    manifest = json.loads((folder / "manifest.json").read_text())
    for share in manifest["match"]["shares"]:
        share["cost"] *= 1.3 if share["arch"] == "cnn3" else 1.0
        share["disturbed"] = share["task"] == "vae"
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    page = page_of(folder)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if " ms " in line]
    assert [row[2:7:4] for row in rows] == [
        ["14.4 ms †", "61.8 s"], ["3.60 ms †", "61.8 s"], ["14.4 ms", "61.8 s"], ["7.20 ms", "61.8 s"]
    ]  # fmt: skip
    assert "† measured while other work took more than" in page
    assert "to time the steps, and train, anew, remove the folder step_seconds of the store." in page


def test_the_axis_of_the_curves_is_what_was_equal(tmp_path: Path) -> None:
    experiment = reports.load(write_matched(tmp_path))
    with patch("reports.figures.canvas.FigureWriter.write") as write:
        write.return_value = Text("")
        list(blocks(Context(experiment, FigureWriter(tmp_path))))
    _, _, _, history, *_, units = write.call_args.args
    assert units == {"vae": "training (TFLOP)", "classifier": "training (TFLOP)"}
    ends = history.groupby(["task", "arch"])["spent"].max()
    assert ends.to_numpy() == pytest.approx(4 * [PER_EPOCH * 10 * STEP / 1e12])


def test_epochs_and_steps_are_in_the_tables_of_records(tmp_path: Path) -> None:
    folder = write_matched(tmp_path)
    reports.build(folder)
    rows = pd.read_csv(folder / "records.csv")
    cnn3 = rows[(rows["arch"] == "cnn3") & (rows["task"] == "vae")]
    assert set(cnn3["steps"]) == {17_160} and set(cnn3["epochs"]) == {40}
    assert rows.loc[rows["arch"] == "cnn2", "steps"].isna().all()
    assert "epochs" not in pd.read_csv(folder / "summary.csv")


def test_the_end_of_a_training_is_a_share_of_its_own_epochs(tmp_path: Path) -> None:
    folder = write_matched(tmp_path)
    store, climbing = Store(tmp_path / "runs"), json.loads((folder / "manifest.json").read_text())["run_ids"]
    for run_id in climbing:
        record = store.load(run_id)
        if record.spec["task"] == "vae":
            for row in record.history:
                row["val_elbo"] = -200.0 + row["epoch"] + 0.1 * record.spec["seed"]
            arrays = record.arrays()
            assert record.folder is not None
            for path in record.folder.iterdir():
                path.unlink()
            record.folder.rmdir()
            store.write(record, arrays)
    assert [one.late_epochs for one in late_gains(reports.load(folder), "vae")] == [2, 8]
    assert "over the last 20 % of its epochs the validation ELBO" in page_of(folder)


def test_compare_names_the_steps_that_differ(tmp_path: Path) -> None:
    other = write_experiment(tmp_path / "other", 2, tasks=("vae", "classifier"), n_test=10)
    mine = write_matched(tmp_path / "mine")
    for folder in (other, mine):
        reports.build(folder)
    text = render(compare(other, mine))
    assert text.startswith("# cnn2 vs cnn3 on MNIST: A against B")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "steps of" in line]
    assert rows == [
        ["steps of cnn3 as vae", "whole epochs", "17160"],
        ["steps of cnn3 as classifier", "whole epochs", "8580"],
    ]


@pytest.mark.parametrize(
    "damage",
    [{"by": "luck"}, {"steps_per_epoch": 0}, {"shares": [{"arch": "cnn2"}]}, {"steps": "many"}, {"shares": None}],
)
def test_a_damaged_entry_of_the_manifest_is_named(damage: dict[str, Any], tmp_path: Path) -> None:
    folder = write_matched(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["match"] |= damage
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UserError, match=r"manifest\.json is no manifest of run_ablation\.py: .*match"):
        reports.load(folder)
