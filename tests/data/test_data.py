"""Data sets: their splits, the checks of every header field, and what happens when MNIST can't be had."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from archs.errors import UserError
from bench.data import fetch
from bench.data.dataset import Dataset
from bench.data.datasets import is_complete, load
from bench.data.digits import digits, digits_rows, enlarge
from bench.data.locate import find_files
from tests.data.conftest import LABELS, TEST_IMAGES, TEST_LABELS, Write


def test_mnist_is_split_55000_5000_10000(mnist: Path) -> None:
    found = load("mnist", mnist)
    described = found.describe()
    assert (described.train_images, described.val_images, described.test_images) == (55_000, 5_000, 10_000)
    assert found.labels[:5].tolist() == [5, 0, 4, 1, 9]  # the first five of the published file
    assert found.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert found.fingerprint == load("mnist", mnist).fingerprint


def test_digits_need_no_file() -> None:
    first, again = digits(), digits()
    described = first.describe()
    assert (described.train_images, described.val_images, described.test_images) == (1_297, 200, 300)
    assert first.images.shape == (1_497, 28, 28)
    assert first.images.dtype == np.uint8
    assert first.images.max() > 240
    assert first.fingerprint == again.fingerprint
    assert np.array_equal(first.test_images, again.test_images)
    rows = digits_rows()  # in the order of the file, the last to test on
    assert [*first.labels, *first.test_labels] == rows[:, 64].tolist()


def made_up(count: int, held_out: int, in_blocks: bool) -> Dataset:
    images, labels = np.zeros((count, 28, 28), np.uint8), np.arange(count) % 10
    return Dataset("made-up", images, labels, images[:1], labels[:1], held_out, "", in_blocks)


@pytest.mark.parametrize("in_blocks", [False, True])
def test_a_split_has_every_image_once_and_depends_on_the_seed_alone(in_blocks: bool) -> None:
    data = made_up(1_000, 100, in_blocks)
    split = data.split(7)
    assert len(split.val) == 100
    assert sorted([*split.train, *split.val]) == list(range(1_000))
    assert all(
        np.array_equal(one, same) for one, same in zip(split, made_up(1_000, 100, in_blocks).split(7), strict=True)
    )
    assert set(split.val) != set(data.split(8).val)
    assert not np.array_equal(split.train, np.sort(split.train)), "so that the first of them are drawn too"


def test_the_split_of_a_seed_never_changes() -> None:
    """On any machine and with any version of NumPy: what a seed trains on is part of what it is."""
    assert made_up(12, 3, in_blocks=False).split(0).val.tolist() == [10, 1, 11]
    assert made_up(12, 3, in_blocks=True).split(0).val.tolist() == [7, 6, 8]


@pytest.mark.parametrize("in_blocks", [False, True])
def test_every_image_is_held_out_as_often_as_any_other(in_blocks: bool) -> None:
    data, seeds = made_up(40, 8, in_blocks), 2_000
    counts = np.bincount(np.concatenate([data.split(seed).val for seed in range(seeds)]), minlength=40)
    assert np.abs(counts - seeds / 5).max() < 5 * np.sqrt(seeds * 0.2 * 0.8)  # five standard deviations


def test_neighbours_of_the_file_are_held_out_together_where_they_belong_together() -> None:
    data = made_up(1_497, 200, in_blocks=True)
    for seed in range(20):
        held_out = np.sort(data.split(seed).val)
        gaps = np.diff([*held_out, held_out[0] + 1_497])  # round, as the file's end is followed by its beginning
        assert (gaps > 1).sum() == 1


def nearest_neighbour(test: np.ndarray) -> float:
    """The share of these rows of the digits that are of the same class as their nearest among the others."""
    rows = digits_rows()
    train = np.setdiff1d(np.arange(len(rows)), test)
    pixels = rows[:, :64]
    squares = (pixels**2).sum(1)
    distances = squares[test][:, None] + squares[train] - 2 * pixels[test] @ pixels[train].T
    return float((rows[train, 64][distances.argmin(1)] == rows[test, 64]).mean())


def test_digits_of_a_random_choice_are_easier_than_those_of_a_block() -> None:
    """Since the same writers are on both sides: why digits are split by blocks."""
    draw, count = np.random.default_rng(0), len(digits_rows())
    random = np.mean([nearest_neighbour(draw.permutation(count)[-300:]) for _ in range(20)])
    blocks = np.mean([nearest_neighbour(np.arange(first, first + 300)) for first in range(0, count - 299, 75)])
    last = nearest_neighbour(np.arange(count - 300, count))
    assert [random, blocks, last] == pytest.approx([0.990, 0.975, 0.947], abs=0.001)


def test_the_most_labels_are_those_that_each_seed_can_draw() -> None:
    data = made_up(1_000, 100, in_blocks=False)
    counts = [10 * np.bincount(data.labels[data.split(seed).train[:50]], minlength=10).min() for seed in range(5)]
    assert min(counts) < max(counts)
    assert data.max_balanced_labels(50, range(5)) == min(counts)


def test_enlarge_keeps_constants_and_corners() -> None:
    flat = np.full((1, 8, 8), 16.0)
    assert (enlarge(flat) == 255).all()
    corner = np.zeros((1, 8, 8))
    corner[0, 0, 0] = 16
    found = enlarge(corner)
    assert found[0, 0, 0] == 255
    assert found[0, 8:, 8:].max() == 0


CORRUPTIONS = {
    "truncated header": (lambda b: b[:7], "too few for its header"),
    "empty": (lambda b: b"", "can't be read"),
    "magic": (lambda b: b"\x01" + b[1:], "expected (2051, 10000, 28, 28)"),
    "count": (lambda b: b[:4] + struct.pack(">i", 9_999) + b[8:], "(2051, 9999, 28, 28)"),
    "rows": (lambda b: b[:8] + struct.pack(">i", 27) + b[12:], "(2051, 10000, 27, 28)"),
    "columns": (lambda b: b[:12] + struct.pack(">i", -28) + b[16:], "(2051, 10000, 28, -28)"),
    "truncated body": (lambda b: b[:-1], "bytes, expected 7840016"),
    "trailing byte": (lambda b: b + b"\0", "bytes, expected 7840016"),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_damaged_image_file_is_named_in_one_line(tmp_path: Path, write: Write, corruption: str) -> None:
    path = write() / TEST_IMAGES
    change, expected = CORRUPTIONS[corruption]
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))
    with pytest.raises(UserError) as caught:
        load("kmnist", tmp_path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_is_caught_by_the_checksum(tmp_path: Path, mnist: Path) -> None:
    for file, path in find_files("mnist", mnist.resolve()).raw.items():
        (tmp_path / file).symlink_to(path)
    content = bytearray((tmp_path / TEST_LABELS).read_bytes())
    content[5_000] ^= 1
    (tmp_path / TEST_LABELS).unlink()
    (tmp_path / TEST_LABELS).write_bytes(content)
    with pytest.raises(UserError, match="is not the published one of mnist: MD5"):
        load("mnist", tmp_path)
    seen_without = load("mnist", tmp_path, checksums=False).fingerprint
    assert seen_without != load("mnist", mnist).fingerprint, "workers hold the data to nothing else"


def test_a_label_above_nine_is_refused(tmp_path: Path, write: Write, arrays: dict[str, np.ndarray]) -> None:
    write(replaced={LABELS: np.append(arrays[LABELS][:-1], np.uint8(10))})
    with pytest.raises(UserError, match="holds label 10, expected 0 to 9"):
        load("kmnist", tmp_path)


def test_auto_falls_back_to_digits_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, data_dir: object, seconds: float) -> None:
        raise UserError("no network")

    monkeypatch.setattr(fetch, "download", refuse)
    found, warnings = fetch.load_or_download("auto", tmp_path)
    assert found.name == "digits"
    assert len(warnings) == 1
    assert "no network" in warnings[0]


def test_a_named_data_set_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, data_dir: object, seconds: float) -> None:
        raise UserError("no network")

    monkeypatch.setattr(fetch, "download", refuse)
    with pytest.raises(UserError, match="no network"):
        fetch.load_or_download("mnist", tmp_path)


def test_a_download_is_given_up_in_bounded_time_and_says_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch.download("kmnist", tmp_path, seconds=0.05)
    assert "took longer than 0 s" in str(caught.value)
    assert "--dataset digits" in str(caught.value)
    assert not list(tmp_path.iterdir())
    assert not is_complete("kmnist", tmp_path)


def test_an_unknown_data_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown data set 'mnits'; did you mean 'mnist'"):
        fetch.load_or_download("mnits", tmp_path)
