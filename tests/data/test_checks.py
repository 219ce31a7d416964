"""Data that are not the published ones: refused by checksum, and refused for good where they make no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archs.errors import UserError
from bench.data import published
from bench.data.checks import duplicates, md5_of
from bench.data.datasets import load
from bench.data.locate import find_files
from run_ablation import main
from tests.data.conftest import IMAGES, LABELS, TEST_IMAGES, TEST_LABELS, Write

Arrays = dict[str, np.ndarray]


def refused(folder: Path, accept: bool = True, name: str = "kmnist") -> str:
    """The message with which the data set is refused, which is one line."""
    with pytest.raises(UserError) as caught:
        load(name, folder, accept=accept)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", published.MD5)
def test_every_file_of_every_named_data_set_has_a_checksum(name: str) -> None:
    assert list(published.MD5[name]) == list(published.SHAPES)
    assert all(len(md5) == 32 and int(md5, 16) for md5 in published.MD5[name].values())


def test_a_checksum_belongs_to_one_file_of_one_data_set() -> None:
    every = [md5 for files in published.MD5.values() for md5 in files.values()]
    assert len(set(every)) == len(every) == 12


@pytest.mark.parametrize("name, folder", [("kmnist", "KMNIST/raw"), ("fashion_mnist", "FashionMNIST/raw")])
def test_files_that_nobody_published_are_refused_with_both_checksums(
    tmp_path: Path, write: Write, name: str, folder: str
) -> None:
    raw = write(folder)
    found = md5_of((raw / IMAGES).read_bytes())
    assert refused(tmp_path, accept=False, name=name) == (
        f"data file {raw / IMAGES} is not the published one of {name}: MD5 {found}, "
        f"expected {published.MD5[name][IMAGES]}; move it away to download it again, or name another folder with "
        "--data-dir, or use it as it is with --accept-data"
    )


def test_accepted_files_are_used_and_named_to_the_reader(tmp_path: Path, write: Write, arrays: Arrays) -> None:
    raw = write()
    found = load("kmnist", tmp_path, accept=True)
    assert np.array_equal(found.test_images, arrays[TEST_IMAGES])
    (remark,) = found.remarks
    assert remark.startswith("not the published files of kmnist: train-images-idx3-ubyte (MD5 ")
    assert all(f"{path.name} (MD5 {md5_of(path.read_bytes())})" in remark for path in raw.iterdir())
    assert found.describe().as_dict()["remarks"] == (remark,)


def test_published_files_need_no_flag_and_no_remark(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write()
    sums = {path.name: md5_of(path.read_bytes()) for path in raw.iterdir()}
    monkeypatch.setitem(published.MD5, "kmnist", sums)
    assert load("kmnist", tmp_path).remarks == ()


def test_transposed_images_are_not_the_published_ones(
    tmp_path: Path, write: Write, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else tells them from sound ones."""
    raw = write(replaced={TEST_IMAGES: arrays[TEST_IMAGES].transpose(0, 2, 1)})
    sums = {path.name: md5_of(path.read_bytes()) for path in raw.iterdir() if path.name != TEST_IMAGES}
    monkeypatch.setitem(published.MD5, "kmnist", {**published.MD5["kmnist"], **sums})
    assert f"{raw / TEST_IMAGES} is not the published one of kmnist" in refused(tmp_path, accept=False)
    (remark,) = load("kmnist", tmp_path, accept=True).remarks
    assert remark.startswith(f"not the published files of kmnist: {TEST_IMAGES} (MD5 ")
    assert remark.count("MD5") == 1


