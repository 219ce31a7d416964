"""Which task a file of one's own holds: what its fingerprint is of, and which names may be in how many files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from archs.errors import UserError
from archs.identity.fingerprint import read_module
from bench import tasks
from bench.launchers.ray_code import stage
from tests.tasks.denoising import DENOISE, forget


@pytest.fixture(autouse=True)
def fresh() -> None:
    forget()


def print_of(folder: Path, code: str, name: str = "mine") -> str | None:
    """The fingerprint of the task in a file with this code."""
    folder.mkdir()
    plugin = folder / f"{name}.py"
    plugin.write_text(code, encoding="utf-8")
    getattr(read_module, "cache_clear", lambda: None)()
    return tasks.fingerprint("denoise", tasks.registry([plugin]).plugins)


def test_a_fingerprint_is_of_the_code_and_not_of_what_is_shown(tmp_path: Path) -> None:
    first = print_of(tmp_path / "1", DENOISE)
    for number, (old, new) in enumerate(
        [("through noise", "through fog"), ("denoising error", "error"), ("A denoising", "The denoising"),
         ("digits=1", "digits=2"), ("margin=0.5", "margin=2.0"), ('label="denoiser"', 'label="D"')], start=2
    ):  # fmt: skip
        assert old in DENOISE
        assert print_of(tmp_path / str(number), DENOISE.replace(old, new)) == first, old
    for number, (old, new) in enumerate([("> 0)", "> 1)"), (".mean()", ".sum()"), ("28 * 28", "28 * 29")], start=20):
        assert print_of(tmp_path / str(number), DENOISE.replace(old, new)) != first, old
    assert print_of(tmp_path / "30", DENOISE, name="renamed") == first


def test_it_is_the_same_task_on_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the code of a job travels to, the plug-in and its helper lie elsewhere."""
    plugin = tmp_path / "home" / "mine.py"
    plugin.parent.mkdir()
    plugin.with_name("mask_of_mine.py").write_text("CUT = 0\n", encoding="utf-8")
    code = DENOISE.replace("import torch\n", "import torch\nfrom mask_of_mine import CUT\n", 1).replace(
        "> 0)", "> CUT)"
    )
    plugin.write_text(code, encoding="utf-8")

    def found(path: Path) -> str | None:
        forget()
        sys.modules.pop("mask_of_mine", None)
        with monkeypatch.context() as patched:
            patched.syspath_prepend(str(path.parent))
            return tasks.fingerprint("denoise", tasks.registry([path]).plugins)

    here = found(plugin)
    (name,) = stage(tmp_path / "away", [str(plugin)])
    there = tmp_path / "away" / name
    assert there.with_name("mask_of_mine.py").exists()
    assert (tmp_path / "away" / "bench" / "spec" / "builtin_tasks.json").exists()
    assert found(there) == here
    there.with_name("mask_of_mine.py").write_text("CUT = 1\n", encoding="utf-8")
    assert found(there) != here
    sys.modules.pop("mask_of_mine", None)


def test_helpers_are_a_task_s_own_and_covered_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = DENOISE.replace("import torch\n", "import torch\nfrom cut_of_mine import CUT\n", 1).replace("> 0)", "> CUT)")

    def written(folder: Path, cut: int, plugin: bool = True) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "cut_of_mine.py").write_text(f"CUT = {cut}\n", encoding="utf-8")
        if plugin:
            (folder / "mine.py").write_text(code.replace("denoise", folder.name), encoding="utf-8")
        return folder / "mine.py"

    def found(plugin: Path) -> str | None:
        forget()
        sys.modules.pop("cut_of_mine", None)
        return tasks.fingerprint(plugin.parent.name, tasks.registry([plugin]).plugins)

    plugins = [written(tmp_path / name, cut) for name, cut in (("hides", 1), ("masks", 2))]
    assert [module.CUT for module in tasks.registry(plugins).plugins.values()] == [1, 2]
    first = found(plugins[0])
    assert found(written(tmp_path / "hides", 3)) != first
    (tmp_path / "hides" / "cut_of_mine.py").unlink()
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    written(tmp_path / "elsewhere", 1, plugin=False)
    assert found(plugins[0]) == first
    written(tmp_path / "elsewhere", 4, plugin=False)
    assert found(plugins[0]) != first
    sys.modules.pop("cut_of_mine", None)


def test_a_file_may_hold_architectures_and_tasks(tmp_path: Path) -> None:
    plugin = tmp_path / "both.py"
    more = (
        "\nfrom archs.mlp import ARCH as OTHER\nfrom archs.base import Arch\nfrom bench.tasks.vae import TASK as VAE\n"
    )
    more += "A = Arch(name='twin', summary='', source='', encoder=OTHER.encoder, decoder=OTHER.decoder)\n"
    plugin.write_text(DENOISE + more, encoding="utf-8")
    found = tasks.registry([plugin])
    assert "twin" in found.archs
    assert tasks.names(found.plugins) == [*tasks.built_in(), "denoise"]
    assert tasks.get("vae", found.plugins) is tasks.get("vae")


def test_two_files_share_a_task_but_not_a_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text(DENOISE, encoding="utf-8")
    module = tasks.registry([first]).plugins[str(first)]
    known = {"first.py": module, "second.py": module}  # the second has imported it from the first
    assert tasks.names(known) == [*tasks.built_in(), "denoise"]
    second.write_text(DENOISE, encoding="utf-8")
    with pytest.raises(UserError, match=r"second.py: the name 'denoise' is taken by .*first.py; choose another name"):
        tasks.registry([first, second])
