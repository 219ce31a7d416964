"""A job whose records can't be read again when it has trained: it says so, and is no success."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.job import rounds
from bench.store.record import Damaged, Record
from bench.store.store import Store
from tests.job.test_job import job


class Lost(Store):
    """A store over the network that went away when the runs had ended."""

    def find(self, run_id: str) -> Record | None:
        raise Damaged(f"run {run_id}: {self.folder / run_id / 'record.json'} can't be read (Stale file handle)")


def test_records_that_can_t_be_read_again_are_said_and_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    small = ["--archs", "mlp", "--tasks", "classifier", "--seeds", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "Store", Lost)
        assert job(tmp_path, *small) == 1
    *_, first, second, last = capsys.readouterr().err.splitlines()
    for line in (first, second):
        assert line.startswith("WARNING: run ") and "can't be read (Stale file handle); left out, and tried" in line
    assert last == "2 of the runs have no record: the same command tries them again"
    assert job(tmp_path, *small) == 0
    assert "2 of 2 runs are done already, 0 to train" in capsys.readouterr().err, "nothing was lost"
