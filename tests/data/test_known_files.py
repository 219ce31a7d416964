"""What a job knows of its data files: nobody hashes them twice, and nobody takes changed ones for those that were read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bench.data import dataset, datasets
from bench.data.datasets import load, raw_folder
from bench.data.known_files import KnownFiles, know, load_known, signature
from tests.data.test_data import write_family

NAME = "fashion_mnist"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    write_family(made, NAME)
    return made


def test_known_files_are_not_hashed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = know(NAME, str(folder))
    assert known is not None
    expected = load(NAME, folder)
    monkeypatch.setattr(datasets, "hashlib", None)
    monkeypatch.setattr(dataset, "hashlib", None)
    found = load_known(NAME, folder, known)
    assert found.fingerprint == expected.fingerprint == known.fingerprint
    assert (found.train_labels == expected.train_labels).all()


@pytest.mark.parametrize("change", ["a pixel", "another file in its place"])
def test_files_that_changed_since_are_read_anew(folder: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    known = know(NAME, str(tmp_path))
    assert known is not None
    file = raw_folder(NAME, tmp_path) / "t10k-images-idx3-ubyte"
    content, times = bytearray(file.read_bytes()), file.stat()
    content[-1] ^= 1
    if change == "a pixel":
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
    else:
        beside = file.with_name("new")
        beside.write_bytes(content)
        os.utime(beside, ns=(times.st_atime_ns, times.st_mtime_ns))
        beside.replace(file)
    found = load_known(NAME, tmp_path, known)
    assert found.fingerprint == load(NAME, tmp_path).fingerprint != known.fingerprint


def test_what_is_known_of_one_folder_says_nothing_of_another(folder: Path, tmp_path: Path) -> None:
    known = KnownFiles(NAME, str(tmp_path), signature(NAME, folder), "0" * 16)
    assert load_known(NAME, folder, known).fingerprint == load(NAME, folder).fingerprint


def test_nothing_is_known_of_what_can_not_be_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    file = raw_folder(NAME, tmp_path) / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    assert know(NAME, str(tmp_path)) is None
    assert know(NAME, str(tmp_path / "nowhere")) is None
    assert know("digits", str(folder)) is None
