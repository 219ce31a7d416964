"""An edit of anything that makes a network is a new run, wherever it stands; what is no edit is none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import archs
from archs.errors import UserError
from archs.foreign.plugins import load_plugin
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from bench.launchers.ray_code import stage
from tests.archs.identity.specimens import ARCH, FACTORY, SPECIMENS, edit, write
from tests.conftest import ROOT
from tests.job.test_job import job, records


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for plug-ins, with one on PYTHONPATH."""
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    yield tmp_path
    for name in [name for name in sys.modules if name.endswith("_for_test")]:
        del sys.modules[name]


def print_of(plugin: Path, name: str = "") -> str:
    registry = discover([plugin])
    return fingerprint(registry.resolve([name or plugin.parent.name]).archs[0])


def in_new_process(plugin: Path, *names: str) -> dict[str, str]:
    """Fingerprints as a process that has nothing loaded sees them, in this order."""
    code = (
        "import json, sys; from archs.registry import discover; from archs.identity.fingerprint import fingerprint\n"
        "plugin, elsewhere, *names = sys.argv[1:]; sys.path.insert(0, elsewhere); registry = discover([plugin])\n"
        "print(json.dumps({name: fingerprint(registry.resolve([name]).archs[0]) for name in names}))"
    )
    command = [sys.executable, "-c", code, str(plugin), str(plugin.parent.parent / "elsewhere"), *names]
    return json.loads(subprocess.check_output(command, cwd=ROOT, text=True))


@pytest.mark.slow
def test_every_edit_is_trained_and_nothing_else(folder: Path) -> None:
    plugins = [text for name in SPECIMENS for text in ("--plugin", str(write(name, folder)))]
    command = ["--archs", *SPECIMENS, *plugins, "--tasks", "classifier", "--seeds", "1", "--workers", "2"]
    for runs in (1, 1, 2):
        if runs == 2:
            for name in SPECIMENS:
                edit(name, folder)
        assert job(folder, *command) == 0
        assert Counter(record.spec["arch"] for record in records(folder)) == dict.fromkeys(SPECIMENS, runs)


@pytest.mark.parametrize("name", SPECIMENS)
def test_an_edit_is_another_fingerprint_in_the_same_process_too(folder: Path, name: str) -> None:
    plugin = write(name, folder)
    before = print_of(plugin)
    built = repr(discover([plugin]).archs[name].encoder(1))
    assert print_of(plugin) == before, "whatever was imported by then"
    edit(name, folder)
    if not SPECIMENS[name].edit[0].endswith(".py"):
        plugin.write_text(plugin.read_text(encoding="utf-8") + "# read it again\n", encoding="utf-8")
    assert print_of(plugin) != before
    after = repr(discover([plugin]).archs[name].encoder(1))
    assert (after != built) or name in ("constant", "numbers"), "the new code runs"


@pytest.mark.parametrize("name", SPECIMENS)
def test_code_that_is_moved_or_travels_to_a_node_keeps_its_fingerprint(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = write(name, folder)
    known = print_of(plugin)
    (staged,) = stage(folder / "staged", [str(plugin)])
    there = folder / "staged" / staged
    shutil.copytree(
        plugin.parent, there.parent, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py")
    )  # data files
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder / "elsewhere")])
    for module in [module for module in sys.modules if module.endswith("_for_test")]:
        del sys.modules[module]
    assert print_of(there, name) == known


