"""Where data files may lie, what a download goes into, and how a folder that holds none is answered."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archs.errors import UserError
from bench import verify
from bench.data import fetch
from bench.data.datasets import is_complete, load
from bench.data.locate import find_files, home
from bench.data.published import SHAPES
from bench.job import options
from bench.spec.paths import data_dir
from tests.data.conftest import IMAGES, LABELS, TEST_IMAGES, TEST_LABELS, Write


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or SHAPES:
        (folder / name).touch()
    return folder


LAYOUTS = {
    "torchvision's": ("data", "data/MNIST/raw"),
    "the folder itself": ("data/MNIST/raw", "data/MNIST/raw"),
    "the folder above it": ("data/MNIST", "data/MNIST/raw"),
    "without raw": ("data", "data/MNIST"),
    "the folder of the files": ("digits-of-mine", "digits-of-mine"),
    "lower case": ("data", "data/mnist/raw"),
    "lower case, without raw": ("data", "data/mnist"),
    "within raw": ("elsewhere", "elsewhere/raw"),
    "a root of the same name": ("mnist", "mnist/MNIST/raw"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_are_found_in_every_usual_layout(tmp_path: Path, layout: str) -> None:
    data_dir, folder = LAYOUTS[layout]
    raw = touch(tmp_path / folder)
    assert find_files("mnist", tmp_path / data_dir).raw == {file: raw / file for file in SHAPES}
    assert is_complete("mnist", tmp_path / data_dir)


@pytest.mark.parametrize("folder", ["FashionMNIST/raw", "fashion_mnist", "fashion-mnist/raw", "Fashion-MNIST"])
def test_fashion_mnist_is_found_by_any_of_its_spellings(tmp_path: Path, folder: str) -> None:
    touch(tmp_path / folder)
    assert find_files("fashion_mnist", tmp_path).folder == tmp_path / folder
    assert not is_complete("kmnist", tmp_path)
    assert not is_complete("mnist", tmp_path)


@pytest.mark.parametrize("changed", [lambda name: name.replace("-idx", ".idx"), str.upper])
def test_other_spellings_of_file_names_are_known(tmp_path: Path, changed: object) -> None:
    assert callable(changed)
    touch(tmp_path, *map(changed, SHAPES))
    assert find_files("mnist", tmp_path).raw == {file: tmp_path / changed(file) for file in SHAPES}


def test_the_published_spelling_goes_first_and_folders_are_no_files(tmp_path: Path) -> None:
    touch(tmp_path, *SHAPES, TEST_LABELS.replace("-idx", ".idx"), TEST_LABELS.upper(), IMAGES.replace("-idx", ".idx"))
    (tmp_path / IMAGES).unlink()
    (tmp_path / IMAGES).mkdir()  # as one popular archive unpacks: a folder of the name, with the file in it
    found = find_files("mnist", tmp_path).raw
    assert found[TEST_LABELS] == tmp_path / TEST_LABELS
    assert found[IMAGES] == tmp_path / IMAGES.replace("-idx", ".idx")


def test_a_folder_named_for_the_data_set_goes_before_the_files_beside_it(tmp_path: Path) -> None:
    touch(tmp_path)  # of some other data set
    archives = touch(tmp_path / "KMNIST" / "raw", *(f"{file}.gz" for file in SHAPES))
    found = find_files("kmnist", tmp_path)
    assert found.folder == archives
    assert set(found.archives) == set(found.missing) == set(SHAPES)


def test_files_are_read_wherever_they_were_found(tmp_path: Path, write: Write) -> None:
    write("KMNIST/raw")
    by_name = load("kmnist", tmp_path, accept=True)
    flat = load("kmnist", tmp_path / "KMNIST" / "raw", accept=True)
    above = load("kmnist", tmp_path / "KMNIST", checksums=False)
    assert by_name.fingerprint == flat.fingerprint == above.fingerprint


HOMES = {
    "data": "data/MNIST/raw",
    "data/MNIST": "data/MNIST/raw",
    "data/MNIST/raw": "data/MNIST/raw",
    "data/raw": "data/raw/MNIST/raw",
    "mnist": "mnist/MNIST/raw",
    "data/KMNIST/raw": "data/KMNIST/raw/MNIST/raw",
}


@pytest.mark.parametrize("data_dir", HOMES)
def test_a_download_never_nests_the_data_sets_folder(tmp_path: Path, data_dir: str) -> None:
    assert home("mnist", tmp_path / data_dir) == tmp_path / HOMES[data_dir]


def test_a_relative_folder_is_known_by_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(touch(tmp_path / "MNIST" / "raw"))
    assert os.path.samefile(home("mnist", "."), tmp_path / "MNIST" / "raw")
    assert is_complete("mnist", ".")
    assert is_complete("mnist", "..")


def downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a download bring four small files."""

    def bring(name: str, scratch: str, seconds: float, signals: Sequence[int]) -> tuple[int, str]:
        for file in SHAPES:
            (touch(Path(scratch) / "MNIST" / "raw") / file).write_text("downloaded")
        return 0, ""

    monkeypatch.setattr(fetch, "run_downloader", bring)


