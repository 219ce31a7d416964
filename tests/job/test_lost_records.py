"""A job whose records are gone or damaged when it has trained: it says so, and is no success."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from bench.job import rounds
from bench.store.record import Damaged, Record
from bench.store.store import Store
from tests.job.test_job import job

SMALL = ["--archs", "mlp", "--tasks", "classifier", "--seeds", "2"]


class Lost(Store):
    """A store over the network that went away when the runs had ended."""

    def find(self, run_id: str) -> Record | None:
        raise Damaged(f"run {run_id}: {self.folder / run_id / 'record.json'} can't be read (Stale file handle)")


def test_records_that_can_t_be_read_again_are_said_and_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "Store", Lost)
        assert job(tmp_path, *SMALL) == 1
    *_, first, second, last = capsys.readouterr().err.splitlines()
    for line in (first, second):
        assert line.startswith("WARNING: run ") and "can't be read (Stale file handle); left out, and tried" in line
    assert last == "2 of the runs have no record: the same command tries them again"
    assert job(tmp_path, *SMALL) == 0
    assert "2 of 2 runs are done already, 0 to train" in capsys.readouterr().err, "nothing was lost"


def flip_a_bit(runs: Path) -> None:
    path = next(runs.glob("[0-9a-f]*/model.safetensors"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


LOSSES: dict[str, tuple[Callable[[Path], object], str, int]] = {
    "all records": (lambda runs: [shutil.rmtree(path) for path in runs.glob("[0-9a-f]*")], "no record in ", 2),
    "one record": (lambda runs: shutil.rmtree(next(runs.glob("[0-9a-f]*"))), "no record in ", 1),
    "a bit of weights": (flip_a_bit, "model.safetensors does not match its checksum: it was changed or damaged", 1),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has the runs, so that the jobs train nothing."""
    folder = tmp_path_factory.mktemp("trained")
    assert job(folder, *SMALL) == 0
    return folder / "runs"


def job_that_loses(lose: Callable[[Path], object], trained: Path, folder: Path) -> int:
    shutil.copytree(trained, folder / "runs")

    def measure(*unused: object) -> tuple[str, int]:
        lose(folder / "runs")
        return "", 0

    with patch("bench.job.perform.speed_of", measure):
        return job(folder, *SMALL)


@pytest.mark.parametrize("what", LOSSES)
def test_what_is_lost_after_it_was_counted_is_said_and_is_no_success(
    what: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """While speeds are measured, say, or figures drawn: what is in the store at the very end counts."""
    lose, problem, lost = LOSSES[what]
    assert job_that_loses(lose, trained, tmp_path) == 1
    *_, warning, last = capsys.readouterr().err.splitlines()
    assert warning.startswith("WARNING: run ") and problem in warning
    assert warning.endswith(": lost since it ended, and done again by the same command")
    have, them = ("has", "it") if lost == 1 else ("have", "them")
    assert last == f"{lost} of the runs {have} no record: the same command tries {them} again"


def test_a_store_that_is_removed_meanwhile_is_said(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert job_that_loses(shutil.rmtree, trained, tmp_path) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"error: runs folder {tmp_path / 'runs'}: it is gone, with all that was in it")
