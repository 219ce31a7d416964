"""Claims: who trains what when jobs share a store. tests/job/test_faults.py kills the process that has one."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from archs.errors import UserError
from bench.store.claims import Claims, describe_holder
from tests.conftest import ROOT

RUN = "0123456789abcdef"

PARENT_OF_A_FORK = """
import os, sys, time
from pathlib import Path
from bench.store.claims import Claims
claims = Claims()
print(claims.take(Path(sys.argv[1]), sys.argv[2]), flush=True)
if not os.fork():
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_claim_goes_with_its_process_though_a_fork_of_it_lives_on(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", PARENT_OF_A_FORK, str(tmp_path), RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "True"
    child = int(other.stdout.readline())
    claims = Claims()
    try:
        assert not claims.take(tmp_path, RUN)
        other.kill()
        other.wait()
        os.kill(child, 0)  # the fork lives
        assert claims.take(tmp_path, RUN)
    finally:
        os.kill(child, signal.SIGKILL)
        claims.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a while")
def test_another_user_s_claim_holds_while_its_job_lives_and_no_longer() -> None:
    """The file of a job that was killed stays, and others may only read it."""
    with tempfile.TemporaryDirectory() as folder:
        store, theirs = Path(folder), Claims()
        store.chmod(0o777)
        before = os.umask(0o022)
        assert theirs.take(store, RUN)
        (store / ".claims").chmod(0o777)
        os.seteuid(65_534)
        try:
            ours = Claims()
            assert not ours.take(store, RUN)
            with patch.object(Path, "unlink"):  # as if it was killed
                os.seteuid(0)
                theirs.close()
                os.seteuid(65_534)
            assert (store / ".claims" / RUN).exists()
            assert ours.take(store, RUN)
            ours.close()
        finally:
            os.seteuid(0)
            os.umask(before)


def test_who_has_a_claim_is_said_also_to_those_who_tried(tmp_path: Path) -> None:
    first, second = Claims(), Claims()
    assert first.take(tmp_path, RUN)
    for _ in range(2):
        assert not second.take(tmp_path, RUN)
        assert describe_holder(tmp_path, RUN).startswith(f"process {os.getpid()} on ")
    second.close()  # gives back nothing that it has not
    assert not second.take(tmp_path, RUN)
    first.close()
    assert second.take(tmp_path, RUN)
    second.close()
    assert not list((tmp_path / ".claims").iterdir())


def test_a_lock_on_a_file_that_its_last_holder_removed_is_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last holder gives back between the other's open and its lock."""
    first, second, third, lock = Claims(), Claims(), Claims(), fcntl.flock
    assert first.take(tmp_path, RUN)

    def late(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        first.close()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    assert second.take(tmp_path, RUN)
    assert not third.take(tmp_path, RUN)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuses(*of: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuses)
    with pytest.raises(UserError, match=f"{os.strerror(code)}.* --runs-dir"):
        Claims().take(tmp_path, RUN)


def test_a_folder_that_can_not_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"runs folder .*file: .* --runs-dir"):
        Claims().take(tmp_path / "file", RUN)


def test_a_full_disk_is_an_error_and_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*of: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    claims, other = Claims(), Claims()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(UserError, match=os.strerror(errno.ENOSPC)):
            claims.take(tmp_path, RUN)
    assert other.take(tmp_path, RUN)


def test_a_process_has_thousands_of_claims(tmp_path: Path) -> None:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, most), most))
    claims, started = Claims(), time.process_time()
    try:
        for index in range(2_000):
            assert claims.take(tmp_path, f"{index:016x}")
        claims.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
    assert time.process_time() - started < 10  # 2 s where it was written
    assert not list((tmp_path / ".claims").iterdir())
