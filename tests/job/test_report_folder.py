"""Report folders in odd places: the report finds its runs, or the job says so before it trains."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from archs.errors import UserError
from bench.job.report_folder import report_folder
from bench.store.report_lock import alone_in
from bench.store.store import Store
from tests.conftest import ROOT
from tests.job.test_job import TINY, job
from tests.reports.synthetic import write_experiment
from tests.store.one_run import ARRAYS, RECORD, SPEC, WEIGHTS

JOB = ["--archs", "mlp", "--tasks", "classifier", "--seeds", "1", "--epochs", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has the runs of JOB, so that the tests train nothing."""
    folder = tmp_path_factory.mktemp("trained")
    assert job(folder, *JOB) == 0
    return folder / "runs"


def link(path: Path, to: Path) -> Path:
    """Make a link to a folder, and the folder."""
    to.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return path


def a_linked_report(here: Path, away: Path) -> tuple[str, str]:
    link(here / "report", away / "far" / "off")
    return "runs", "report"


def a_linked_parent(here: Path, away: Path) -> tuple[str, str]:
    link(here / "reports", away / "far" / "off")
    return "runs", "reports/report"


def a_linked_store(here: Path, away: Path) -> tuple[str, str]:
    (here / "runs").rename(away / "store")
    (here / "runs").symlink_to(away / "store")
    return "runs", "report"


def up_through_a_link(here: Path, away: Path) -> tuple[str, str]:
    link(here / "elsewhere", away / "far" / "off")
    return "runs", "elsewhere/../report"


def the_store_up_through_a_link(here: Path, away: Path) -> tuple[str, str]:
    (away / "far").mkdir()
    (here / "runs").rename(away / "far" / "runs")
    link(here / "elsewhere", away / "far" / "off")
    return "elsewhere/../runs", "report"


def within_the_store(here: Path, away: Path) -> tuple[str, str]:
    return "runs", "runs/report"


def the_store_within(here: Path, away: Path) -> tuple[str, str]:
    (here / "report").mkdir()
    (here / "runs").rename(here / "report" / "runs")
    return "report/runs/", "report"


def the_store_itself(here: Path, away: Path) -> tuple[str, str]:
    return "runs", "runs"


LAYOUTS = (a_linked_report, a_linked_parent, a_linked_store, up_through_a_link, the_store_up_through_a_link,
           within_the_store, the_store_within, the_store_itself)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__.replace("_", " "))
