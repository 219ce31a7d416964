"""Every command ends with the status of what it found out, whoever reads it and wherever it is called from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import run_ablation
from reports.__main__ import main as reports_main
from tests.conftest import ROOT

SCRIPTS = [ROOT / "run_ablation.py", *sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "reports").rglob("*.py"))]
DOORS = [path for path in SCRIPTS if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")]
PEERS = ROOT / "bench" / "studies" / "peers"
MOVED = [path.stem for path in sorted((ROOT / "bench").glob("*.py")) if "is now python -m" in path.read_text("utf-8")]


def test_there_are_such_commands() -> None:
    assert len(MOVED) == 7
    assert len(DOORS) >= 11


@pytest.mark.parametrize("name", MOVED)
def test_the_old_spelling_says_the_new_one(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: python -m bench.{name} is now python -m bench.studies.{name}"
    assert (ROOT / "bench" / "studies" / f"{name}.py").is_file()


@pytest.mark.parametrize("path", [path for path in DOORS if path.parent != PEERS], ids=lambda path: path.stem)
def test_every_command_ends_in_the_one_way(path: Path) -> None:
    """The children of a comparison with other projects are none: their parent reads them to the end."""
    assert path.read_text(encoding="utf-8").endswith('\n\nif __name__ == "__main__":\n    run_command(main)\n')


def unread(*command: str, streams: str = "stdout", buffered: bool = True) -> tuple[int, str]:
    """Run Python with a standard output that its reader has closed; return the status and what is on stderr.

    streams: "stdout", or "both" if standard error goes there too. buffered: as Python's output usually is.
    """
    reading, writing = os.pipe()
    os.close(reading)
    stderr = writing if streams == "both" else subprocess.PIPE
    environment = os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=writing, stderr=stderr, text=True
    )
    os.close(writing)
    _, shown = process.communicate(timeout=120)
    return process.returncode, shown or ""


@pytest.mark.parametrize(
    "command", [["run_ablation.py"], ["-m", "reports"], ["-m", "bench.gate"], ["-m", "bench.verify"]], ids=" ".join
)
def test_help_that_nobody_reads_is_no_error(command: list[str]) -> None:
    assert unread(*command, "--help") == (0, "")


ENDS = """
import sys
from bench.spec.command import run_command
def main(arguments):
    what, count = arguments
    print("▼" * int(count), flush=what == "flush")
    print("also here", file=sys.stderr)
    if what == "crash":
        return 1 // 0
    if what == "stop":
        raise KeyboardInterrupt
    print("and", "more" * 9999)
    return int(what) if what.isdigit() else 7
run_command(main)
"""


@pytest.mark.parametrize(("what", "count"), [("keep", "1"), ("keep", "99999"), ("flush", "1")])
@pytest.mark.parametrize("streams", ["stdout", "both"])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_verdict_is_kept_when_its_reader_is_gone(what: str, count: str, streams: str, buffered: bool) -> None:
    """Whether the pipe breaks at the end, in the middle of a text, or before more is said."""
    shown = "" if streams == "both" else "also here\n"
    assert unread("-c", ENDS, what, count, streams=streams, buffered=buffered) == (7, shown)


def test_an_error_of_ours_is_no_verdict() -> None:
    """Python's own status is 1: "slower", "does not match", "some runs failed"."""
    status, shown = unread("-c", ENDS, "crash", "1")
    assert status == 70 and shown.splitlines()[-1].startswith("ZeroDivisionError: ")
    assert unread("-c", ENDS, "stop", "1") == (130, "also here\nstopped\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(("status", "expected"), [("0", 2), ("1", 1)])
def test_an_output_that_can_t_be_written_is_said(status: str, expected: int) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-c", ENDS, status, "1"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == expected
    assert done.stderr.splitlines()[1:] == [b"error: standard output can't be written: No space left on device"]


def test_a_closed_output_and_one_that_lacks_a_character_change_nothing() -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", ENDS, "keep", "1"]
    done = subprocess.run(closed, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, "also here\n")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", ENDS, "keep", "1"], cwd=ROOT, env=ascii_only, capture_output=True)
    assert done.returncode == 7 and done.stdout.startswith(b"v\nand more"), "plain characters instead"


WANTING = [
    (run_ablation.main, ["--parquet"], "pyarrow", "parquet"),
    (run_ablation.main, ["--tensorboard", "events"], "tensorboard", "tensorboard"),
    (run_ablation.main, ["--mlflow", "mlruns"], "mlflow", "mlflow"),
    (run_ablation.main, ["--launcher", "ray"], "ray", "cluster"),
    (reports_main, ["render", "nowhere", "--parquet"], "pyarrow", "parquet"),
]


@pytest.mark.parametrize(
    ("main", "arguments", "package", "extra"), WANTING, ids=[" ".join(arguments) for _, arguments, _, _ in WANTING]
)
def test_a_package_that_is_not_installed_is_named_at_once(
    main: Callable[[list[str]], int],
    arguments: list[str],
    package: str,
    extra: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"needs the package {package}, which is not installed" in line
    assert line.endswith(f"the extra [{extra}]: in the folder of this project, pip install -e '.[{extra}]'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [[], ["-P"], ["-I"]], ids=str)
def test_the_job_finds_its_own_code_from_anywhere(flags: list[str], tmp_path: Path) -> None:
    link = tmp_path / "ablate"
    link.symlink_to(ROOT / "run_ablation.py")
    for script in (ROOT / "run_ablation.py", link):
        done = subprocess.run([sys.executable, *flags, str(script), "--archs"], cwd=tmp_path, capture_output=True)
        assert done.stderr.splitlines() == [b"error: argument --archs: expected at least one argument"]
        assert done.returncode == 2


@pytest.mark.slow
def test_a_job_that_nobody_reads_goes_on_to_its_report(tmp_path: Path) -> None:
    command = ["--dataset", "digits", "--archs", "cnn3", "--tasks", "classifier", "--seeds", "2", "--epochs", "1"]
    command += ["--train-images", "200", "--device", "cpu", "--throughput", "off"]
    folders = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert unread("run_ablation.py", *command, *folders, streams="both") == (0, "")
    assert (tmp_path / "out" / "report.md").is_file()
