"""What is read of a large store: no more than what was asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import bench
from archs.errors import UserError
from bench.store.inventory import inventory
from bench.store.record import Record
from bench.store.store import Store
from tests.store.one_run import RECORD, SPEC

RUNS = [dataclasses.replace(SPEC, seed=seed) for seed in range(30)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "runs")
    for run in RUNS:
        found.write(dataclasses.replace(RECORD, run_id=run.run_id, spec=run.content()))
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the records that were read since, in their order."""
    ids: list[str] = []
    find = Store.find

    def found(own: Store, run_id: str) -> Record | None:
        ids.append(run_id)
        return find(own, run_id)

    monkeypatch.setattr(Store, "find", found)
    return ids


def test_a_job_reads_the_records_of_its_own_runs_alone(store: Store, read: list[str]) -> None:
    assert len(inventory(RUNS[:10], str(store.folder))) == 10
    assert read == [run.run_id for run in RUNS[:10]]


@pytest.mark.parametrize("table", ["runs", "history", "summary", "layers"])
def test_a_table_reads_each_record_once(store: Store, read: list[str], table: str) -> None:
    assert len(bench.load(store.folder, table))
    assert read == sorted(run.run_id for run in RUNS)


def test_an_unknown_table_reads_none(store: Store, read: list[str]) -> None:
    with pytest.raises(UserError, match="unknown table 'run'"):
        bench.load(store.folder, "run")
    assert read == []
