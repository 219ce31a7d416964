"""Two writers of one run: whatever the order of their steps, a finished record stays."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bench.store.inventory import inventory
from bench.store.record import Record
from bench.store.store import Store
from tests.store.one_run import ARRAYS, FAILED, RECORD, SPEC, WEIGHTS, record_path


class Arrival:
    """A finished record that another writer publishes at the worst moment: between a look at what is there and what is
    done about it. Where writers wait for each other it arrives after that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, store: Store, look: int):
        self.looks, self.look, self.main = 0, look, threading.get_ident()
        self.writer = threading.Thread(target=store.write, args=(RECORD, ARRAYS, WEIGHTS))
        find = Store.find

        def found(own: Store, run_id: str) -> Record | None:
            try:
                return find(own, run_id)
            finally:
                self.arrive()

        monkeypatch.setattr(Store, "find", found)

    def arrive(self) -> None:
        if threading.get_ident() == self.main:
            self.looks += 1
            if self.looks == self.look:
                self.writer.start()
                self.writer.join(0.5)

    def is_over(self) -> bool:
        self.writer.join(30)
        return not self.writer.is_alive()


@pytest.mark.parametrize("there", ["failed", "damaged"])
def test_a_finished_record_that_arrives_amid_a_replacement_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    store = Store(tmp_path)
    store.write(FAILED)
    if there == "damaged":
        record_path(store).write_bytes(b"{")
    with monkeypatch.context() as patch:
        arrival = Arrival(patch, store, look=1)
        store.write(replace(FAILED, error="ValueError: again"))
        assert arrival.is_over()
    store.load(RECORD.run_id).verify()
    assert store.status(RECORD.run_id) == "finished"
    shelved = [json_or_none(path) for path in tmp_path.glob(".damaged/*/record.json")]
    assert shelved == ([None] if there == "damaged" else [])
    assert not list(tmp_path.glob(".repl*"))


def json_or_none(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


@pytest.mark.parametrize("look", [1, 2, 3])
def test_a_sound_record_that_arrives_while_a_job_takes_stock_is_not_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    store = Store(tmp_path)
    store.write(FAILED)
    record_path(store).write_bytes(b"{")
    with monkeypatch.context() as patch:
        arrival = Arrival(patch, store, look)
        inventory([SPEC], str(tmp_path))
        assert arrival.is_over()
    assert store.status(RECORD.run_id) == "finished"
    assert [json_or_none(path) for path in tmp_path.glob(".damaged/*/record.json")] == [None]
