"""The store: what is written comes back, and nothing outside it is touched."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from archs.errors import UserError
from bench.store import record as record_module
from bench.store import store as store_module
from bench.store.store import Damaged, Record, Store, Unwritable
from bench.trackers.mlflow import milliseconds
from tests.store.one_run import ARRAYS, FAILED, RECORD, WEIGHTS, edit, record_path


def test_what_is_written_comes_back(store: Store) -> None:
    found = store.load(RECORD.run_id)
    assert found.metrics["accuracy"] == 1 / 3
    assert np.isnan(found.metrics["odd"])
    assert (found.spec, found.history, found.layers) == (RECORD.spec, RECORD.history, RECORD.layers)
    assert found.arrays()["test_correct"].tolist() == [True, False, True]
    assert found.read("model.safetensors") == WEIGHTS
    assert [path.name for path in store.folder.iterdir()] == [RECORD.run_id]


def test_layout_and_order_of_keys_are_no_damage(store: Store) -> None:
    content = json.loads(record_path(store).read_text())
    record_path(store).write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert store.load(RECORD.run_id).status == "finished"


TEXTS = ['": "', '\\": "', "\n \t\x7f\x00", "5×5, 1→16 😀", "\\", '",', "{ }", "'", ""]
NUMBERS = [
    0.0,
    -0.0,
    1e-05,
    1e16,
    1e22,
    5e-324,
    1.7976931348623157e308,
    0.1 + 0.2,
    1 / 3,
    -105.29,
    10**15,
    2**63,
    2**64,
]


@pytest.mark.parametrize("error", TEXTS)
def test_the_quick_way_of_reading_and_the_general_one_find_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """Else a record would change with the way it is read, to the last digit and the order of its keys."""
    store = Store(tmp_path)
    metrics = {f"of {number!r} {error}": number for number in NUMBERS}
    store.write(dataclasses.replace(RECORD, error=error, metrics=metrics, history=[{error: 0.1}] * 2))
    assert record_module.verified_content(record_path(store).read_bytes()) is not None
    quick = store.load(RECORD.run_id)
    monkeypatch.setattr(record_module, "verified_content", lambda text: None)
    assert repr(store.load(RECORD.run_id)) == repr(quick)
    assert {name: repr(value) for name, value in quick.metrics.items()} == {k: repr(v) for k, v in metrics.items()}


def test_a_record_of_schema_1_is_still_read(store: Store) -> None:
    def backwards(content: dict[str, Any]) -> None:
        content.update(schema=1)
        del content["files"], content["checksum"]

    edit(store, backwards, sign=False)
    found = store.load(RECORD.run_id)
    found.verify()
    assert found.arrays()["test_correct"].tolist() == [True, False, True]
    assert found.metrics["accuracy"] == 1 / 3


def test_a_record_of_a_newer_version_is_refused_and_never_replaced(store: Store) -> None:
    edit(store, lambda content: content.update(schema=3, news=[]))
    before = record_path(store).read_bytes()
    with pytest.raises(UserError, match="schema 3, from a newer version than this"):
        store.status(RECORD.run_id)
    with pytest.raises(UserError, match="schema 3"):
        store.write(RECORD)
    assert record_path(store).read_bytes() == before


@pytest.mark.parametrize(
    "run_id", ["../../etc/passwd", "..", "", "0123456789abcde", "0123456789abcdeF", "0" * 16 + "\n"]
)
def test_no_run_id_leads_out_of_the_store(store: Store, run_id: str) -> None:
    with pytest.raises(UserError, match="not a run id; expected 16 hex digits"):
        store.load(run_id)


def test_an_array_file_is_never_unpickled(store: Store) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, test_correct=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path = store.folder / RECORD.run_id / "arrays.npz"
    path.write_bytes(buffer.getvalue())
    edit(store, lambda content: content["files"].update({"arrays.npz": store_module.file_entry(buffer.getvalue())}))
    with pytest.raises(Damaged, match="holds no arrays"):
        store.load(RECORD.run_id).arrays()


def test_a_finished_run_is_never_overwritten_and_a_failed_one_is(store: Store) -> None:
    before = record_path(store).read_bytes()
    store.write(FAILED)
    assert record_path(store).read_bytes() == before
    shutil.rmtree(store.folder)
    store.write(FAILED)
    assert store.status(RECORD.run_id) == "failed"
    store.write(RECORD, ARRAYS, WEIGHTS)
    assert store.status(RECORD.run_id) == "finished"
    assert [path.name for path in store.folder.iterdir()] == [RECORD.run_id]


def test_a_damaged_record_is_set_aside_not_deleted(store: Store) -> None:
    for count in (1, 2):
        record_path(store).write_bytes(b"{")
        place = store.set_aside(RECORD.run_id)
        assert place == store.folder / ".damaged" / f"{RECORD.run_id}.{count}"
        assert (place / "record.json").read_bytes() == b"{"
        assert store.find(RECORD.run_id) is None
        store.write(RECORD, ARRAYS, WEIGHTS)
    record_path(store).unlink()  # a folder without a record is damaged as well; writing to its place sets it aside
    store.write(RECORD, ARRAYS, WEIGHTS)
    assert len(list((store.folder / ".damaged").iterdir())) == 3
    store.load(RECORD.run_id).verify()


def test_what_is_not_damaged_is_not_set_aside(store: Store) -> None:
    assert store.set_aside(RECORD.run_id) is None
    assert store.set_aside("0" * 16) is None
    store.load(RECORD.run_id).verify()
    assert [path.name for path in store.folder.iterdir()] == [RECORD.run_id]


def test_a_listing_names_what_is_damaged_and_goes_on(store: Store) -> None:
    (store.folder / ("0" * 16)).mkdir()
    with pytest.warns(UserWarning, match="run 0000000000000000: .* holds no record.json; left out"):
        frame = bench.load(store.folder)
    assert frame["run_id"].tolist() == [RECORD.run_id]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("fails_at", ["model.safetensors", "arrays.npz", "record.json"])
def test_a_write_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, fails_at: str
) -> None:
    write = store_module.write_file

    def failing(path: Path, content: bytes) -> None:
        write(path, content[: len(content) // 2] if path.name == fails_at else content)
        if path.name == fails_at:
            raise OSError(code, "said the disk")

    monkeypatch.setattr(store_module, "write_file", failing)
    store = Store(tmp_path / "runs")
    with pytest.raises(Unwritable, match="said the disk") as caught:
        store.write(RECORD, ARRAYS, WEIGHTS)
    assert ("free some space" in str(caught.value)) == (code in (errno.ENOSPC, errno.EDQUOT))
    assert not list(store.folder.iterdir())


def test_a_store_inside_a_run_is_a_store_like_any_other(store: Store) -> None:
    inner = Store(store.folder / RECORD.run_id / "evaluations")
    other = Record("0" * 16, {"part": "probe", "run": RECORD.run_id}, "finished", metrics={"probe": 0.5})
    inner.write(other, ARRAYS)
    assert inner.load(other.run_id).metrics == {"probe": 0.5}
    store.load(RECORD.run_id).verify()
    assert store.run_ids() == [RECORD.run_id]


def test_no_run_ends_before_it_began(store: Store) -> None:
    """The clock may have been set back while it ran; how long it took is counted by one that nobody sets."""
    environment = {"begun": 1000.0, "evaluation_seconds": 2.5}
    for ended, shown in ((1060.0, 1060.0), (400.0, 1032.5), (None, None)):
        around = environment if ended is None else {**environment, "ended": ended}
        record = dataclasses.replace(RECORD, environment=around, metrics={"train_seconds": 30.0})
        shutil.rmtree(store.folder)
        store.write(record, ARRAYS, WEIGHTS)
        found = store.load(RECORD.run_id)
        assert found.ended == shown and milliseconds(found, "ended") == (None if shown is None else 1000 * shown)


def test_an_error_that_no_text_file_can_hold_is_kept_in_plain_characters(tmp_path: Path) -> None:
    """Else the record of a failure, which others' code may word as it likes, would be taken for a damaged one."""
    failed = dataclasses.replace(
        FAILED, error="ValueError: half \ud800 of it", environment={"traceback": ["\udcff"], "torch": "Grö\udfffe"}
    )
    store = Store(tmp_path)
    store.write(failed)
    found = store.load(failed.run_id)
    assert found.error == "ValueError: half ? of it"
    assert found.environment == {"traceback": ["?"], "torch": "Grö?e"}