@pytest.mark.slow
def test_other_processes_find_the_same_fingerprint_whatever_they_did_before(folder: Path) -> None:
    two = (
        "def one(in_channels):\n    import sys; sys.path.append(LIB)\n    from lib_for_test import WIDTH\n"
        "    from factory import make\n    return make(WIDTH)(in_channels)\n"
        "def other(in_channels):\n    return one(in_channels)\n"
        + ARCH.replace("NAME", "one").replace("BUILDER", "one")
        + ARCH.replace("ARCH", "TWO").replace("NAME", "other").replace("BUILDER", "other")
    )
    home, lib = folder / "two", folder / "two" / "lib"
    for path, text in {
        home / "my.py": f"LIB = {str(lib)!r}\n{two}",
        home / "factory.py": FACTORY,
        lib / "lib_for_test.py": "WIDTH = 8",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = ["--archs", "one", "other", "--plugin", str(home / "my.py"), "--tasks", "classifier", "--seeds", "1"]
    assert job(folder, *command, "--workers", "1") == 0, "what one builder imports makes no edit of the other"
    trained = {record.spec["arch"]: record.spec["arch_fingerprint"] for record in records(folder)}
    assert in_new_process(home / "my.py", "other", "one") == trained


def test_an_architecture_s_file_is_the_one_that_others_import_it_from(folder: Path) -> None:
    plugin = write("factory", folder)
    known = print_of(plugin)
    again = plugin.with_name("again.py")
    more = ARCH.replace("ARCH", "OWN").replace("NAME", "own").replace("BUILDER", "ARCH.encoder")
    again.write_text(f"from my import ARCH\nfrom archs.cnn2 import ARCH as CNN2\n{more}", encoding="utf-8")
    assert print_of(again, "factory") == known
    found = discover([plugin, again]).archs
    assert fingerprint(found["factory"]) == known
    assert fingerprint(found["cnn2"]) == fingerprint(discover().archs["cnn2"])


def test_a_crossing_is_edited_with_either_side(folder: Path) -> None:
    plugin = write("partial", folder)
    text = plugin.read_text(encoding="utf-8").replace("encoder=", "decoder=functools.partial(decoder), encoder=")
    plugin.write_text(f"from archs.cnn2 import decoder\n{text}", encoding="utf-8")
    before = {name: print_of(plugin, name) for name in ("partial+cnn3", "cnn3+partial", "cnn2+cnn3")}
    edit("partial", folder)
    after = {name: print_of(plugin, name) for name in before}
    assert [before[name] == after[name] for name in before] == [False, False, True]


def test_a_family_of_a_file_is_edited_with_it(folder: Path) -> None:
    plugin = write("factory", folder)
    plugin.write_text(
        "from archs.base import Arch, Family\nfrom factory import make\n"
        "def build(options):\n    width = int(options['w'])\n"
        "    return Arch(f'fam:w={width}', '', '', encoder=make(2 * width))\n"
        "FAMILY = Family(name='fam', summary='', source='', build=build)\n",
        encoding="utf-8",
    )
    before = [print_of(plugin, f"fam:w={width}") for width in (4, 5, 4)]
    assert before[0] == before[2] != before[1]
    plugin.write_text(plugin.read_text(encoding="utf-8").replace("2 * width", "3 * width"), encoding="utf-8")
    assert print_of(plugin, "fam:w=4") != before[0]


@pytest.fixture
def in_archs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files are files of archs/."""
    monkeypatch.setattr(archs, "__path__", [*archs.__path__, str(tmp_path / "archs")])
    (tmp_path / "archs").mkdir()
    return tmp_path / "archs" / "mine_for_test.py"


@pytest.mark.parametrize(
    "code, edited",
    [
        ("import functools\nfrom archs.pool4 import encoder\nBUILDER = functools.partial(encoder)\nWIDTH = 4", "5"),
        ("from archs import elsewhere_for_test as other\nBUILDER = other.make(4)", "5"),
        ("from elsewhere_for_test import make\nBUILDER = make(4)", "5"),
    ],
)
def test_a_file_of_archs_is_covered_whoever_defines_its_builders(
    folder: Path, in_archs: Path, code: str, edited: str
) -> None:
    for home in (in_archs.parent, folder / "elsewhere"):
        home.mkdir(exist_ok=True)
        (home / "elsewhere_for_test.py").write_text(FACTORY, encoding="utf-8")
    found = []
    for text in (code, code.replace("4)", f"{edited})").replace("= 4", f"= {edited}"), code):
        in_archs.write_text(f"{text}\n{ARCH.replace('NAME', 'mine')}", encoding="utf-8")
        for name in [name for name in sys.modules if name.endswith("_for_test")]:
            del sys.modules[name]
        found.append(fingerprint(discover().archs["mine"]))
    assert found[0] == found[2] != found[1]
    in_archs.unlink()


@pytest.mark.parametrize(
    "builder", ["nn.Flatten", "functools.partial(nn.Flatten)", "functools.cache(nn.Flatten)", "id"]
)
def test_a_builder_may_be_a_library_s(folder: Path, builder: str) -> None:
    plugin = write("factory", folder)
    found = []
    for text in (builder, "nn.Identity", builder):
        code = ARCH.replace("NAME", "factory").replace("BUILDER", text)
        plugin.write_text(f"import functools\nfrom torch import nn\n{code}", encoding="utf-8")
        found.append(print_of(plugin))
    assert found[0] == found[2] != found[1]


def test_two_modules_of_one_name_that_one_plugin_reaches_can_not_travel(folder: Path) -> None:
    plugin = write("on_path", folder)
    plugin.with_name("wider_for_test.py").write_text("WIDTH = 3\n", encoding="utf-8")
    plugin.write_text(f"import wider_for_test\n{plugin.read_text(encoding='utf-8')}", encoding="utf-8")
    assert load_plugin(plugin).wider_for_test.WIDTH == 3
    assert load_plugin(plugin).WIDTH == 8, "what a module elsewhere imports is what lies there"
    with pytest.raises(UserError, match=r"my.py: of two modules that it imports both would be wider_for_test.py"):
        stage(folder / "staged", [str(plugin)])