def test_a_download_goes_into_the_folder_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded(monkeypatch)
    raw = tmp_path / "MNIST" / "raw"
    fetch.download("mnist", raw)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        raw.relative_to(tmp_path) / file for file in SHAPES
    )


def test_a_download_brings_what_is_missing_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    downloaded(monkeypatch)
    raw = touch(tmp_path / "MNIST" / "raw", IMAGES, TEST_LABELS)
    (raw / IMAGES).write_text("mine")
    fetch.download("mnist", tmp_path)
    contents = {file: (raw / file).read_text() for file in SHAPES}
    assert contents == {IMAGES: "mine", LABELS: "downloaded", TEST_IMAGES: "downloaded", TEST_LABELS: ""}
    assert f"({raw} lacks {LABELS}, {TEST_IMAGES})" in capsys.readouterr().err


def test_accepted_files_are_not_mixed_with_downloaded_ones(tmp_path: Path) -> None:
    raw = touch(tmp_path / "MNIST" / "raw", IMAGES, LABELS, TEST_IMAGES)
    with pytest.raises(UserError, match=f"--accept-data: {raw} lacks {TEST_LABELS}, and what is downloaded may not"):
        fetch.load_or_download("auto", tmp_path, accept=True)


def test_files_that_are_missing_are_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load("kmnist", tmp_path)
    assert str(caught.value) == (
        f"data file {tmp_path}/KMNIST/raw/{IMAGES} is missing; with --data-dir name the folder that holds KMNIST/raw, "
        "or the raw files of kmnist themselves"
    )
    touch(tmp_path / "KMNIST" / "raw", IMAGES, LABELS, TEST_IMAGES, f"{TEST_LABELS}.gz")
    with pytest.raises(UserError, match=f"data file .*{TEST_LABELS}.gz is not unpacked; use gunzip, or run_ablation"):
        load("kmnist", tmp_path)


@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_a_data_folder_that_is_a_file_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "mnist.zip").touch()
    with pytest.raises(UserError, match=r"data folder .*mnist.zip is a file; expected a folder that holds MNIST/raw"):
        fetch.load_or_download(name, tmp_path / "mnist.zip")


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels.idx1-ubyte.gz"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_file_without_an_end_is_named_and_not_read(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / name)
    with pytest.raises(UserError, match=f"^data file .*/{name} is a pipe or a device, which has no end; move it away"):
        find_files("mnist", tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)  # who runs tests as root is refused nothing
    with pytest.raises(UserError, match=r"data folder .* can't be read \(Permission denied\); name another one"):
        fetch.load_or_download("auto", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloaded(monkeypatch)
    (tmp_path / "MNIST").mkdir()
    (tmp_path / "MNIST" / "raw").symlink_to(tmp_path / "nowhere" / "raw")  # to a disk that is not mounted, say
    with pytest.raises(UserError, match=r"data folder .*MNIST/raw: File exists; name a writable one with --data-dir"):
        fetch.download("mnist", tmp_path)
    assert not list(tmp_path.glob(".download-*"))


@pytest.mark.parametrize("value, expected", [(None, "data"), ("", "data"), ("/somewhere", "/somewhere")])
def test_the_variable_names_the_folder_unless_it_is_empty(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str
) -> None:
    if value is None:
        monkeypatch.delenv("ABLATION_DATA", raising=False)
    else:
        monkeypatch.setenv("ABLATION_DATA", value)
    assert options.parse([]).data_dir == expected
    assert data_dir(verify.parser().parse_args(["0123"]).data_dir) == expected
