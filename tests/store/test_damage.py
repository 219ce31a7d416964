"""What is damaged in a store is found out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.store.record import verified_content
from bench.store.store import Damaged, Store
from tests.store.one_run import ARRAYS, RECORD, WEIGHTS, edit, record_path

WITHOUT_NAN = dataclasses.replace(RECORD, metrics={"accuracy": 1 / 3})


@pytest.fixture(params=[RECORD, WITHOUT_NAN], ids=["read in the general way", "read in the quick way"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    found = Store(tmp_path / "runs")
    found.write(request.param, ARRAYS, WEIGHTS)
    content = verified_content(record_path(found).read_bytes())
    assert (content is not None) == (request.param is WITHOUT_NAN)
    return found


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
    "no arch": (lambda c: c["spec"].pop("arch"), "spec: object missing required field `arch`"),
    "no spec": (lambda c: c.update(spec={}), "spec: object missing required field `arch`"),
    "a rate of nothing": (
        lambda c: c["spec"].update(lr=float("nan")),
        "spec: lr is nan, expected a number from 0",
    ),
    "a seed of 40 digits": (lambda c: c["spec"].update(seed=10**40), "spec: seed"),
    "no macs": (lambda c: c["layers"][0].pop("macs"), "object missing required field `macs`"),
    "macs below nothing": (lambda c: c["layers"][0].update(macs=-1), "layers[0].macs is -1: expected `int` >= 0"),
    "a part of a number": (lambda c: c.update(spec={"part": 7}), "spec: part is 7: expected `str`, got `int`"),
    "a file of no size": (lambda c: c["files"]["arrays.npz"].pop("bytes"), "object missing required field `bytes`"),
    "a file of half a byte": (lambda c: c["files"]["arrays.npz"].update(bytes=0.5), "expected `int`, got `float`"),
    "seed text": (lambda c: c["spec"].update(seed="0"), "spec: seed is '0': expected `int`, got `str`"),
    "seed true": (lambda c: c["spec"].update(seed=True), "spec: seed is True: expected `int`, got `bool`"),
    "a metric of text": (lambda c: c["metrics"].update(accuracy="<b>"), "metric 'accuracy' is '<b>': expected `float`"),
    "a metric true": (lambda c: c["metrics"].update(accuracy=True), "metric 'accuracy' is True: expected `float`"),
    "a metric that no float can hold": (lambda c: c["metrics"].update(accuracy=10**400), "number out of range"),
    "an epoch of nothing": (lambda c: c["history"][0].update(epoch=None), "history[0][...]: expected `float`"),
    "begun once": (lambda c: c["environment"].update(begun="once"), "environment.begun is 'once': expected `float`"),
    "a version of no text": (lambda c: c["environment"].update(torch=2.1), "torch is 2.1: expected `str | null`"),
    "half a worker": (lambda c: c["environment"].update(workers="2"), "workers is '2': expected `int | null`"),
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
def test_bytes_that_are_no_record_are_damage(store: Store, name: str) -> None:
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
