"""Files beside plug-ins: each plug-in has its own, in whatever way and whenever it imports them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from archs.errors import UserError
from archs.foreign.plugins import load_plugin
from archs.identity.fingerprint import fingerprint
from archs.registry import discover
from tests.archs.identity.specimens import ARCH
from tests.conftest import ROOT
from tests.job.test_job import job, records

INNER = "WIDTH = <W>\n"
"""What each of the two plug-ins has a copy of, with another number."""

LAYOUT = {
    "helper.py": INNER,
    "by_another.py": "from helper import *\nfrom helper import WIDTH as AGAIN\n",
    "package/__init__.py": "from .inner import WIDTH\nfrom . import deep\n",
    "package/inner.py": INNER,
    "package/deep/__init__.py": "from ..inner import WIDTH\nfrom helper import WIDTH as OF_HELPER\n",
    "package/deep/down.py": "from .. import inner\nWIDTH = inner.WIDTH\n",
    "folder/inside.py": INNER,
}
WAYS = {
    "from": "from helper import WIDTH as found",
    "import": "import helper; found = helper.WIDTH",
    "as": "import helper as other; found = other.WIDTH",
    "star": "import by_another; found = by_another.WIDTH",
    "by another": "from by_another import AGAIN as found",
    "package": "import package; found = package.WIDTH",
    "dotted": "import package.inner; found = package.inner.WIDTH",
    "dotted as": "import package.deep.down as down; found = down.WIDTH",
    "from package": "from package import inner; found = inner.WIDTH",
    "absolute in package": "from package.deep import OF_HELPER as found",
    "folder": "import folder.inside; found = folder.inside.WIDTH",
    "from folder": "from folder import inside; found = inside.WIDTH",
    "by name": "import importlib; found = importlib.import_module('helper').WIDTH",
    "by dotted name": "from importlib import import_module; found = import_module('package.deep.down').WIDTH",
    "by relative name": "import importlib.abc, package; name = package.__name__; "
    "found = importlib.import_module('.inner', name).WIDTH",
    "__import__": "found = __import__('package.inner').inner.WIDTH",
}  # fmt: skip
BUILDER = (
    "def encoder(in_channels):\n    @\n    return nn.Sequential(nn.Flatten(), nn.Linear(784 * in_channels, found))\n"
)


def write(folder: Path, width: int, code: str, name: str = "mine", layout: dict[str, str] = LAYOUT) -> Path:
    for file, text in layout.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text.replace("<W>", str(width)), encoding="utf-8")
    plugin = folder / "my.py"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    arch = ARCH.replace("NAME", name).replace("BUILDER", "encoder")
    plugin.write_text(f"from torch import nn\n{code}\n{arch}", encoding="utf-8")
    return plugin


def width_of(arch: object) -> int:
    return arch.encoder(1)[-1].out_features  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["when it is loaded", "when it builds"])
def test_two_plugins_with_helpers_of_one_name_have_each_their_own(tmp_path: Path, way: str, when: str) -> None:
    early, late = (WAYS[way], "pass") if when == "when it is loaded" else ("", WAYS[way])
    code = f"{early}\n{BUILDER.replace('@', late)}"
    search, plugins = list(sys.path), [write(tmp_path / str(width), width, code, f"has-{width}") for width in (4, 6)]
    found = discover(plugins).archs
    for _ in "twice":
        assert [width_of(found[f"has-{width}"]) for width in (4, 6)] == [4, 6]
    assert not {"helper", "package", "folder", "by_another"} & sys.modules.keys()
    assert sys.path == search
    same = [write(tmp_path / str(width), 4, code, "alike") for width in (4, 6)]
    prints = [fingerprint(discover([plugin]).archs["alike"]) for plugin in same]
    assert prints[0] == prints[1]
    edited = write(tmp_path / "4", 6, code, "alike")
    arch = discover([edited]).archs["alike"]
    assert width_of(arch) == 6
    assert fingerprint(arch) != prints[0]


@pytest.mark.slow
def test_a_job_trains_each_with_its_own(tmp_path: Path) -> None:
    code = BUILDER.replace("@", WAYS["by name"])
    plugins = [write(tmp_path / str(width), width, code, f"has-{width}") for width in (4, 6)]
    named = [text for plugin in plugins for text in ("--plugin", str(plugin))]
    command = ["--archs", "has-4", "has-6", "--tasks", "classifier", "--seeds", "1", "--workers", "1", *named]
    assert job(tmp_path, *command) == 0
    assert trained(tmp_path) == [("has-4", 4 * 784), ("has-6", 6 * 784)]
    write(tmp_path / "6", 8, code, "has-6")
    assert job(tmp_path, *command) == 0
    assert trained(tmp_path) == [("has-4", 4 * 784), ("has-6", 6 * 784), ("has-6", 8 * 784)]


def trained(folder: Path) -> list[tuple[str, int]]:
    """The architecture of each run, and the weights of its encoder."""
    return sorted((record.spec["arch"], record.layers[0]["weights"]) for record in records(folder))


def test_plugins_of_one_folder_share_their_helper_and_a_plugin_may_be_one(tmp_path: Path) -> None:
    first = write(
        tmp_path, 4, "from helper import WIDTH as found\nclass Own:\n    pass\n" + BUILDER.replace("@", "pass")
    )
    second = tmp_path / "second.py"
    own = ARCH.replace("ARCH =", "TWO =").replace("NAME", "two").replace("BUILDER", "encoder")
    second.write_text(f"import helper, my\nfrom my import ARCH, Own, encoder\n{own}", encoding="utf-8")
    for plugins in ([first, second], [second, first]):
        assert {"mine", "two"} <= discover(plugins).archs.keys()
        module = load_plugin(second)
        assert module.my is load_plugin(first)
        assert module.helper.WIDTH == 4
    (tmp_path / "helper.py").write_text("WIDTH = 5\n", encoding="utf-8")
    assert [width_of(discover([first, second]).archs[name]) for name in ("mine", "two")] == [5, 5]
    assert load_plugin(second).my is load_plugin(first)


LIVE = """
from __future__ import annotations
import enum
from dataclasses import dataclass, field
from typing import NamedTuple
from torch import nn

