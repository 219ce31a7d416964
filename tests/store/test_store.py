"""The store: what is written comes back, what is damaged is found out, and nothing outside it is touched."""

from __future__ import annotations

import errno
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from archs.errors import UserError
from bench.spec.run import RunSpec
from bench.store import store as store_module
from bench.store.record import checksum
from bench.store.store import Damaged, Record, Store, Unwritable

SPEC = RunSpec(
    arch="cnn2", arch_fingerprint="a" * 16, task="classifier", dataset="digits", data_fingerprint="d" * 16,
    likelihood=None, seed=0, epochs=1, batch_size=8, lr=0.1, latent_dim=None, train_images=None, device="cpu", threads=1,
)  # fmt: skip
RECORD = Record(
    run_id=SPEC.run_id,
    spec=SPEC.content(),
    status="finished",
    metrics={"accuracy": 1 / 3, "odd": float("nan")},
    history=[{"epoch": 1, "train_loss": 0.1}],
    layers=[
        {"part": "encoder", "layer": "fc", "kind": "fc", "output_shape": "10", "weights": 3, "biases": 1, "macs": 3}
    ],
    environment={"torch": "2.11.0"},
)
FAILED = Record(RECORD.run_id, RECORD.spec, "failed", "ValueError: no")
ARRAYS = {"test_correct": np.array([True, False, True])}
WEIGHTS = bytes(range(256))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "runs")
    found.write(RECORD, ARRAYS, WEIGHTS)
    return found


def record_path(store: Store) -> Path:
    return store.folder / RECORD.run_id / "record.json"


def edit(store: Store, change: Callable[[dict[str, Any]], object], sign: bool = True) -> None:
    """Edits record.json by hand, as somebody would who also knows how to make the checksum."""
    content = json.loads(record_path(store).read_text())
    change(content)
    if sign:
        content.pop("checksum", None)
        content["checksum"] = checksum(content)
    record_path(store).write_text(json.dumps(content))


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