@pytest.mark.parametrize("accept", [False, True])
def test_files_of_another_data_set_are_never_accepted(
    tmp_path: Path, write: Write, accept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write()
    monkeypatch.setitem(published.MD5["mnist"], TEST_LABELS, md5_of((raw / TEST_LABELS).read_bytes()))
    monkeypatch.setitem(published.MD5["kmnist"], IMAGES, md5_of((raw / IMAGES).read_bytes()))
    monkeypatch.setitem(published.MD5["kmnist"], LABELS, md5_of((raw / LABELS).read_bytes()))
    monkeypatch.setitem(published.MD5["kmnist"], TEST_IMAGES, md5_of((raw / TEST_IMAGES).read_bytes()))
    assert refused(tmp_path, accept=accept) == (
        f"data file {raw / TEST_LABELS} is {TEST_LABELS} of the data set mnist, expected {TEST_LABELS} of kmnist; "
        "name another folder with --data-dir, or another data set with --dataset"
    )


@pytest.mark.parametrize("arguments", [[], ["--accept-data"]], ids=str)
def test_mnist_in_the_folder_of_fashion_mnist_is_not_trained_as_that(
    arguments: list[str], tmp_path: Path, mnist: Path, capsys: pytest.CaptureFixture
) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file, path in find_files("mnist", mnist).raw.items():
        (raw / file).symlink_to(path.resolve())
    folders = ["--data-dir", str(tmp_path), "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert main(["--dataset", "fashion_mnist", *folders, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"error: data file {raw / IMAGES} is {IMAGES} of the data set mnist, expected {IMAGES} of fashion_mnist; "
        "name another folder with --data-dir, or another data set with --dataset"
    )
    assert not (tmp_path / "runs").exists()


def nonsense(kind: str, arrays: Arrays) -> tuple[str, np.ndarray]:
    """(file, content) of data that make no sense."""
    labels, test_labels, images, test_images = (arrays[file] for file in (LABELS, TEST_LABELS, IMAGES, TEST_IMAGES))
    blank = test_images.copy()
    blank[[17, 40]] = 128
    return {
        "constant labels": (TEST_LABELS, np.zeros_like(test_labels)),
        "constant training labels": (LABELS, np.full_like(labels, 3)),
        "a class less": (LABELS, np.where(labels == 7, 1, labels)),
        "labels from 1": (LABELS, labels + 1),
        "labels in order": (LABELS, np.sort(labels)),
        "rare class at the end": (LABELS, np.concatenate([np.where(labels == 7, 1, labels)[:-1], [7]])),
        "blank images": (IMAGES, np.zeros_like(images)),
        "two blank images": (TEST_IMAGES, blank),
        "one image": (TEST_IMAGES, np.broadcast_to(test_images[0], test_images.shape)),
    }[kind]


NONSENSE = {
    "constant labels": "holds no label 1, 2, 3, 4, 5, 6, 7, 8, 9; expected all of 0 to 9",
    "constant training labels": "holds no label 0, 1, 2, 4, 5, 6, 7, 8, 9; expected all of 0 to 9",
    "a class less": "holds no label 7; expected all of 0 to 9",
    "labels from 1": "holds label 10, expected 0 to 9",
    "labels in order": "holds no label 0, 1, 2, 3, 4, 5, 6, 7, 8 among its last 5,000, which are for validation",
    "rare class at the end": "holds no label 7 among its first 55,000, which are trained on",
    "blank images": "holds 60,000 blank images of 60,000, the first is image 0 (from 0)",
    "two blank images": "holds 2 blank images of 10,000, the first is image 17 (from 0)",
    "one image": "holds the same image 10,000 times",
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_what_makes_no_sense_is_refused_though_accepted(
    tmp_path: Path, write: Write, arrays: Arrays, kind: str
) -> None:
    file, content = nonsense(kind, arrays)
    raw = write(replaced={file: content})
    assert refused(tmp_path).startswith(f"data file {raw / file} {NONSENSE[kind]}")


def test_test_images_in_the_training_file_are_counted(tmp_path: Path, write: Write, arrays: Arrays) -> None:
    leaked = arrays[TEST_IMAGES].copy()
    leaked[:300] = arrays[IMAGES][:300]  # trained on
    leaked[300:320] = arrays[IMAGES][-20:]  # of the validation split
    leaked[9_000:9_005] = leaked[8_000]
    write(replaced={TEST_IMAGES: leaked})
    assert load("kmnist", tmp_path, accept=True).remarks[1:] == (
        "320 of 10,000 test images are among the training file's too",
        "5 of 10,000 test images repeat another test image",
    )


def test_duplicates_are_counted_by_hand() -> None:
    a, b, c = (np.full((2, 2), value, np.uint8) for value in (1, 2, 3))
    assert duplicates(np.stack([a, a]), np.stack([b, c])) == ()
    assert duplicates(np.stack([a, b]), np.stack([a, c, a])) == (
        "2 of 3 test images are among the training file's too",
        "1 of 3 test images repeats another test image",
    )
    shifted = np.array([[[1, 2], [3, 4]]], np.uint8), np.array([[[2, 3], [4, 1]]], np.uint8)
    assert duplicates(*shifted) == (), "the same bytes in another order"


def test_mnist_holds_no_duplicates(mnist: Path) -> None:
    assert load("mnist", mnist).remarks == ()
