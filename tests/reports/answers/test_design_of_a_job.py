"""A job writes its design before its first run, and leaves one that is there; the page tells what became of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

import reports
from bench.store.design import FILE, read
from bench.store.store import Store
from tests.job.test_job import job

ONE = ("--archs", "mlp", "--tasks", "classifier", "--epochs", "1")
TWO = ("--archs", "mlp", "cnn:depth=1,channels=2", "--tasks", "classifier", "--epochs", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job of two architectures and two seeds, with its report."""
    folder = tmp_path_factory.mktemp("trained")
    assert job(folder, *TWO, "--seeds", "2", report=True) == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained, tmp_path / "here"))


def killed_before_its_first_run(folder: Path, *arguments: str) -> None:
    with patch("bench.job.perform.Rounds.run", side_effect=KeyboardInterrupt):
        assert job(folder, *arguments) == 130
    assert not Store(folder / "runs").run_ids() and not (folder / "report" / "manifest.json").exists()


def of_design(folder: Path) -> dict:
    return reports.answer_data(folder / "report")["design"]


def page(folder: Path) -> str:
    return (folder / "report" / "report.md").read_text(encoding="utf-8")


def test_the_design_is_what_the_command_asked_for(trained: Path) -> None:
    found = read(trained / "report")
    assert found is not None
    design = found.design
    assert [(one.name, one.tasks) for one in design.architectures] == [
        (TWO[1], ["classifier"]),
        (TWO[2], ["classifier"]),
    ]
    assert {one.fingerprint for one in design.architectures} == {
        record.spec["arch_fingerprint"] for record in Store(trained / "runs").records()
    }
    assert design.baseline == "mlp" and design.seeds == [0, 1]
    assert (design.stopping.kind, design.stopping.seeds) == ("fixed", 2)
    assert (design.recipe.epochs, design.recipe.train_images, design.recipe.device) == (1, 256, "cpu")
    (task,) = design.tasks
    assert (task.metric, task.higher_is_better, task.margin, task.labels) == ("accuracy", True, 0.001, None)
    assert (design.evaluation.level, design.runs.planned, design.runs.made_before) == ("basic", 4, 0)
    manifest = json.loads((trained / "report" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["design"] == found.identity
    assert "\nAs planned (design.json, " in page(trained)


def test_it_is_there_before_the_first_run_and_the_same_again_is_as_planned(tmp_path: Path) -> None:
    killed_before_its_first_run(tmp_path, *ONE, "--seeds", "1")
    before = (tmp_path / "report" / FILE).read_bytes()
    assert job(tmp_path, *ONE, "--seeds", "1", report=True) == 0
    assert (tmp_path / "report" / FILE).read_bytes() == before
    assert of_design(tmp_path) | {"created": ""} == {
        "state": "kept", "created": "", "as_planned": True, "runs_planned": 1, "runs_made_before": 0, "deviations": [],
    }  # fmt: skip


def test_a_job_that_was_killed_and_comes_back_otherwise_is_held_to_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    killed_before_its_first_run(tmp_path, *ONE, "--seeds", "2")
    before = (tmp_path / "report" / FILE).read_bytes()
    capsys.readouterr()
    assert job(tmp_path, "--archs", "mlp", "--tasks", "classifier", "--epochs", "2", "--seeds", "1", report=True) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if FILE in line]
    assert len(said) == 1 and said[0].endswith(
        "plans something else than this job; it stays, and the page says in what"
    )
    assert (tmp_path / "report" / FILE).read_bytes() == before
    assert [one["text"] for one in of_design(tmp_path)["deviations"]] == [
        "1 seed instead of 2",
        "epochs 2 instead of 1",
    ]


def test_more_seeds_and_architectures_in_the_same_folder_are_deviations(
    here: Path, capsys: pytest.CaptureFixture
) -> None:
    before = (here / "report" / FILE).read_bytes()
    turned = ("--archs", TWO[2], TWO[1], "--baseline", "mlp", *TWO[3:])
    assert job(here, *turned, "--seeds", "2", report=True) == 0
    assert FILE not in capsys.readouterr().err and of_design(here)["as_planned"], "the same again is no deviation"
    added = ("--archs", *TWO[1:3], "cnn:depth=1,channels=3", *TWO[3:])
    assert job(here, *added, "--seeds", "3", report=True) == 0
    assert (here / "report" / FILE).read_bytes() == before
    assert [(one["kind"], one["planned"], one["found"]) for one in of_design(here)["deviations"]] == [
        ("seeds", 2, 3),
        ("architecture added", None, "cnn:depth=1,channels=3"),
    ]
    head, _, behind = page(here).partition("## How to reproduce")
    assert "Not as planned: 3 seeds instead of 2 (if they were added in sight of the results" in head
    assert "3 seeds instead of 2; architecture cnn:depth=1,channels=3 added." in behind


def test_a_report_that_is_kept_takes_its_design_along_and_the_first_stays(here: Path) -> None:
    before = (here / "report" / FILE).read_bytes()
    assert job(here, *TWO, "--seeds", "2", "--baseline", TWO[2], report=True) == 0
    kept = here / "report" / "earlier" / "1"
    assert (kept / FILE).read_bytes() == (here / "report" / FILE).read_bytes() == before
    assert reports.answer_data(kept)["design"]["as_planned"] is True
    assert (kept / "answer.json").exists()
    assert [one["text"] for one in of_design(here)["deviations"]] == [f"baseline {TWO[2]} instead of mlp"]


def test_a_report_from_before_designs_gets_none_when_it_is_kept(here: Path) -> None:
    report = here / "report"
    (report / FILE).unlink()
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    del manifest["design"]
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    older = reports.build(report).read_text(encoding="utf-8")
    assert "plan" not in older
    assert job(here, *TWO, "--seeds", "2", "--baseline", TWO[2]) == 0
    kept = report / "earlier" / "1"
    assert not (kept / FILE).exists()
    assert reports.build(kept).read_text(encoding="utf-8") == older


def test_runs_of_the_store_are_counted_when_the_plan_is_written(here: Path) -> None:
    shutil.rmtree(here / "report")
    assert job(here, *TWO, "--seeds", "3", report=True) == 0
    found = of_design(here)
    assert (found["as_planned"], found["runs_planned"], found["runs_made_before"]) == (True, 6, 4)
    assert "4 of the 6 planned runs were in the store when the plan was written" in page(here)


@pytest.mark.parametrize("content", [b"{", b'{"version": 7}', None], ids=["half", "newer", "a folder"])
def test_a_design_that_can_t_be_read_is_one_line_before_anything_is_trained(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "report" / FILE
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    assert job(tmp_path, *ONE, "--seeds", "1") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path} ")
    assert not Store(tmp_path / "runs").run_ids()