@pytest.mark.parametrize("name", ["record.json", "arrays.npz", "model.safetensors"])
def test_no_flipped_bit_goes_unnoticed(store: Store, name: str) -> None:
    path = store.folder / RECORD.run_id / name
    sound = path.read_bytes()
    for at in range(0, len(sound), max(1, len(sound) // 97)):
        for bit in (0, 6):
            broken = bytearray(sound)
            broken[at] ^= 1 << bit
            if name == "record.json" and same_json(broken, sound):
                continue  # a space that became another blank
            path.write_bytes(broken)
            with pytest.raises(Damaged, match=RECORD.run_id):
                store.load(RECORD.run_id).verify()
    path.write_bytes(sound)
    store.load(RECORD.run_id).verify()


def same_json(a: bytes, b: bytes) -> bool:
    try:
        return bool(repr(json.loads(a)) == repr(json.loads(b)))
    except ValueError:
        return False


@pytest.mark.parametrize("name", ["record.json", "arrays.npz", "model.safetensors"])
def test_no_truncated_or_missing_file_goes_unnoticed(store: Store, name: str) -> None:
    path = store.folder / RECORD.run_id / name
    for content in (path.read_bytes()[:-1], b""):
        path.write_bytes(content)
        with pytest.raises(Damaged):
            store.load(RECORD.run_id).verify()
    path.unlink()
    with pytest.raises(Damaged):
        store.load(RECORD.run_id).verify()


HAND_EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a better number": (lambda c: c["metrics"].update(accuracy=0.999), "does not match its checksum"),
    "another seed": (lambda c: c["spec"].update(seed=1), "does not match its checksum"),
    "no checksum": (lambda c: c.pop("checksum"), "does not match its checksum"),
    "a checksum of another kind": (lambda c: c.update(checksum=7), "does not match its checksum"),
}


@pytest.mark.parametrize("name", HAND_EDITS)
def test_an_edited_record_is_damaged(store: Store, name: str) -> None:
    change, expected = HAND_EDITS[name]
    edit(store, change, sign=False)
    one_line(store, expected)


SIGNED_EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "schema text": (lambda c: c.update(schema="2"), "schema '2', expected 1 to 2"),
    "schema true": (lambda c: c.update(schema=True), "schema True"),
    "schema zero": (lambda c: c.update(schema=0), "schema 0, expected 1 to 2"),
    "schema gone": (lambda c: c.pop("schema"), "schema None"),
    "another id": (lambda c: c.update(run_id="f" * 16), "describes run 'ffffffffffffffff'"),
    "a path for an id": (lambda c: c.update(run_id="../../etc"), "describes run '../../etc'"),
    "status": (lambda c: c.update(status="perfect"), "status is 'perfect', expected 'finished' or 'failed'"),
    "no status": (lambda c: c.pop("status"), "object missing required field `status`"),
    "a new field": (lambda c: c.update(folder="/etc"), "object contains unknown field `folder`"),
    "a hostile field": (lambda c: c.update({"\n\x1b[31m" + "x" * 500: 1}), "object contains unknown field `??[31mx"),
    "spec a list": (lambda c: c.update(spec=[]), "spec is []: expected `object`, got `array`"),
    "arch a number": (lambda c: c["spec"].update(arch=3), "spec: arch is 3: expected `str`, got `int`"),
    "no task": (lambda c: c["spec"].pop("task"), "spec: object missing required field `task`"),
    "no protocol": (lambda c: c["spec"].pop("protocol"), "spec: object missing required field `protocol`"),
    "seed text": (lambda c: c["spec"].update(seed="0"), "spec: seed is '0': expected `int`, got `str`"),
    "seed true": (lambda c: c["spec"].update(seed=True), "spec: seed is True: expected `int`, got `bool`"),
    "a metric of text": (lambda c: c["metrics"].update(accuracy="<b>"), "metric 'accuracy' is '<b>': expected `float`"),
    "a metric true": (lambda c: c["metrics"].update(accuracy=True), "metric 'accuracy' is True: expected `float`"),
    "a metric that no float can hold": (lambda c: c["metrics"].update(accuracy=10**400), "number out of range"),
    "an epoch of nothing": (lambda c: c["history"][0].update(epoch=None), "history[0][...]: expected `float`"),
    "begun once": (lambda c: c["environment"].update(begun="once"), "environment.begun is 'once': expected `float`"),
    "metrics a list": (lambda c: c.update(metrics=[1]), "metrics is [1]: expected `object`, got `array`"),
    "history of text": (lambda c: c.update(history=["x"]), "history[0] is 'x': expected `object`, got `str`"),
    "layers of text": (lambda c: c.update(layers=["x"]), "layers[0] is 'x': expected `object`, got `str`"),
    "a layer without weights": (lambda c: c["layers"][0].pop("weights"), "object missing required field `weights`"),
    "half a weight": (lambda c: c["layers"][0].update(weights=0.5), "layers[0].weights is 0.5: expected `int`"),
    "error a list": (lambda c: c.update(error=[]), "error is []: expected `str | null`, got `array`"),
    "environment null": (lambda c: c.update(environment=None), "environment is None: expected `object`, got `null`"),
    "a file elsewhere": (lambda c: c["files"].update({"../../x": {}}), "files: expected at most arrays.npz"),
    "half a character": (lambda c: c["spec"].update(arch="\ud800"), "holds a character that can't be written"),
}


@pytest.mark.parametrize("name", SIGNED_EDITS)
def test_an_edit_with_a_valid_checksum_still_has_to_make_sense(store: Store, name: str) -> None:
    change, expected = SIGNED_EDITS[name]
    edit(store, change)
    one_line(store, expected)


RAW = {
    "nothing": (b"", "is not JSON"),
    "half": (b'{"schema": 2, "run_id"', "is not JSON"),
    "another encoding": ("{}".encode("utf-16"), "is not JSON"),
    "a list": (b"[]", "holds a list, expected an object"),
    "a bottomless list": (b"[" * 100_000, "is not JSON (RecursionError"),
    "a bottomless spec": (b'{"schema": 2, "spec":' + b"[" * 900 + b"]" * 900 + b"}", "does not match its checksum"),
    "an endless number": (b'{"schema": ' + b"1" * 10_000 + b"}", "is not JSON"),
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_are_no_record(store: Store, name: str) -> None:
    content, expected = RAW[name]
    record_path(store).write_bytes(content)
    one_line(store, expected)


def one_line(store: Store, expected: str) -> None:
    with pytest.raises(Damaged) as caught:
        store.load(RECORD.run_id)
    assert expected in str(caught.value)
    assert RECORD.run_id in str(caught.value)
    assert "\n" not in str(caught.value)
    assert store.status(RECORD.run_id) is None


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
    edit(store, lambda content: content["files"].update({"arrays.npz": store_module.note(buffer.getvalue())}))
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
