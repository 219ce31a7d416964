"""A broken file in `archs/` concerns nobody but who asks for what it declares: one line that names it, and no more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import archs
from archs.errors import UserError
from archs.registry import Registry, discover
from bench.job import listing
from run_ablation import main

ARCH = 'ARCH = Arch(name="mine-own", summary="s", source="t", encoder=encoder)\n'
GOOD = f"""from torch import nn
from archs.base import Arch


def encoder(in_channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(784 * in_channels, 8))


{ARCH}"""
FILE = "archs/mine.py"

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """Writes a file that is found as one of `archs/` is."""
    monkeypatch.setattr(archs, "__path__", [*archs.__path__, str(tmp_path)])
    before = set(sys.modules)

    def put(text: str | bytes, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    yield put
    for name in set(sys.modules) - before:
        if name.startswith("archs."):
            del sys.modules[name]
            vars(archs).pop(name.removeprefix("archs."), None)


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "syntax": (GOOD.replace("(in_channels):", "(in_channels)"), f"{FILE}, line 5: SyntaxError: expected ':'"),
    "import": (GOOD.replace("torch", "torhc", 1), f"{FILE}, line 1: ModuleNotFoundError: No module named 'torhc'"),
    "sibling": ("import cnn3\n", f"{FILE}, line 1: ModuleNotFoundError: No module named 'cnn3'"),
    "name": (GOOD.replace("encoder=encoder", "encoder=encodr"), f"{FILE}, line 9: NameError: name 'encodr' is not"),
    "raises": ("\nraise ValueError('two\\nlines')\n", f"{FILE}, line 2: ValueError: two lines"),
    "exits": ("import sys\nsys.exit(3)\n", f"{FILE}, line 2: SystemExit: 3"),
    "bytes": (GOOD.encode().replace(b"import", b"import \xe9", 1), f"{FILE}, line 1: SyntaxError: (unicode error) "),
    "null": (b"x = 1\0\n", f"{FILE}: SyntaxError: source code "),
    "lacks": (GOOD.replace('summary="s", ', ""), f"{FILE}, line 9: TypeError: Arch.__init__() missing 1 required"),
    "a dict": (GOOD.replace("ARCH = Arch(", "ARCH = dict("), f"{FILE}: ARCH is a dict of 4; expected ARCH = Arch("),
    "a class": (GOOD + "class Mine(Arch):\n    pass\n", f"{FILE}: Mine is a class; expected a value: ARCH = Arch("),
    "a list": (GOOD.replace("ARCH = Arch(", "ARCHS = [Arch(").rstrip() + "]\n", f"{FILE}: ARCHS is a list of 1; "),
    "built": (GOOD.replace("encoder=encoder", "encoder=encoder(1)"), f"{FILE}: mine-own: its encoder is a network"),
    "no function": (GOOD.replace("encoder=encoder", "encoder='x'"), f"{FILE}: mine-own: its encoder is a str; e"),
    "two arguments": (
        GOOD.replace("(in_channels):", "(in_channels, width):"),
        f"{FILE}: mine-own: its encoder is encoder(in_channels, width), which can't be called with one argument",
    ),
    "no name": (GOOD.replace('"mine-own"', '"Mine"'), f"{FILE}: 'Mine' is not a name; use a-z"),
    "no text": (GOOD.replace('summary="s"', "summary=None"), f"{FILE}: 'mine-own': its summary is None, expected text"),
    "settings": ("import torch\ntorch.set_default_dtype(torch.float64)\n", f"{FILE}, when it is loaded, changes "),
    "functions": ("import torch\ntorch.conv2d = None\n", f"{FILE}, when it is loaded, changes torch.conv2d for every"),
}  # fmt: skip


def refused(registry: Registry, *names: str) -> str:
    with pytest.raises(UserError) as raised:
        registry.resolve(names)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_named_where_it_is_asked_for_and_disturbs_nothing_else(put: Put, kind: str) -> None:
    text, said = BROKEN[kind]
    put(text)
    for _ in range(2):  # again in a process that has tried it
        registry = discover()
        assert registry.resolve(["cnn2", "cnn:depth=2"]).broken == ()
        assert refused(registry, "mine").startswith(said)
        assert refused(registry, "cnn2", "cnn2/mine+cnn3").startswith(said)
        (line,) = registry.load_installed()
        assert line.startswith(said)


@pytest.mark.parametrize("kind", ["syntax", "import", "name", "built"])
def test_it_is_found_by_the_name_that_it_would_declare(put: Put, kind: str) -> None:
    text, said = BROKEN[kind]
    put(text)
    assert refused(discover(), "mine-own").startswith(said)


def test_a_wildcard_that_could_mean_it_warns(put: Put) -> None:
    text, said = BROKEN["syntax"]
    put(text)
    registry = discover()
    found = registry.resolve(["*"])
    assert {"cnn2", "cnn3"} <= {arch.name for arch in found.archs}
    (line,) = found.broken
    assert line.startswith(said)
    assert registry.resolve(["cnn?"]).broken == ()
    assert refused(registry, "min*").startswith(said)


def test_a_name_taken_twice_is_nobody_s(put: Put) -> None:
    """The first thing that a copy of a file does."""
    put(GOOD.replace("mine-own", "cnn3"))
    registry = discover()
    for name in ("cnn3", "mine"):
        assert refused(registry, name) == f"{FILE}: the name 'cnn3' is taken by archs/cnn3.py; choose another name"
    assert [arch.name for arch in registry.resolve(["cnn2"]).archs] == ["cnn2"]


def test_a_broken_copy_takes_no_name_away(put: Put) -> None:
    put(BROKEN["syntax"][0].replace("mine-own", "cnn3"))
    assert [arch.name for arch in discover().resolve(["cnn3"]).archs] == ["cnn3"]


def test_a_mended_file_is_found(put: Put) -> None:
    put(BROKEN["syntax"][0])
    assert refused(discover(), "mine-own")
    path = put(GOOD)
    os.utime(path, (1, 1))  # another time than what Python has seen
    assert discover().resolve(["mine-own"]).archs


def test_what_python_can_t_import_is_named(put: Put) -> None:
    put(GOOD, "mine.v2.py")
    assert refused(discover(), "mine") == (
        "archs/mine.v2.py: Python imports no file that has a full stop in its name; rename it"
    )


def test_a_link_to_nothing_is_named(put: Put, tmp_path: Path) -> None:
    (tmp_path / "mine.py").symlink_to(tmp_path / "nothing.py")
    assert refused(discover(), "mine").startswith(f"{FILE}: ModuleNotFoundError: ")


def test_a_file_that_is_called_otherwise_than_what_it_declares_says_what_that_is(put: Put) -> None:
    put(GOOD)
    assert refused(discover(), "mine") == "unknown architecture 'mine'; archs/mine.py declares mine-own"


def test_list_warns_and_goes_on(put: Put, capsys: pytest.CaptureFixture) -> None:
    put(BROKEN["exits"][0])
    assert main(["--list"]) == 0
    shown = capsys.readouterr()
    assert "cnn2-k4" in shown.out
    assert shown.err == f"WARNING: {FILE}, line 2: SystemExit: 3; left out\n"


def test_list_says_where_a_builder_fails(put: Put, capsys: pytest.CaptureFixture) -> None:
    put(GOOD.replace("nn.Flatten()", "nn.Flaten()"))
    assert main(["--list"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WARNING: mine-own: AttributeError: module 'torch.nn' has no attribute 'Flaten'")
    assert " (archs/mine.py:6 in encoder); encoder(in_channels) is to return a torch.nn.Module whose forward" in line


def test_what_it_says_itself_is_not_said_to_be_an_error_of_ours(put: Put) -> None:
    put("from archs.errors import UserError\nraise UserError('needs numpy 3')\n")
    assert refused(discover(), "mine") == f"{FILE}, line 2: needs numpy 3"


FAMILY = """from archs.base import Family
FAMILY = Family(name="fam", summary="s", source="t", build=lambda options: {made})
"""


@pytest.mark.parametrize(
    "made, said",
    [
        (
            "1 / 0",
            "fam: can't be built with its options: ZeroDivisionError: division by zero (archs/mine.py:2 in <lambda>)",
        ),
        ("None", "fam: what builds a member returns None, expected an Arch"),
    ],
)
def test_a_family_that_can_t_be_built_is_one_line_and_leaves_the_others_in_the_list(
    put: Put, made: str, said: str
) -> None:
    put(FAMILY.format(made=made))
    registry = discover()
    assert refused(registry, "fam") == said
    table, problems = listing.listing(registry)
    assert "cnn2-k4" in table
    assert problems == [f"{FILE}: {said}"]
