"""M1+M2 as a job does it: through the command line, into the store and onto the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.store.evaluations import with_evaluations
from bench.store.store import Store
from tests.job.test_job import job, records

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

JOB = ["--archs", "mlp", "--tasks", "vae", "--seeds", "1", "--epochs", "20", "--evaluate", "few-labels",
       "--iwae-samples", "2", "--workers", "1"]  # fmt: skip
"""One network: a reader takes thousands of steps. That each VAE gets its own is planned in `test_few_labels`."""


def few_labels_of(folder: Path) -> Path:
    """Return the folder of the evaluation with few labels."""
    (record,) = records(folder)
    parts = with_evaluations(Store(folder / "runs"), record).evaluations
    (found,) = (part.folder for part in parts if part.spec["part"] == "few_labels")
    assert found is not None
    return Path(found)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few")
    assert job(folder, *JOB, report=True) == 0
    return folder


def test_a_job_reads_the_labels_from_a_vae_s_code(evaluated: Path) -> None:
    for record in records(evaluated):
        both = with_evaluations(Store(evaluated / "runs"), record)
        assert {part.spec["part"] for part in both.evaluations} == {"iwae", "probe", "few_labels"}
        (part,) = (part for part in both.evaluations if part.spec["part"] == "few_labels")
        assert part.spec["settings"]["labels"] == 100
        assert part.environment["evaluation_seconds"] > 0
        arrays = both.arrays()
        for kind in ("", "_alone"):
            correct = arrays[f"test_m1m2{kind}_correct_l100"]
            assert correct.shape == (300,)
            assert both.metrics[f"m1m2{kind}_accuracy_l100"] == pytest.approx(correct.mean())
        assert arrays["m1m2_curve_passes_l100"][-1] == part.spec["settings"]["passes"]
        assert arrays["m1m2_curve_accuracy_l100"][-1] == both.metrics["m1m2_validation_accuracy_l100"]
        assert 0 <= both.metrics["m1m2_dimensions_l100"] <= 4
        assert 1 <= both.metrics["m1m2_classes_l100"] <= 10


def test_its_numbers_are_among_the_report_s(evaluated: Path) -> None:
    table = pd.read_csv(evaluated / "report" / "records.csv")
    assert table["m1m2_accuracy_l100"].between(0, 1).all()
    assert "Not computed" not in (evaluated / "report" / "report.md").read_text(encoding="utf-8")


def test_an_evaluation_that_is_stored_is_not_done_again_and_would_give_the_same_bits(
    evaluated: Path, tmp_path: Path
) -> None:
    stamp = few_labels_of(evaluated).joinpath("record.json").stat().st_mtime_ns
    assert job(evaluated, *JOB) == 0
    assert few_labels_of(evaluated).joinpath("record.json").stat().st_mtime_ns == stamp
    shutil.copytree(evaluated / "runs", tmp_path / "runs")
    shutil.rmtree(few_labels_of(tmp_path))
    assert job(tmp_path, *JOB) == 0
    first, again = few_labels_of(evaluated), few_labels_of(tmp_path)
    with np.load(first / "arrays.npz") as one, np.load(again / "arrays.npz") as two:
        assert set(one) == set(two)
        for name in one:
            assert np.array_equal(one[name], two[name]), name


def test_more_labels_than_there_are_images_of_each_class_are_refused_before_anything_is_trained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert job(tmp_path, *JOB, "--train-images", "80") == 2
    assert "--labels 100: the training images hold at most " in capfd.readouterr().err
    assert not list((tmp_path / "runs").glob("*/record.json"))


def test_help_tells_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        job(Path("unused"), "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "few-labels: also M1+M2" in text
    assert "minutes more per VAE and number of --labels" in text
