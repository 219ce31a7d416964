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
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import reports
from bench.spec.signals import STOPPING, Terminated, signals_stop, signals_wait, stopping_status
from tests.conftest import ROOT
from tests.job.test_faults import command
from tests.job.test_job import job, records, stamps, wait_for
from tests.job.test_report_folder import JOB

pytestmark = pytest.mark.usefixtures("unmade", "heard")

LONG = ("--archs", "mlp", "--seeds", "50", "--workers", "1")


def name_of(number: int) -> str:
    return signal.Signals(number).name


def at_the_first_record(folder: Path, number: int) -> None:
    """Send this process a signal when the job that it begins now has a record."""

    def wait_and_send() -> None:
        wait_for(lambda: bool(stamps(folder)))
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, number)

    threading.Thread(target=wait_and_send, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=name_of)
def test_a_signal_stops_a_job_and_the_same_again_does_not_cost_the_report(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = reports.build

    def told_again(*arguments: object, **options: object) -> Path:
        os.kill(os.getpid(), number)
        return build(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "build", told_again)
    at_the_first_record(tmp_path, number)
    assert job(tmp_path, *LONG, report=True) == 128 + number
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    last = shown.splitlines()[-1]
    assert last.startswith(f"stopped by {name_of(number)}: ")
    assert last.endswith(" finished and kept; the same command goes on from there")
    found = records(tmp_path)
    assert found and all(record.status == "finished" for record in found)  # a stopped run is no failed run
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert f"The job was stopped by {name_of(number)}; the same command goes on from there." in page
    assert len(reports.load(tmp_path / "report").records) == len(found)


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    at_the_first_record(tmp_path, signal.SIGINT)
    assert job(tmp_path, *LONG, report=True) == 130
    shown = capsys.readouterr().err
    assert shown.splitlines()[-1].endswith(" finished and kept; the same command goes on from there")
    assert "Traceback" not in shown
    assert (tmp_path / "report" / "report.md").is_file()


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
def test_a_job_under_nohup_that_is_held_up_goes_on_after_that_and_after_a_hang_up(tmp_path: Path) -> None:
    """Held up as by SIGTSTP, which Ctrl-Z sends, and SIGCONT."""
    arguments = command(tmp_path, "--archs", "mlp", "--tasks", "classifier", "--seeds", "6", "--workers", "1")
    process = subprocess.Popen([sys.executable, "-c", NOHUP, *arguments[1:]], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)  # fmt: skip
    wait_for(lambda: bool(stamps(tmp_path)))
    os.killpg(process.pid, signal.SIGSTOP)  # the group of a session of its own is orphaned: SIGTSTP would do nothing
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    os.killpg(process.pid, signal.SIGCONT)
    os.killpg(process.pid, signal.SIGHUP)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 0, shown
    assert [record.status for record in records(tmp_path)] == ["finished"] * 6


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


class Careless:
    """In whose end Python drops whatever is raised."""

    def __init__(self, number: int):
        self.number = number

    def __del__(self) -> None:
        send(self.number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=name_of)
def test_a_signal_that_comes_where_exceptions_are_dropped_is_not_lost(number: int) -> None:
    with pytest.raises(KeyboardInterrupt) as found, signals_stop():
        Careless(number)
        threading.Event().wait(10)
        pytest.fail("it was lost")
    assert stopping_status(found.value) == 128 + number


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


LIMITED = """
import resource
from bench.machine.child import how_it_ended
resource.setrlimit(resource.RLIMIT_CPU, (40, 40))
print(how_it_ended(-9))
"""


def test_a_process_s_death_names_the_limits_that_may_have_caused_it() -> None:
    """A limit of processor time, as `ulimit -t` sets it, is one of them."""
    said = subprocess.run([sys.executable, "-c", LIMITED], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    assert said.startswith("was killed by SIGKILL (out of memory?")
    assert said.endswith("or out of processor time, limited to 40 s)")