class Kind(enum.Enum):
    WIDE = 1

@dataclass(frozen=True)
class Config:
    width: int = <W>
    kinds: list[Kind] = field(default_factory=lambda: [Kind.WIDE])

class Pair(NamedTuple):
    config: Config

class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(784, <W>)

    def forward(self, x):
        return twice(self.linear(x.flatten(1)))

def twice(x):
    return x * 2
"""


@pytest.mark.slow
def test_classes_of_helpers_are_found_by_their_module_s_name_in_other_processes_too(tmp_path: Path) -> None:
    layout = {"alive.py": LIVE, "package/__init__.py": "", "package/alive.py": LIVE}
    code = "import alive, package.alive\ndef encoder(in_channels):\n    return alive.Gate()\n"
    plugins = [write(tmp_path / str(width), width, code, f"has-{width}", layout) for width in (4, 6)]
    modules = [load_plugin(plugin) for plugin in plugins]
    for module, width in zip(modules, (4, 6), strict=True):
        for alive in (module.alive, module.package.alive):
            assert sys.modules[alive.Gate.__module__] is alive
            pair = alive.Pair(alive.Config())
            again = pickle.loads(pickle.dumps(pair))
            assert (type(again), again.config.width, again) == (alive.Pair, width, pair)
            scripted = torch.jit.script(alive.Gate())
            assert scripted(torch.zeros(2, 1, 28, 28)).shape == (2, width)
    pickles = [pickle.dumps([module.alive.Config(), module.package.alive.Gate()]) for module in modules]
    late = "def encoder(in_channels):\n    import alive, package.alive\n    return alive.Gate()\n"
    for width in (4, 6):
        write(tmp_path / str(width), width, late, f"has-{width}", layout)
    there = (  # in which the plug-ins are loaded, but what they import late is not yet
        "import pickle, sys; from archs.registry import discover; discover(sys.argv[2:])\n"
        "for text in sys.argv[1].split():\n"
        "    config, gate = pickle.loads(bytes.fromhex(text)); print(config.width, gate.linear.out_features)\n"
    )
    command = [sys.executable, "-c", there, " ".join(text.hex() for text in pickles), *map(str, plugins)]
    assert subprocess.check_output(command, cwd=ROOT, text=True) == "4 4\n6 6\n"


def test_an_installed_or_standard_module_goes_first_and_one_elsewhere_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = dict.fromkeys(("scipy.py", "json.py", "torch.py", "bench.py"), "raise AssertionError('not this one')\n")
    code = "import scipy, json, torch, bench\nfrom helper import WIDTH as found\nimport only_elsewhere\n"
    plugin = write(tmp_path / "here", 4, code + BUILDER.replace("@", "pass"), layout=layout | {"helper.py": INNER})
    for name in ("helper", "only_elsewhere"):
        (tmp_path / f"{name}.py").write_text("WIDTH = 7\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert width_of(discover([plugin]).archs["mine"]) == 4
    assert load_plugin(plugin).only_elsewhere is sys.modules.pop("only_elsewhere")


@pytest.mark.parametrize(
    "code, said",
    [
        ("import helper, nowhere_at_all\n", r"line 2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("from helper import NOTHING\n", r"line 2: ImportError: cannot import name 'NOTHING' from 'plugin_helper_"),
        (
            "from helper.inner import x\n",
            r"line 2: ModuleNotFoundError: No module named 'plugin_helper_.*not a package",
        ),
        ("import package.nothing\n", r"line 2: ModuleNotFoundError: No module named 'beside_.*\.package\.nothing'"),
        ("import broken\n", r"line 2: SyntaxError: .*broken.py:1\)$"),
        ("import raises\n", r"line 2: ValueError: of a helper"),
    ],
)
def test_what_can_not_be_imported_is_one_line_and_can_be_mended(tmp_path: Path, code: str, said: str) -> None:
    layout = LAYOUT | {"broken.py": "def f(:\n", "raises.py": "import helper\nraise ValueError('of a helper')\n"}
    plugin = write(tmp_path, 4, code, layout=layout)
    with pytest.raises(UserError, match=f"plug-in .*my.py, {said}"):
        discover([plugin])
    (tmp_path / "helper.py").write_text("NOTHING = WIDTH = 5\n", encoding="utf-8")
    mended = write(tmp_path, 5, "from helper import NOTHING as found\n" + BUILDER.replace("@", "pass"))
    (tmp_path / "helper.py").write_text("NOTHING = WIDTH = 5\n", encoding="utf-8")
    assert width_of(discover([mended]).archs["mine"]) == 5


def test_a_broken_helper_of_a_builder_is_that_builder_s_failure(tmp_path: Path) -> None:
    layout = {"broken.py": "def f(:\n"}
    plugin = write(tmp_path, 4, BUILDER.replace("@", "import broken"), layout=layout)
    arch = discover([plugin]).archs["mine"]
    known = fingerprint(arch)
    with pytest.raises(SyntaxError):
        arch.encoder(1)
    (tmp_path / "broken.py").write_text("def g(:\n", encoding="utf-8")
    assert fingerprint(discover([plugin]).archs["mine"]) != known