def test_a_report_finds_its_runs_through_links(
    layout: Callable[[Path, Path], tuple[str, str]], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, away = tmp_path / "a" / "project", tmp_path / "disk"
    shutil.copytree(trained, here / "runs")
    away.mkdir()
    alias = link(away / "deep" / "alias", here)
    runs, out = layout(here, away)
    monkeypatch.chdir(alias)
    monkeypatch.setenv("PWD", str(alias))
    before = {path: path.stat().st_mtime_ns for path in Path(runs).glob("*/record.json")}
    assert len(before) == 1
    assert job(tmp_path, *JOB, "--runs-dir", runs, "--out", out) == 0
    assert {path: path.stat().st_mtime_ns for path in Path(runs).glob("*/record.json")} == before
    written = json.loads(Path(out, "manifest.json").read_text(encoding="utf-8"))["runs_dir"]
    assert not os.path.isabs(written)
    assert os.path.samefile(Path(out, written), runs)
    monkeypatch.chdir(tmp_path)
    for folder in (here / out, (here / out).resolve(), alias / out):
        assert len(reports.load(folder).records) == 1


def test_a_report_that_moves_with_its_store_keeps_it(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    shutil.copytree(trained, tmp_path / "disk" / "store")
    project = tmp_path / "project"
    project.mkdir()
    (project / "runs").symlink_to(tmp_path / "disk" / "store")
    assert job(project, *JOB, "--out", str(project / "reports" / "mine")) == 0
    moved = tmp_path / "deep" / "er" / "project"
    moved.parent.mkdir(parents=True)
    project.rename(moved)
    assert len(reports.load(moved / "reports" / "mine").records) == 1


def test_a_manifest_of_an_older_version_is_read_as_it_was_meant(tmp_path: Path) -> None:
    """They wrote the path as if a link to the report folder were the folder."""
    report = write_experiment(tmp_path / "project", tasks=("classifier",), seeds=1)
    (tmp_path / "disk" / "far").mkdir(parents=True)
    report.rename(tmp_path / "disk" / "far" / "report")
    report.symlink_to(tmp_path / "disk" / "far" / "report")
    assert len(reports.load(report).records) == 2
    Store(tmp_path / "disk" / "far" / "runs").write(RECORD, ARRAYS, WEIGHTS)  # another's
    assert len(reports.load(report).records) == 2


UNFIT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a page that is a folder": (lambda out: (out / "report.md").mkdir(), "report.md is there and can't be written"),
    "a manifest that is a folder": (lambda out: (out / "manifest.json").mkdir(), "manifest.json is there and can't be"),
    "figures that are a file": (lambda out: (out / "figures").touch(), "File exists (OUT/figures)"),
    "a link to itself": (lambda out: (out.rmdir(), out.symlink_to(out)), "it is a link that leads nowhere"),
    "a link to nothing": (lambda out: (out.rmdir(), out.symlink_to(out / "no")), "it is a link that leads nowhere"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_folder_that_can_hold_no_report_is_one_line_before_anything_is_trained(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    spoil, expected = UNFIT[name]
    out = tmp_path / "out"
    out.mkdir()
    spoil(out)
    assert job(tmp_path, *JOB, "--out", str(out)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: report folder {out}: ")
    assert expected.replace("OUT", str(out)) in line
    assert not list((tmp_path / "runs").glob("[0-9a-f]*"))


def test_a_path_that_no_manifest_can_hold_is_refused(tmp_path: Path) -> None:
    here = tmp_path / os.fsdecode(b"\xff")
    (here / "runs").mkdir(parents=True)
    with pytest.raises(UserError, match="no path leads from there to the runs folder"):
        report_folder(str(tmp_path / "out"), [SPEC], str(here / "runs"))


SOMEBODYS = {
    "manifest.json": '{"name": "my web page", "icons": []}',
    "report.md": "# My thesis",
    "records.csv": "artist,album",
    "answer.json": "42",
    "throughput.json": "{}",
}


@pytest.mark.parametrize("name", SOMEBODYS)
def test_a_folder_of_somebody_else_s_is_refused_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SOMEBODYS[name], encoding="utf-8")
    with pytest.raises(UserError) as caught:
        report_folder(str(tmp_path), [SPEC], str(tmp_path))
    assert str(caught.value) == (
        f"report folder {tmp_path}: {name} is there, and is not of a report that a job made; name another folder with "
        "--out, or move it away"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == SOMEBODYS[name]


def test_a_report_that_a_killed_job_left_without_its_manifest_is_ours(tmp_path: Path) -> None:
    """It was about to be kept in `earlier/`, and its copy there is whole."""
    report = write_experiment(tmp_path, tasks=("classifier",), seeds=1)
    shutil.copy(ROOT / "reports" / "published" / "mnist-race-44k" / "design.json", report)
    (report / "report.md").touch()
    (report / "manifest.json").unlink()
    assert report_folder(str(report), [SPEC], str(tmp_path / "runs")) == report


def test_speeds_that_are_none_are_named_before_anything_is_trained(tmp_path: Path) -> None:
    """A page could not be made of them when all is done."""
    report = write_experiment(tmp_path, tasks=("classifier",), seeds=1)
    (report / "throughput.json").write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"throughput\.json holds no throughput as run_ablation\.py writes it: object"):
        report_folder(str(report), [SPEC], str(tmp_path / "runs"))


def test_a_file_is_no_report_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=f"^report folder {tmp_path / 'file'}: File exists; name a writable one with"):
        report_folder(str(tmp_path / "file"), [SPEC], str(tmp_path))


@pytest.mark.parametrize("name", ["report.md", "manifest.json", "throughput.json"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} (is there and can't be written|can't be read: not a regular file)"):
        report_folder(str(tmp_path), [SPEC], str(tmp_path))


WRITER = """
import sys, time
from pathlib import Path
from bench.store.report_lock import alone_in

with alone_in(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_a_report_folder_has_one_writer_at_a_time_and_a_dead_one_holds_nobody_up(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == b"in\n"
    entered = threading.Event()

    def enter() -> None:
        with alone_in(tmp_path):
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.5)
    writer.kill()
    writer.wait()
    assert entered.wait(20)
    waiting.join()
    assert capsys.readouterr().err == f"waiting for another process, which writes the report in {tmp_path} …\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_job_waits_for_another_that_writes_to_its_report_folder(trained: Path, tmp_path: Path) -> None:
    """Else the manifest of one could come to lie beside the page of the other."""
    report = tmp_path / "report"
    report.mkdir()
    command = [sys.executable, "run_ablation.py", *TINY, *JOB, "--runs-dir", str(trained), "--out", str(report)]
    notebook = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as Jupyter exports it
    with alone_in(report):
        started = subprocess.Popen(
            command, cwd=ROOT, env=notebook, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert started.stderr is not None
        said = iter(started.stderr.readline, "")
        assert any(line.startswith("waiting for another process, which writes the report in ") for line in said)
        assert not (report / "manifest.json").exists()
        (report / "manifest.json").write_text("the other's", encoding="utf-8")
    shown, warned = started.communicate(timeout=120)
    assert started.returncode == 0, warned
    assert "mlp" in shown
    assert reports.load(report).archs == ("mlp",)
    assert (report / "report.md").read_text(encoding="utf-8").startswith("# mlp on ")


def test_a_file_system_without_locks_costs_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*unused: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("bench.store.report_lock.exclusive_lock", refused)
    entered = False
    with alone_in(tmp_path):
        entered = True
    assert entered
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"WARNING: report folder {tmp_path}: can't be locked (No locks available); let nothing else")
