"""What stops a job from outside: each signal once, twice, ignored, during the report, and a terminal that is closed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from bench.spec.signals import STOPPING, Terminated, signals_stop, signals_wait
from tests.conftest import ROOT
from tests.job.test_faults import command
from tests.job.test_job import job, records, stamps, wait_for
from tests.job.test_report_folder import JOB

LONG = ("--archs", "mlp", "--seeds", "50", "--workers", "1")


def name_of(number: int) -> str:
    return signal.Signals(number).name


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=name_of)
def test_a_signal_stops_a_job_and_the_same_again_does_not_cost_the_report(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(command(tmp_path, *LONG), cwd=ROOT, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    wait_for(lambda: bool(stamps(tmp_path)))
    os.killpg(process.pid, number)  # as a batch system does: to every process of the job
    wait_for(lambda: (tmp_path / "report" / "manifest.json").is_file())
    os.killpg(process.pid, number)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in shown
    last = shown.splitlines()[-1]
    assert last.startswith(f"stopped by {name_of(number)}: ")
    assert last.endswith(" finished and kept; the same command goes on from there")
    found = records(tmp_path)
    assert found and all(record.status == "finished" for record in found)  # a stopped run is no failed run
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert f"The job was stopped by {name_of(number)}; the same command goes on from there." in page
    assert len(reports.load(tmp_path / "report").records) == len(found)


@pytest.mark.slow
def test_a_terminal_that_is_closed_leaves_a_report(tmp_path: Path) -> None:
    """The kernel hangs up, and nothing can be written to the terminal any more."""
    ours, theirs = pty.openpty()
    arguments = command(tmp_path, *LONG)
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(theirs)
    wait_for(lambda: bool(stamps(tmp_path)))
    os.close(ours)
    assert process.wait(timeout=60) == 128 + signal.SIGHUP
    assert "stopped by SIGHUP" in (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "report" / "manifest.json").read_text(encoding="utf-8"))["stopped_by"] == "SIGHUP"


NOHUP = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup(1) does before it becomes the command
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.slow
def test_a_job_under_nohup_goes_on_after_a_hang_up(tmp_path: Path) -> None:
    arguments = command(tmp_path, "--archs", "mlp", "--tasks", "classifier", "--seeds", "6", "--workers", "1")
    process = subprocess.Popen([sys.executable, "-c", NOHUP, *arguments[1:]], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    wait_for(lambda: bool(stamps(tmp_path)))
    os.killpg(process.pid, signal.SIGHUP)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    assert len(records(tmp_path)) == 6


def test_a_job_that_is_held_up_and_goes_on_is_as_good(tmp_path: Path) -> None:
    """SIGTSTP, as Ctrl-Z sends it, and SIGCONT."""
    arguments = command(tmp_path, "--archs", "mlp", "--tasks", "classifier", "--seeds", "4", "--workers", "1")
    process = subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)  # fmt: skip
    wait_for(lambda: bool(stamps(tmp_path)))
    os.killpg(process.pid, signal.SIGSTOP)  # the group of a session of its own is orphaned: SIGTSTP would do nothing
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    os.killpg(process.pid, signal.SIGCONT)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    assert [record.status for record in records(tmp_path)] == ["finished"] * 4


def test_a_first_signal_during_the_report_waits_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = reports.build

    def told_meanwhile(*arguments: object, **options: object) -> Path:
        os.kill(os.getpid(), signal.SIGUSR1)
        return build(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "build", told_meanwhile)
    assert job(tmp_path, *JOB, report=True) == 128 + signal.SIGUSR1
    assert (tmp_path / "report" / "report.html").is_file()
    shown = capsys.readouterr()
    assert shown.out.rstrip().endswith("report.md")
    last = "stopped by SIGUSR1: whatever finished is kept; the same command goes on from there"
    assert shown.err.splitlines()[-1] == last


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGHUP), (signal.SIGUSR1, signal.SIGUSR1), (signal.SIGINT,)], ids=str
)
def test_neither_a_second_signal_nor_ctrl_c_waits(numbers: tuple[int, ...]) -> None:
    with pytest.raises(KeyboardInterrupt), signals_wait():
        send(*numbers)
        pytest.fail("it was waited for")


def test_what_was_set_before_is_set_afterwards() -> None:
    def theirs(number: int, frame: object) -> None: ...

    kept: dict[int, Callable[..., None] | int] = dict.fromkeys(STOPPING, theirs)
    kept[signal.SIGHUP] = signal.SIG_IGN
    before = {number: signal.signal(number, handler) for number, handler in kept.items()}
    try:
        with pytest.raises(Terminated) as found, signals_stop():
            send(signal.SIGHUP)  # ignored before, ignored now
            send(signal.SIGXCPU)
        assert found.value.status == 128 + signal.SIGXCPU
        assert {number: signal.getsignal(number) for number in STOPPING} == kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


ENDS = """
import os, signal, sys
from bench.spec.command import run_command
def main(arguments):
    try:
        os.kill(os.getpid(), int(arguments[0]))
        signal.pause()
    finally:
        print("put in order", file=sys.stderr)
run_command(main)
"""


@pytest.mark.parametrize("number", [*STOPPING, signal.SIGINT], ids=name_of)
def test_every_command_ends_in_order_at_a_signal(number: int) -> None:
    done = subprocess.run([sys.executable, "-c", ENDS, str(int(number))], cwd=ROOT, capture_output=True, text=True)
    who = "" if number == signal.SIGINT else f" by {name_of(number)}"
    assert (done.returncode, done.stderr) == (128 + number, f"put in order\nstopped{who}\n")


def test_a_worker_s_death_names_the_limits_that_may_have_caused_it(tmp_path: Path) -> None:
    """A limit of processor time, as `ulimit -t` sets it, is one of them."""
    plugin = tmp_path / "busy.py"
    plugin.write_text(BUSY, encoding="utf-8")
    arguments = command(tmp_path, "--archs", "busy", "--plugin", str(plugin), "--tasks", "classifier", "--seeds", "1")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, (40, 40)); {RUN}"
    done = subprocess.run([sys.executable, "-c", limited, *arguments[2:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    (record,) = records(tmp_path)
    assert record.error is not None
    assert record.error.startswith("worker process was killed by SIGKILL (out of memory?")
    assert record.error.endswith("or out of processor time, limited to 40 s)")


RUN = "import runpy; runpy.run_path('run_ablation.py', run_name='__main__')"
BUSY = """
import os, signal
from torch import nn
from archs.base import Arch

class Busy(nn.Module):
    def forward(self, x):
        if self.training:
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does then
        return x.flatten(1)

ARCH = Arch(name="busy", summary="is killed", source="test", encoder=lambda channels: Busy())
"""
