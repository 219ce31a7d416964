"""Finding architectures: in the folder, in plug-ins; and fingerprints that notice edits."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from archs.errors import UserError
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from tests.conftest import ROOT

PLUGIN = '''"""Mine."""
from torch import nn
from archs.base import Arch

def encoder(in_channels):
    """Prose."""
    return nn.Sequential(nn.Conv2d(in_channels, 4, 3, stride=STRIDE), nn.ReLU(), nn.Flatten())

STRIDE = 2
ARCH = Arch(name="mine", summary="a test", source="a test", encoder=encoder)
'''


def plugin(folder: Path, text: str = PLUGIN) -> Path:
    path = folder / "my_arch.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plugin_is_found(tmp_path: Path) -> None:
    registry = discover([plugin(tmp_path)])
    assert registry.resolve(["mine"]).archs[0].summary == "a test"
    assert "mine" not in discover().archs


@pytest.mark.parametrize(
    "edit, changes",
    [
        (("STRIDE = 2", "STRIDE = 3"), True),
        (("nn.ReLU()", "nn.SiLU()"), True),
        (('"""Prose."""', '"""Other prose."""'), False),
        (("STRIDE = 2", "STRIDE  =  2  # a comment"), False),
        (('summary="a test"', 'summary="reworded"'), False),
    ],
)
def test_the_fingerprint_follows_the_definition_and_not_its_prose(
    tmp_path: Path, edit: tuple[str, str], changes: bool
) -> None:
    before = fingerprint(discover([plugin(tmp_path)]).archs["mine"])
    assert edit[0] in PLUGIN
    after = fingerprint(discover([plugin(tmp_path, PLUGIN.replace(*edit))]).archs["mine"])
    assert (before != after) == changes


def test_the_fingerprint_covers_a_helper_file_of_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = PLUGIN.replace("STRIDE = 2", "from plugin_helper_for_test import STRIDE")
    found = []
    for stride in (2, 3):
        (tmp_path / "plugin_helper_for_test.py").write_text(f"STRIDE = {stride}\n", encoding="utf-8")
        sys.modules.pop("plugin_helper_for_test", None)
        found.append(fingerprint(discover([plugin(tmp_path, text)]).archs["mine"]))
    assert found[0] != found[1]


def test_a_crossing_has_the_fingerprint_of_neither_parent() -> None:
    archs = discover().resolve(["cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2"]).archs
    assert len({fingerprint(arch) for arch in archs}) == 4


NEW_FILES = """
import sys
from pathlib import Path
from archs.registry import discover
source = Path("archs/cnn3.py").read_text(encoding="utf-8")
for name, change in zip(("cnn3-mine", "dtype", "conv"), ("", *sys.argv[1:]), strict=True):
    path = Path("archs", f"{name.replace('-', '_')}.py")
    text = source.replace('name="cnn3"', f'name="{name}"')
    path.write_text(f"{text}\\nimport torch\\n{change}\\n", encoding="utf-8")
    registry = discover()
    print(registry.broken.get(path.stem) or " ".join(registry.archs))
"""


def test_a_new_file_in_archs_is_found_and_must_leave_the_process_as_it_was(tmp_path: Path) -> None:
    """Without editing anything; all in one process, in which what the second file did must be undone for the third."""
    shutil.copytree(ROOT / "archs", tmp_path / "archs", ignore=shutil.ignore_patterns("__pycache__"))
    changes = ["torch.set_default_dtype(torch.float64)", "torch.conv2d = None"]
    command = [sys.executable, "-c", NEW_FILES, *changes]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found, dtype, conv = done.stdout.splitlines()
    assert "cnn3-mine" in found.split()
    assert dtype.startswith("archs/dtype.py, when it is loaded, changes torch's default dtype (from torch.float32 to ")
    assert conv.startswith(
        "archs/conv.py, when it is loaded, changes torch.conv2d for every architecture of the process"
    )


@pytest.mark.parametrize(
    "text, expected",
    [
        ("x = (", "line 1: SyntaxError"),
        ("\nraise ValueError('two\\nlines')", "line 2: ValueError: two lines"),
        ("import sys; sys.exit(3)", "line 1: SystemExit"),
        ("import nowhere_to_be_found", "line 1: ModuleNotFoundError"),
        ("x = 1", "holds no Arch or Family"),
        (PLUGIN.replace('name="mine"', 'name="cnn2"'), "the name 'cnn2' is taken by archs/cnn2.py"),
        (PLUGIN.replace('name="mine"', 'name="My Arch"'), "'My Arch' is not a name"),
    ],
)
def test_a_broken_plugin_is_one_clear_line(tmp_path: Path, text: str, expected: str) -> None:
    path = plugin(tmp_path, text)
    with pytest.raises(UserError) as caught:
        discover([path])
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; give the path"):
        discover([tmp_path / "none.py"])
    path = plugin(tmp_path)
    with pytest.raises(UserError, match=f"no such file; did you mean {path}?"):
        discover([path.with_suffix("")])
