"""Files that are none, are too large, can't be read or can't be written: nothing waits, nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archs.errors import UserError
from bench.launchers.admission import why_not_start
from bench.store import record as record_module
from bench.store import store as store_module
from bench.store.claims import Claims
from bench.store.files import read_file, replace_file
from bench.store.inventory import inventory, unsound
from bench.store.record import Damaged, Unreadable
from bench.store.store import Store, Unwritable
from bench.worker.site import Site
from reports.reading.arrays import each_array
from tests.store.one_run import ARRAYS, RECORD, SPEC, WEIGHTS, record_path


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_sparse_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3_000_000_000)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "not a regular file"),
    "a device without end": (a_device, "not a regular file"),
    "a folder": (Path.mkdir, "Is a directory"),
    "three gigabytes": (a_sparse_file, "3,000,000,000 bytes, more than the "),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_neither_waited_for_nor_read(name: str, tmp_path: Path) -> None:
    make, reason = NO_FILES[name]
    make(tmp_path / "it")
    with pytest.raises(OSError) as caught:
        read_file(tmp_path / "it")
    assert str(caught.value.strerror).startswith(reason)


@pytest.mark.parametrize("name", NO_FILES)
@pytest.mark.parametrize("file", ["record.json", "arrays.npz", "model.safetensors"])
def test_what_is_no_file_is_damage_of_a_record(name: str, file: str, store: Store) -> None:
    make, reason = NO_FILES[name]
    path = record_path(store).with_name(file)
    path.unlink()
    make(path)
    with pytest.raises(Damaged) as caught:
        store.load(RECORD.run_id).verify()
    assert f"{path} can't be read ({reason}" in str(caught.value) and not isinstance(caught.value, Unreadable)
    assert inventory([SPEC], str(store.folder)) == {}
    assert len(list((store.folder / ".damaged").iterdir())) == 1


def test_arrays_that_would_fill_the_memory_are_not_unpacked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(store.folder)
    store.write(RECORD, {"test_correct": np.zeros(1_000_000)}, WEIGHTS)
    monkeypatch.setattr(record_module, "MOST_BYTES", 100_000)
    with pytest.raises(Damaged, match=r"holds no arrays \(ValueError: 8,000,128 bytes unpacked, more than the 100,000"):
        store.load(RECORD.run_id).arrays()


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("test_correct", np.zeros((2, 3)), "'test_correct' has the shape [2, 3], expected [N]"),
        ("test_correct", np.zeros(0), "'test_correct' has the shape [0], expected [N]"),
        ("prior", np.zeros((3, 28, 27)), "'prior' has the shape [3, 28, 27], expected [N, 28, 28]"),
        ("kl_per_dim", np.array(1.0), "'kl_per_dim' has the shape [], expected [N]"),
        ("mine", np.array(["text"]), "'mine' expected numbers"),
    ],
)
def test_arrays_of_an_odd_shape_are_damage(name: str, array: np.ndarray, said: str, store: Store) -> None:
    shutil.rmtree(store.folder)
    store.write(RECORD, {name: array}, WEIGHTS)
    with pytest.raises(Damaged) as caught:
        store.load(RECORD.run_id).arrays()
    assert said in str(caught.value)


def test_arrays_that_are_put_together_have_one_shape(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.write(RECORD, {"test_correct": np.zeros(2)}, WEIGHTS)
    both = [store.load(RECORD.run_id), other.load(RECORD.run_id)]
    assert len(list(each_array(both[:1], "test_correct"))) == 1
    with pytest.raises(UserError, match=r"test_correct has the shapes \[2\] and \[3\]; expected the same"):
        list(each_array(both, "test_correct"))


@pytest.mark.parametrize("file", ["record.json", "arrays.npz"])
def test_a_record_that_may_not_be_read_is_neither_set_aside_nor_trained_again(
    file: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights, or a file system that is away, say nothing of what is in it. (Whoever tests this may read all.)"""

    def refuse(path: Any, *most: int) -> bytes:
        if str(path).endswith(file):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return read_file(path, *most)

    for module in (store_module, record_module):
        monkeypatch.setattr(module, "read_file", refuse)
    said = f"{record_path(store).with_name(file)} can't be read (Permission denied)"
    with pytest.raises(UserError) as caught:
        inventory([SPEC], str(store.folder))
    assert said in str(caught.value)
    assert str(caught.value).endswith("; make it readable, or move it away")
    with pytest.raises(Unreadable):
        store.set_aside(RECORD.run_id)
    assert said in unsound([SPEC], str(store.folder))[RECORD.run_id]
    if file == "record.json":
        with pytest.raises(Unwritable, match="Permission denied"):
            why_not_start(SPEC, Site(str(store.folder), ""), Claims(), {})
        with pytest.raises(Unwritable, match="Permission denied"):
            store.write(RECORD, ARRAYS, WEIGHTS)
        assert store.records(damaged=lambda error: None) == [], "a page leaves it out"
    monkeypatch.undo()
    store.load(RECORD.run_id).verify()
    assert not (store.folder / ".damaged").exists()


def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "page", "the last one")

    def half(path: Path, content: str, **options: Any) -> None:
        path.write_bytes(content[:3].encode())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="No space left on device"):
        replace_file(tmp_path / "page", "a new one")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page").read_bytes() == b"the last one"


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "page").symlink_to(tmp_path / "far" / "page")
    replace_file(tmp_path / "page", "new")
    assert (tmp_path / "page").is_symlink()
    assert (tmp_path / "far" / "page").read_bytes() == b"new"
