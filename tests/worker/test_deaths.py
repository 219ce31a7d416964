"""How processes of a job end: a worker beside what it has forked, and children whose job is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bench.machine.child import how_it_ended
from tests.conftest import ROOT
from tests.job.test_job import job, records, wait_for

FORKS = """
import contextlib, os, resource, signal, sys, time
import torch
from torch import nn
from archs.base import Arch

class Forks(nn.Module):
    def forward(self, x):
        if self.training:
            if not os.fork():  # holds all that the worker has open
                until = time.monotonic() + 60
                while not os.path.exists({go!r}) and time.monotonic() < until:
                    time.sleep(0.05)
                os.mkdir({go!r} + "-in-vain") if time.monotonic() >= until else None
                os._exit(0)
            os.kill(os.getpid(), {number})
        return x.flatten(1)[:, :8]

class Exits(nn.Module):
    def forward(self, x):
        if self.training and torch.is_grad_enabled():  # a network is tried out without gradients
            sys.exit(0)
        return x.flatten(1)[:, :8]

class Leaks(nn.Module):
    def __init__(self, share):
        super().__init__()
        self.share, self.leaked = share, False

    def forward(self, x):
        if self.training and torch.is_grad_enabled() and not self.leaked:
            self.leaked = True
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            with contextlib.suppress(OSError):
                for _ in range(int(300 * self.share)):
                    os.open(os.devnull, os.O_RDONLY)
        return x.flatten(1)[:, :8]

class Speechless(BaseException):
    def __str__(self):
        raise RuntimeError

class TriedInVain(nn.Module):
    def forward(self, x):
        raise Speechless

A = Arch(name="forks", summary="is killed beside its child", source="test", encoder=lambda channels: Forks())
B = Arch(name="exits", summary="ends its process", source="test", encoder=lambda channels: Exits())
C = Arch(name="speechless", summary="raises what has no text", source="test", encoder=lambda channels: TriedInVain())
D = Arch(name="leaks", summary="leaves all files open", source="test", encoder=lambda channels: Leaks(1))
E = Arch(name="leaks-some", summary="leaves files open", source="test", encoder=lambda channels: Leaks(0.6))
F = Arch(name="leaks-more", summary="leaves files open", source="test", encoder=lambda channels: Leaks(0.61))
"""

LEAKS = ("leaks-some", "leaks-more", "leaks")

SIGRTMIN_1 = signal.SIGRTMIN + 1


def test_what_ends_a_worker_is_said_at_once_and_costs_its_own_run_only(tmp_path: Path) -> None:
    """A worker that is killed by a signal without a name while its child lives, layers that call sys.exit or raise what
    is no Exception, and some that leave files open: a few, so that the next run would suffer, or all."""
    plugin, go = tmp_path / "ends.py", tmp_path / "go"
    plugin.write_text(FORKS.format(go=str(go), number=SIGRTMIN_1), encoding="utf-8")
    arguments = ("--archs", "exits", "forks", "speechless", *LEAKS, "mlp", "--tasks", "classifier", "--seeds", "1")
    assert job(tmp_path, *arguments, "--workers", "1", "--plugin", str(plugin)) == 1
    go.touch()
    found = {record.spec["arch"]: record for record in records(tmp_path)}
    assert [found[name].status for name in ("mlp", *LEAKS)] == ["finished", "finished", "finished", "failed"]
    assert found["leaks"].error == "too many open files: the limit is 300"
    assert found["forks"].error == f"worker process was killed by signal {SIGRTMIN_1}"
    assert str(found["exits"].error).startswith("SystemExit: 0 (ends.py:22 in Exits.forward)")
    assert found["speechless"].error == (
        "UserError: speechless: its encoder ends the process: Speechless: its message can't be made: __str__ raises "
        "RuntimeError (ends.py:45 in TriedInVain.forward)"
    )
    assert not (tmp_path / "go-in-vain").exists(), "the job waited for the child"


@pytest.mark.parametrize(
    "status, said",
    [(-35, "was killed by signal 35"), (-15, "was killed by SIGTERM"), (None, "closed its connection to the job")],
)
def test_every_end_of_a_process_has_a_name(status: int | None, said: str) -> None:
    assert how_it_ended(status) == said


ORPHANED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child, start_context
def busy(say):
    say(os.getpid())
    time.sleep(600)
if __name__ == "__main__":
    start_context(())
    call_in_child(busy, listener=lambda pid: print(pid, flush=True))
"""


def test_a_child_ends_at_once_with_the_job_whatever_it_is_at(tmp_path: Path) -> None:
    script = tmp_path / "orphaned.py"
    script.write_text(ORPHANED, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script), str(ROOT)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    try:
        wait_for(lambda: not Path(f"/proc/{child}").exists(), seconds=20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


STARTED = """
import sys
sys.path.insert(0, sys.argv[1])
from bench.machine.child import start_context
start_context(())
print("started", flush=True)
sys.stdin.read()
"""


def started(temporary: Path) -> subprocess.Popen[str]:
    """A process that has a fork server, until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, str(ROOT)], env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_the_sockets_of_a_killed_job_are_cleared_and_those_of_a_living_one_are_not() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path is short
        temporary, living = Path(folder), started(Path(folder))
        (kept,) = temporary.iterdir()
        started(temporary).communicate("")
        assert list(temporary.iterdir()) == [kept]
        living.kill()
        living.communicate()
        (temporary / "pymp-theirs").mkdir()  # of another program
        started(temporary).communicate("")
        assert [path.name for path in temporary.iterdir()] == ["pymp-theirs"]
