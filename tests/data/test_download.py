"""The download of a data set, by a made-up torchvision in a real job: it comes, it fails, and it ends with the job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from archs.errors import UserError
from bench.data import fetch, unpack
from tests.conftest import ROOT
from tests.job.test_job import no_process_of, wait_for

SLOW = """
import os, subprocess, sys, time
from pathlib import Path

def MNIST(folder, download):
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (Path(folder).parent / "begun").write_text(f"{os.getpid()} {helper.pid}")
    (Path(folder) / "half").write_text("of a file")
    time.sleep(600)
"""
REFUSED = """
def MNIST(folder, download):
    raise OSError("no network here")
"""


def started(tmp_path: Path, torchvision: str, *arguments: str) -> subprocess.Popen[str]:
    """A job that finds no data set and a torchvision with such a `datasets`."""
    package = tmp_path / "fake" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(torchvision, encoding="utf-8")
    command = [
        sys.executable, "run_ablation.py", "--data-dir", str(tmp_path / "data"), "--runs-dir", str(tmp_path / "runs"),
        "--out", str(tmp_path / "report"), "--device", "cpu", *(arguments or ("--dataset", "mnist")),
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(package.parent)}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip


def is_gone(process: int) -> bool:
    """Whether it has ended, buried or not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGKILL, -9)])
def test_a_download_ends_with_its_job_and_leaves_nothing(tmp_path: Path, number: int, status: int) -> None:
    job = started(tmp_path, SLOW)
    begun = tmp_path / "data" / "begun"
    wait_for(lambda: begun.is_file() and len(begun.read_text().split()) == 2)
    downloader, helper = map(int, begun.read_text().split())
    if number == signal.SIGINT:
        os.killpg(job.pid, number)  # as a terminal does: to every process of the job
    else:
        os.kill(job.pid, number)
    _, shown = job.communicate(timeout=60)
    assert job.returncode == status
    wait_for(lambda: is_gone(downloader) and no_process_of(job.pid), seconds=20)
    if number == signal.SIGKILL:  # nothing can be done any more: the next download clears the folder
        os.kill(helper, signal.SIGKILL)
        return
    assert is_gone(helper)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["begun"]
    (last,) = shown.splitlines()[1:]
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    assert last == f"stopped{by}: whatever finished is kept; the same command goes on from there"


def test_a_download_that_fails_says_why_and_the_way_out(tmp_path: Path) -> None:
    _, shown = (job := started(tmp_path, REFUSED)).communicate(timeout=60)
    assert job.returncode == 2
    announced, error = shown.splitlines()
    assert announced.startswith("downloading mnist into ")
    assert error.startswith("error: download of mnist failed: OSError: no network here; put the four raw files, or ")
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.slow
def test_a_job_that_may_choose_goes_on_with_the_digits(tmp_path: Path) -> None:
    small = ["--archs", "mlp", "--tasks", "classifier", "--seeds", "1", "--epochs", "1", "--throughput", "off"]
    _, shown = (job := started(tmp_path, REFUSED, *small)).communicate(timeout=120)
    assert job.returncode == 0
    assert "WARNING: MNIST could not be had (download of mnist failed: OSError: no network here" in shown
    assert "MNIST could not be had" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")


def test_nobody_waits_for_a_download_to_hear_of_a_typo(tmp_path: Path) -> None:
    _, shown = (job := started(tmp_path, SLOW, "--dataset", "mnist", "--archs", "cnn22")).communicate(timeout=60)
    assert job.returncode == 2
    (line,) = shown.splitlines()
    assert "cnn22" in line
    assert not (tmp_path / "data").exists()


def test_the_folders_of_killed_downloads_are_cleared_in_time(tmp_path: Path) -> None:
    for name, age in (("old", 2 * unpack.LEFTOVER_SECONDS), ("new", 60)):
        (tmp_path / f".download-{name}").mkdir()
        os.utime(tmp_path / f".download-{name}", (time.time() - age,) * 2)
    with pytest.raises(UserError, match="took longer"):
        fetch.download("kmnist", tmp_path, seconds=0.05)
    assert [path.name for path in tmp_path.iterdir()] == [".download-new"]  # another job's, perhaps


def test_a_download_needs_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full or missing one would else be called an error of the data folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="took longer"):
        fetch.download("kmnist", tmp_path / "data", seconds=0.05)
    assert not list((tmp_path / "data").iterdir())
