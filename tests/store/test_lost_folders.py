"""A file system over the network that fails for a moment, or for good: no result is lost, and nothing waits."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archs.errors import UserError
from bench.job.manifest import write_manifest
from bench.store.claims import STALE_TRIES, Claims, exclusive_lock
from bench.store.report_lock import alone_in
from bench.store.store import Store
from tests.store.one_run import RECORD

RUN = "0123456789abcdef"
LOST = [errno.ESTALE, errno.EIO, errno.ENOLCK]


def failing(of: Callable[..., Any], code: int, when: Callable[..., bool]) -> Callable[..., Any]:
    """The function, but for calls that fail."""

    def call(*arguments: Any, **options: Any) -> Any:
        if when(*arguments):
            raise OSError(code, os.strerror(code))
        return of(*arguments, **options)

    return call


def is_release(descriptor: int, how: int) -> bool:
    return how == fcntl.LOCK_UN


def times(count: int) -> Callable[..., bool]:
    """Whether a lock is among the first so many."""
    left = [count]

    def is_early(descriptor: int, how: int) -> bool:
        left[0] -= how != fcntl.LOCK_UN
        return how != fcntl.LOCK_UN and left[0] >= 0

    return is_early


def test_a_lock_file_that_another_host_removed_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS calls it a stale handle where a local file system lets us lock what nobody can find any more."""
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.ESTALE, times(STALE_TRIES - 1)))
    claims = Claims()
    assert claims.take(tmp_path, RUN)
    claims.close()
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.ESTALE, times(1)))
    with exclusive_lock(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()


def test_a_handle_that_stays_stale_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, errno.ESTALE, times(10**6)))
    with pytest.raises(
        UserError, match=re.escape(f"can't be locked ({os.strerror(errno.ESTALE)}); name a writable one")
    ):
        Claims().take(tmp_path, RUN)


@pytest.mark.parametrize("code", LOST)
def test_a_lock_that_can_t_be_released_stops_nothing_and_is_free(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Claims()
    assert claims.take(tmp_path, RUN)
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", failing(fcntl.flock, code, is_release))
        claims.give_back(tmp_path, RUN)
        with alone_in(tmp_path):
            pass
        with pytest.raises(UserError, match="what was raised within"), alone_in(tmp_path):
            raise UserError("what was raised within")
    assert claims.take(tmp_path, RUN)
    assert not Claims().take(tmp_path, RUN)
    claims.close()
    with exclusive_lock(tmp_path / ".writing"):
        pass


@pytest.mark.parametrize("code", LOST)
def test_a_report_folder_that_can_t_be_locked_is_written_all_the_same(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(fcntl.flock, code, times(10**6)))
    entered = False
    with alone_in(tmp_path):
        entered = True
    assert entered
    assert capsys.readouterr().err == (
        f"WARNING: report folder {tmp_path}: can't be locked ({os.strerror(code)}); let nothing else write to it now\n"
    )


@pytest.mark.parametrize("name", ["replace", "open"])
def test_a_manifest_that_can_t_be_written_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.json").write_text("the last one's")
    monkeypatch.setattr(Path, name, failing(getattr(Path, name), errno.ESTALE, lambda *of: True))
    with pytest.raises(UserError) as caught:
        write_manifest(tmp_path, {"title": "x"})
    assert str(caught.value) == (
        f"report folder {tmp_path}: {os.strerror(errno.ESTALE)}; all runs are kept: mend it, or name another with "
        "--out, and the same command goes on to its report"
    )
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    assert (tmp_path / "manifest.json").read_text() == "the last one's"


@pytest.mark.parametrize("code", LOST)
def test_a_record_that_can_t_be_renamed_into_place_is_one_line(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "rename", failing(Path.rename, code, lambda *of: True))
    with pytest.raises(
        UserError, match=f"^runs folder .*: {os.strerror(code)}; make it writable, and the same command"
    ):
        Store(tmp_path).write(RECORD)
    assert not list(tmp_path.iterdir())
