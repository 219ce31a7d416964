"""Archives in a data folder are unpacked, verified, instead of downloading what is there."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from archs.errors import UserError
from bench.data import fetch, published, unpack
from bench.data.checks import md5_of
from bench.data.datasets import load
from bench.data.locate import find_files
from bench.data.published import SHAPES
from tests.data.conftest import TEST_IMAGES, TEST_LABELS, Write


@pytest.fixture(autouse=True)
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        pytest.fail("it downloads what is there")

    monkeypatch.setattr(fetch, "download", fail)


def packed(raw: Path, *files: str) -> Path:
    """Raw files replaced by their archives."""
    for file in files or SHAPES:
        (raw / f"{file}.gz").write_bytes(gzip.compress((raw / file).read_bytes(), compresslevel=0))
        (raw / file).unlink()
    return raw


@pytest.fixture
def raw(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up files, as if they were the published ones of KMNIST."""
    folder = write()
    monkeypatch.setitem(published.MD5, "kmnist", {file: md5_of((folder / file).read_bytes()) for file in SHAPES})
    return folder


def test_archives_are_unpacked_once_and_said_to_be(
    tmp_path: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fingerprint = load("kmnist", tmp_path).fingerprint
    packed(raw)
    found, warnings = fetch.load_or_download("kmnist", tmp_path)
    assert found.fingerprint == fingerprint
    assert warnings == []
    archives = ", ".join(f"{file}.gz" for file in SHAPES)
    assert capsys.readouterr().err == f"unpacking {archives} in {raw}\n"
    assert sorted(path.name for path in raw.iterdir()) == sorted([*SHAPES, *(f"{file}.gz" for file in SHAPES)])
    fetch.load_or_download("kmnist", tmp_path)
    assert capsys.readouterr().err == ""


def test_archives_that_lie_in_the_named_folder_itself_are_found(tmp_path: Path, raw: Path) -> None:
    packed(raw, TEST_LABELS)
    (raw / f"{TEST_LABELS}.gz").rename(raw / f"{TEST_LABELS.replace('-idx', '.idx')}.gz")
    fetch.load_or_download("kmnist", raw)
    assert (raw / TEST_LABELS).is_file()


def test_an_archive_of_something_else_is_refused_and_not_unpacked(tmp_path: Path, raw: Path) -> None:
    content = bytearray((raw / TEST_LABELS).read_bytes())
    content[5_000] ^= 1
    packed(raw, TEST_LABELS)
    (raw / f"{TEST_LABELS}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(UserError) as caught:
        fetch.load_or_download("kmnist", tmp_path)
    assert str(caught.value) == (
        f"data file {raw / TEST_LABELS}.gz, unpacked, is not the published one of kmnist: MD5 {md5_of(content)}, "
        f"expected {published.MD5['kmnist'][TEST_LABELS]}; move it away to download the data set, or name another "
        "folder with --data-dir, or use it as it is with --accept-data"
    )
    assert not (raw / TEST_LABELS).exists()
    _, warnings = fetch.load_or_download("kmnist", tmp_path, accept=True)
    assert warnings == [f"data set kmnist: not the published files of kmnist: {TEST_LABELS} (MD5 {md5_of(content)})"]


@pytest.mark.parametrize("damage", ["truncated", "empty", "another format"])
def test_a_damaged_archive_is_one_line(tmp_path: Path, raw: Path, damage: str) -> None:
    archive = packed(raw, TEST_IMAGES) / f"{TEST_IMAGES}.gz"
    whole = archive.read_bytes()
    archive.write_bytes({"truncated": whole[:5_000_000], "empty": b"", "another format": b"PK" + whole[2:]}[damage])
    said = f"data file {archive}(, unpacked, is not the published one| can't be unpacked)"
    with pytest.raises(UserError, match=said) as caught:
        fetch.load_or_download("kmnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(find_files("kmnist", tmp_path).missing) == [TEST_IMAGES], "nothing half unpacked"


def test_raw_files_go_before_archives_and_a_damaged_one_names_its_archive(tmp_path: Path, raw: Path) -> None:
    content = bytearray((raw / TEST_LABELS).read_bytes())
    packed(raw, TEST_LABELS)
    content[-1] = (content[-1] + 1) % 10
    (raw / TEST_LABELS).write_bytes(content)
    said = f"{TEST_LABELS} is not the published one .*; move it away to unpack {TEST_LABELS}.gz again"
    with pytest.raises(UserError, match=said):
        fetch.load_or_download("kmnist", tmp_path)
    (raw / TEST_LABELS).unlink()
    fetch.load_or_download("kmnist", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_said_to_be_one(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(raw, TEST_LABELS)

    def refuse(**options: object) -> None:
        raise OSError(30, "Read-only file system", options["dir"])

    monkeypatch.setattr(unpack.tempfile, "mkdtemp", refuse)  # who runs tests as root is refused nothing
    with pytest.raises(UserError, match=r"can't be unpacked there \(Read-only file system\); copy it into a folder"):
        fetch.load_or_download("kmnist", tmp_path)


def test_an_archive_under_a_raw_files_name_is_recognised(tmp_path: Path, raw: Path) -> None:
    packed(raw, TEST_LABELS)
    (raw / f"{TEST_LABELS}.gz").rename(raw / TEST_LABELS)
    with pytest.raises(UserError, match=f"{TEST_LABELS} is a gzip archive; add .gz to its name, and it is unpacked"):
        fetch.load_or_download("kmnist", tmp_path)


def test_mnist_is_unpacked_from_archives(tmp_path: Path, mnist: Path) -> None:
    """The real one, by its published checksums."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for file, path in find_files("mnist", mnist).raw.items():
        (folder / f"{file}.gz").write_bytes(gzip.compress(path.read_bytes(), compresslevel=0))
    found, warnings = fetch.load_or_download("auto", folder)
    assert (found.name, found.fingerprint, warnings) == ("mnist", load("mnist", mnist).fingerprint, [])
