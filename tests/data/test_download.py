"""The download of a data set, by a made-up torchvision in a real job: it comes, it fails, and it ends with the job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from archs.errors import UserError
from bench.data import fetch, unpack
from bench.spec.signals import Terminated, signals_stop
from run_ablation import main
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


SMALL = ("--archs", "mlp", "--tasks", "classifier", "--seeds", "1", "--epochs", "1", "--throughput", "off")


def command(tmp_path: Path, torchvision: str, *arguments: str) -> list[str]:
    """The arguments of a job that finds no data set, and a torchvision with such a `datasets` where it looks first."""
    package = tmp_path / "fake" / "torchvision"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(torchvision, encoding="utf-8")
    os.environ["PYTHONPATH"] = str(package.parent)  # as of each process that is started from now on
    folders = ["--data-dir", str(tmp_path / "data"), "--runs-dir", str(tmp_path / "runs")]
    return [*folders, "--out", str(tmp_path / "report"), "--device", "cpu", *(arguments or ("--dataset", "mnist"))]


@pytest.fixture(autouse=True)
def path_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `command` sets is as it was afterwards."""
    monkeypatch.setenv("PYTHONPATH", "")


def is_gone(process: int) -> bool:
    """Whether it has ended, buried or not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def begun_in(tmp_path: Path) -> tuple[int, int]:
    """The downloader and what it has started, as soon as they are there."""
    begun = tmp_path / "data" / "begun"
    wait_for(lambda: begun.is_file() and len(begun.read_text().split()) == 2)
    downloader, helper = map(int, begun.read_text().split())
    return downloader, helper


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_download_ends_with_its_job_and_leaves_nothing(
    tmp_path: Path, number: int, status: int, capsys: pytest.CaptureFixture
) -> None:
    arguments, processes = command(tmp_path, SLOW), list[int]()
    stopped = threading.main_thread().ident
    assert stopped is not None

    def stop() -> None:
        processes.extend(begun_in(tmp_path))
        signal.pthread_kill(stopped, number)

    threading.Thread(target=stop, daemon=True).start()
    assert main(arguments) == status
    assert len(processes) == 2
    wait_for(lambda: all(map(is_gone, processes)), seconds=20)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["begun"]
    (last,) = capsys.readouterr().err.splitlines()[1:]
    by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
    assert last == f"stopped{by}: whatever finished is kept; the same command goes on from there"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_download_ends_when_its_job_is_killed(tmp_path: Path) -> None:
    """What it has started can't be ended any more, and the next download clears the folder."""
    job = subprocess.Popen([sys.executable, "run_ablation.py", *command(tmp_path, SLOW)], cwd=ROOT,
                           stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    downloader, helper = begun_in(tmp_path)
    job.kill()
    assert job.wait(timeout=60) == -signal.SIGKILL
    wait_for(lambda: is_gone(downloader) and no_process_of(job.pid), seconds=20)
    os.kill(helper, signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("moment", ["subprocess.Popen", "os.killpg", "shutil.rmtree"])
def test_a_download_leaves_nothing_whenever_signals_arrive(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first while the downloader is started, or a second one while it is stopped, or while its folder goes."""
    module, name = moment.split(".")
    real, started = getattr(sys.modules[module], name), list[int]()

    def interrupted(*arguments: Any, **options: Any) -> Any:
        done = real(*arguments, **options)
        started.extend([done.pid] if name == "Popen" else [])
        signal.raise_signal(signal.SIGTERM)
        return done

    monkeypatch.setattr(moment, interrupted)
    command(tmp_path, SLOW)
    seconds = 60 if name == "Popen" else 0.05
    with pytest.raises(Terminated), signals_stop():
        fetch.download("mnist", tmp_path / "data", seconds)
    assert all(map(is_gone, started))
    assert [path.name for path in (tmp_path / "data").glob(".download*")] == []


def test_a_download_that_fails_says_why_and_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(command(tmp_path, REFUSED)) == 2
    announced, error = capsys.readouterr().err.splitlines()
    assert announced.startswith("downloading mnist into ")
    assert error.startswith("error: download of mnist failed: OSError: no network here; put the four raw files, or ")
    assert not list((tmp_path / "data").iterdir())


def test_a_job_that_may_choose_goes_on_with_the_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture, unmade: None
) -> None:
    assert main(command(tmp_path, REFUSED, *SMALL)) == 0
    warning = "MNIST could not be had"
    assert f"WARNING: {warning} (download of mnist failed: OSError: no network here" in capsys.readouterr().err
    assert warning in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")


def test_nobody_waits_for_a_download_to_hear_of_a_typo(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(command(tmp_path, SLOW, "--dataset", "mnist", "--archs", "cnn22")) == 2
    (line,) = capsys.readouterr().err.splitlines()
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
