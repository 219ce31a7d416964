"""Architectures from installed packages: found by name, loaded only then, fingerprinted as a whole."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archs.errors import UserError
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from run_ablation import main

MODULE = """
from torch import nn
from archs.base import Arch
from .parts import WIDTH

def encoder(in_channels):
    return nn.Sequential(nn.Conv2d(in_channels, WIDTH, 3, stride=4), nn.ReLU(), nn.Flatten())

ARCH = Arch(name="NAME", summary="from a package", source="a test", encoder=encoder)
"""
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution into a folder on sys.path, as `pip install --target` does."""

    def put(
        name: str,
        arch: str,
        *,
        body: str = MODULE,
        width: int = 4,
        value: str = "archs_of_it",
        at: str = "site-packages",
    ) -> Path:
        folder = tmp_path / at
        package = name.replace("-", "_")
        (folder / package).mkdir(parents=True, exist_ok=True)
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
        (folder / package / "parts.py").write_text(f"WIDTH = {width}\n", encoding="utf-8")
        (folder / package / "archs_of_it.py").write_text(body.replace("NAME", arch), encoding="utf-8")
        about = folder / f"{package}-1.2.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
        (about / "top_level.txt").write_text(package + "\n", encoding="utf-8")
        (about / "entry_points.txt").write_text(
            f"[conv_ablation.archs]\n{arch} = {package}.{value}\n", encoding="utf-8"
        )
        for loaded in [key for key in sys.modules if key.partition(".")[0] == package]:
            del sys.modules[loaded]
        monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()
        return folder / package

    return put


@pytest.mark.parametrize("value", ["archs_of_it", "archs_of_it:ARCH"])
def test_a_package_is_loaded_when_its_name_is_asked_for_and_not_before(install: Install, value: str) -> None:
    install("pkg-for-test", "packaged", value=value)
    registry = discover()
    registry.resolve(["cnn2", "*"])
    assert "pkg_for_test" not in sys.modules
    assert "packaged" not in {arch.name for arch in registry.resolve(["*"]).archs}
    (arch,) = registry.resolve(["packaged"]).archs
    assert arch.summary == "from a package"
    assert "pkg_for_test.archs_of_it" in sys.modules
    assert registry.resolve(["packaged+cnn2"]).archs[0].name == "packaged+cnn2"
    assert "packaged" not in {arch.name for arch in registry.resolve(["*"]).archs}


def test_a_near_miss_of_a_package_s_name_is_suggested(install: Install) -> None:
    install("pkg-for-test", "packaged")
    with pytest.raises(UserError, match="unknown architecture 'packagd'; did you mean 'packaged'"):
        discover().resolve(["packagd"])


@pytest.mark.parametrize("at", ["site-packages", "elsewhere"])
def test_the_fingerprint_covers_every_file_of_the_package(install: Install, at: str) -> None:
    found = []
    for width in (4, 5, 4):
        install("pkg-for-test", "packaged", width=width, at=at)
        found.append(fingerprint(discover().resolve(["packaged"]).archs[0]))
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize(
    "body, said",
    [
        ("raise ValueError('two\\nlines')", "pkg_for_test.archs_of_it can't be loaded: ValueError: two lines"),
        ("import sys; sys.exit(3)", "can't be loaded: SystemExit: 3"),
        ("x = 1", "holds no Arch or Family of the name 'packaged'"),
        (MODULE.replace("NAME", "other"), "holds no Arch or Family of the name 'packaged'"),
    ],
)
def test_a_broken_package_is_one_line_where_it_is_asked_for_and_nothing_elsewhere(
    install: Install, body: str, said: str, capsys: pytest.CaptureFixture
) -> None:
    install("pkg-for-test", "packaged", body=body)
    assert discover().resolve(["cnn2"]).archs
    assert main(["--archs", "packaged"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: package pkg-for-test 1.2: ")
    assert said in line
    assert main(["--list"]) == 0
    shown = capsys.readouterr()
    assert "WARNING: package pkg-for-test 1.2: " in shown.err
    assert "cnn2" in shown.out


def test_a_name_taken_twice_is_an_error_where_it_is_asked_for(install: Install) -> None:
    install("pkg-for-test", "cnn2")
    with pytest.raises(UserError, match=r"the name 'cnn2' is taken by archs/cnn2.py and by package pkg-for-test 1.2"):
        discover().resolve(["cnn2"])
    assert discover().resolve(["cnn3"]).archs
    install("pkg-for-test", "packaged")
    install("pkg-for-test-two", "packaged")
    with pytest.raises(UserError, match=r"'packaged' is taken by package pkg-for-test.* and by package pkg-for-test"):
        discover().resolve(["packaged"])


def test_list_shows_the_architectures_of_packages(install: Install, capsys: pytest.CaptureFixture) -> None:
    install("pkg-for-test", "packaged")
    assert main(["--list"]) == 0
    assert "from a package" in capsys.readouterr().out
