"""Plug-in files: each a module and a fingerprint of its own, wherever it lies and whatever it is called."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archs.errors import UserError
from archs.foreign.plugins import load_plugin
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from bench.launchers.ray_code import stage
from tests.conftest import ROOT

PLUGIN = """
from torch import nn
from archs.base import Arch
@imports

class Encoder(nn.Flatten):
    width = @width

def encoder(in_channels):
    @later
    return Encoder()

ARCH = Arch(name="@name", summary="a test", source="a test", encoder=encoder)
"""


def write(path: Path, *, name: str = "mine", width: str = "4", imports: str = "", later: str = "pass") -> Path:
    text = PLUGIN.replace("@imports", imports).replace("@later", later).replace("@width", width)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("@name", name), encoding="utf-8")
    return path


def helper(path: Path, width: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"WIDTH = {width}\n", encoding="utf-8")


def prints(*plugins: Path) -> dict[str, str]:
    found = discover(plugins).archs
    return {name: fingerprint(found[name]) for name in found.keys() - discover().archs.keys()}


def test_two_files_of_one_name_are_two_architectures(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a" / "my.py", name="one"), write(tmp_path / "b" / "my.py", name="two", width="8")
    found = discover([first, second]).archs
    assert (found["one"].encoder(1).width, found["two"].encoder(1).width) == (4, 8)  # type: ignore[attr-defined]
    before = prints(first, second)
    assert before["one"] != before["two"]
    assert prints(second, first) == before
    write(second, name="two", width="9")
    after = prints(first, second)
    assert after["one"] == before["one"]
    assert after["two"] != before["two"]


def test_a_file_that_is_moved_or_renamed_keeps_its_fingerprint(tmp_path: Path) -> None:
    known = prints(write(tmp_path / "my.py"))
    assert prints(write(tmp_path / "elsewhere" / "with space" / "my.py")) == known
    assert prints(write(tmp_path / "re.named-2.py")) == known


def test_the_layers_of_a_plugin_can_be_pickled_for_another_process(tmp_path: Path) -> None:
    for folder in "ab":
        made = discover([write(tmp_path / folder / "re.named.py")]).archs["mine"].encoder(1)
        assert type(pickle.loads(pickle.dumps(made))) is type(made)


def test_a_file_that_is_named_twice_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "my.py")
    (tmp_path / "link.py").symlink_to(path)
    monkeypatch.chdir(tmp_path)
    twice = [path, Path("my.py"), tmp_path / ".." / tmp_path.name / "my.py", tmp_path / "link.py"]
    assert list(prints(*twice)) == ["mine"]
    assert load_plugin(path) is load_plugin(Path("my.py"))
    assert stage(tmp_path / "staged", [str(path) for path in twice]) == ("plugins/0/my.py",)


def test_a_plugin_that_is_edited_while_the_process_lives_is_run_and_fingerprinted_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, found = tmp_path / "my.py", []
    for width in ("4", "5", "4"):  # within one second, of one size: a compiled copy would pass for current
        arch = discover([write(path, width=width)]).archs["mine"]
        found.append(fingerprint(arch))
        assert arch.encoder(1).width == int(width)  # type: ignore[attr-defined]
    assert found[0] == found[2] != found[1]
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("how", [{"imports": "from beside_it import WIDTH"}, {"later": "import beside_it"}])
def test_files_beside_a_plugin_can_be_imported_and_are_covered(tmp_path: Path, how: dict[str, str]) -> None:
    found, imports = [], how.get("imports", "")
    for folder, number in ((tmp_path / "a", 4), (tmp_path / "b", 55), (tmp_path / "c", 4)):
        helper(folder / "beside_it.py", number)
        (folder / "scipy.py").write_text("raise AssertionError('the installed one goes first')", encoding="utf-8")
        how = {**how, "imports": f"import scipy\n{imports}"}
        arch = discover([write(folder / "my.py", **how)]).archs["mine"]
        found.append(fingerprint(arch))
        arch.encoder(1)
        assert any(name.startswith("plugin_beside_it_") for name in sys.modules)
        assert fingerprint(arch) == found[-1], "whatever was imported by then"
    assert found[0] == found[2] != found[1]


def test_a_package_beside_a_plugin_is_covered_and_staged_with_its_init(tmp_path: Path) -> None:
    path = write(tmp_path / "my.py", later="import beside_us.inner.widths")
    for name in ("beside_us/__init__", "beside_us/inner/__init__", "beside_us/inner/widths"):
        helper(tmp_path / f"{name}.py")
        (tmp_path / f"{name}_unused.py").touch()
    found = [prints(path)["mine"]]
    for name in ("beside_us/__init__", "beside_us/inner/__init__", "beside_us/inner/widths"):
        helper(tmp_path / f"{name}.py", 5)
        found.append(prints(path)["mine"])
    assert len(set(found)) == 4
    (staged,) = stage(tmp_path / "staged", [str(path)])
    there = (tmp_path / "staged" / staged).parent
    assert sorted(str(file.relative_to(there)) for file in there.rglob("*.py")) == [
        "beside_us/__init__.py", "beside_us/inner/__init__.py", "beside_us/inner/widths.py", "my.py"
    ]  # fmt: skip


def test_a_package_as_a_plugin_keeps_its_fingerprint_when_moved(tmp_path: Path) -> None:
    found = []
    for folder, width in (("a", 4), ("b", 5), ("c", 4)):
        helper(tmp_path / folder / "parts.py", width)
        found.append(
            prints(write(tmp_path / folder / "__init__.py", imports="from .parts import WIDTH", width="WIDTH"))
        )
    assert found[0] == found[2] != found[1]


def test_a_plugin_that_imports_the_harness_is_the_same_in_its_folder_and_elsewhere(tmp_path: Path) -> None:
    checkout, imports = tmp_path / "checkout", "from bench.spec.run import PROTOCOL"
    for room in ("archs", "bench"):
        shutil.copytree(ROOT / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
    plugins = [write(folder / "my.py", imports=imports) for folder in (checkout, tmp_path / "elsewhere")]
    code = (
        "import sys; from archs.registry import discover; from archs.identity.fingerprint import fingerprint\n"
        "print(len({fingerprint(discover([path]).archs['mine']) for path in sys.argv[1:]}))"
    )
    assert subprocess.check_output([sys.executable, "-c", code, *plugins], cwd=checkout, text=True) == "1\n"


def test_an_error_in_a_plugin_names_its_line_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.py").write_text("\n\nraise ValueError('no')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"plug-in my\.py, line 3: ValueError: no"):
        discover(["my.py"])


def test_a_link_that_leads_to_no_python_file_is_one_line(tmp_path: Path) -> None:
    blob = write(tmp_path / "5f3c")
    (tmp_path / "mine.py").symlink_to(blob)
    (tmp_path / "loop.py").symlink_to("loop.py")
    for name, expected in {
        "mine.py": f"not a Python file; the name of {blob}, to which it leads, must end in .py",
        "loop.py": "no such file",
        "nowhere.py": "no such file",
    }.items():
        plugin = str(tmp_path / name)
        for use in (lambda path: discover([path]), lambda path: stage(tmp_path / "staged", [path])):
            with pytest.raises(UserError) as caught:
                use(plugin)
            assert str(caught.value).startswith(f"plug-in {plugin}: {expected}")


def test_a_link_to_a_plugin_is_that_plugin(tmp_path: Path) -> None:
    plugin = write(tmp_path / "store" / "mine.py", imports="import beside_it")
    (tmp_path / "store" / "beside_it.py").write_text("", encoding="utf-8")
    (tmp_path / "other.py").symlink_to(plugin)
    by_link, by_name = (discover([path]).archs["mine"] for path in (tmp_path / "other.py", plugin))
    assert fingerprint(by_link) == fingerprint(by_name)
    assert list(discover([tmp_path / "other.py", plugin]).archs).count("mine") == 1
