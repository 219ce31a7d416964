"""A report that is replaced by one that shows less, or something else, is kept; one that goes on makes no noise."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import reports
from bench.job.report_folder import keep_earlier, name_of
from reports.__main__ import main as compare_reports
from tests.job.test_job import job
from tests.store.one_run import SPEC

PAIR = ("--archs", "mlp", "cnn:depth=1,channels=2", "--epochs", "1")
VAE, BOTH = ("--tasks", "vae"), ("--tasks", "vae", "classifier")

pytestmark = pytest.mark.usefixtures("unmade")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all runs of this file, and the report of them."""
    folder = tmp_path_factory.mktemp("trained")
    assert job(folder, *PAIR, *BOTH, "--seeds", "3", report=True) == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained, tmp_path / "here"))


def replaced(here: Path, capsys: pytest.CaptureFixture, *arguments: str, report: bool = False) -> str:
    """What a job on the same store and folder says of the report that was there; without `report` it draws none."""
    capsys.readouterr()
    assert job(here, *arguments, report=report) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "is kept in" in line]
    assert len(said) < 2
    return said[0] if said else ""


def page(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


LESS: dict[str, tuple[Sequence[str], str]] = {
    "fewer seeds": ((*PAIR, *BOTH, "--seeds", "2"), "the new one lacks 4 of its 12 runs and evaluations"),
    "a task less": ((*PAIR, *VAE, "--seeds", "3"), "the new one lacks 6 of its 12 runs and evaluations"),
    "an architecture less": (
        ("--archs", "mlp", "--epochs", "1", *BOTH, "--seeds", "3"),
        "the new one lacks 6 of its 12 runs and evaluations",
    ),
    "another baseline": (
        (*PAIR, *BOTH, "--seeds", "3", "--baseline", PAIR[2]),
        f"its baseline is mlp, that of the new one {PAIR[2]}",
    ),
    "another setting": (
        (*PAIR, *VAE, "--seeds", "1", "--lr", "0.01"),
        "the new one lacks 12 of its 12 runs and evaluations",
    ),
}


@pytest.mark.parametrize("name", LESS)
def test_what_the_new_report_does_not_show_is_kept_whole(name: str, here: Path, capsys: pytest.CaptureFixture) -> None:
    arguments, why = LESS[name]
    report = here / "report"
    (report / "latex").mkdir()
    (report / "latex" / "comparison.tex").write_text("the earlier one's", encoding="utf-8")
    (report / "notes.csv").write_text("somebody's own", encoding="utf-8")
    before, shown = page(report), reports.load(report)
    pictures = sorted(path.name for path in (report / "figures").iterdir())
    assert replaced(here, capsys, *arguments) == f"the report that was in {report} is kept in {report}/earlier/1: {why}"
    kept = report / "earlier" / "1"
    assert page(kept) == before
    assert sorted(path.name for path in (kept / "figures").iterdir()) == pictures
    assert len(reports.load(kept).records) == len(shown.records) == 12
    assert not (report / "latex" / "comparison.tex").exists()  # a table of other numbers
    assert (report / "notes.csv").read_text(encoding="utf-8") == "somebody's own"
    assert not (kept / "notes.csv").exists()
    assert not (report / "report.md").exists()


def test_a_kept_report_can_be_made_again_and_compared(here: Path, capsys: pytest.CaptureFixture) -> None:
    report, before = here / "report", page(here / "report")
    assert replaced(here, capsys, *PAIR, *BOTH, "--seeds", "2", report=True)
    assert page(report) != before
    reports.build(report / "earlier" / "1")
    assert page(report / "earlier" / "1") == before
    assert compare_reports(["compare", str(report / "earlier" / "1"), str(report)]) == 0


def test_the_same_again_more_and_a_resumed_job_replace_in_silence(here: Path, capsys: pytest.CaptureFixture) -> None:
    report = here / "report"
    assert replaced(here, capsys, *PAIR, *BOTH, "--seeds", "3") == ""
    assert replaced(here, capsys, *PAIR, *BOTH, "--seeds", "4") == ""
    broken = sorted((here / "runs").glob("[0-9a-f]*"))[0]
    shutil.rmtree(broken)  # as if the job had been stopped before that run
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    manifest["run_ids"].remove(broken.name)
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert replaced(here, capsys, *PAIR, *BOTH, "--seeds", "4") == ""
    assert not (report / "earlier").exists()


def test_jobs_in_turns_leave_one_report_of_each(here: Path, capsys: pytest.CaptureFixture) -> None:
    report = here / "report"
    for _ in range(2):
        for seeds in ("2", "3"):
            for baseline in PAIR[1:3]:
                replaced(here, capsys, *PAIR, *BOTH, "--seeds", seeds, "--baseline", baseline)
    kept = sorted((report / "earlier").iterdir())
    found = [(reports.load(each).baseline, reports.load(each).seeds) for each in kept]
    assert len(found) == len(set(found)) <= 4, found
    assert not list((report / "earlier").glob(".partial-*"))


def test_another_baseline_has_a_folder_of_its_own() -> None:
    """Where none is named; the name of a report against the first architecture is what it was."""
    other = dataclasses.replace(SPEC, arch="other")
    assert name_of([SPEC, other]) == name_of([SPEC, other], SPEC.arch)
    assert name_of([SPEC, other]) != name_of([SPEC, other], "other")
    assert name_of([SPEC, other], "other").startswith(f"{SPEC.dataset}-{SPEC.arch}-other-")


@pytest.mark.parametrize("content", ["[]", "{", '{"run_ids": 7, "baseline": "mlp"}', None])
def test_a_page_that_no_job_has_made_is_kept_too(content: str | None, tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("written by hand", encoding="utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").touch()
    if content is not None:
        (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    said = keep_earlier(tmp_path, {"0" * 16}, "mlp")
    assert said.endswith("earlier/1: no job has made it, or it is damaged")
    assert page(tmp_path / "earlier" / "1") == "written by hand"
    assert not (tmp_path / "report.md").exists() and (tmp_path / "figures" / "mine.png").exists()


def test_an_empty_folder_or_one_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "thesis.tex").touch()
    assert keep_earlier(tmp_path, set(), "mlp") == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "thesis.tex"]


def test_a_report_that_cannot_be_kept_is_not_replaced(here: Path, capsys: pytest.CaptureFixture) -> None:
    report = here / "report"
    (report / "earlier").touch()
    before = page(report)
    capsys.readouterr()
    assert job(here, *PAIR, *VAE, "--seeds", "1") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(
        f"error: report folder {report}: the report that is there can't be kept in {report}/earlier ("
    )
    assert line.endswith("name another with --out: no run is trained again")
    assert page(report) == before
    assert len(reports.load(report).records) == 12
