"""The package holds all that it needs at run time and nothing else, and an installed one does what a checkout does."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

import bench
from bench.machine.provenance import code_hashes
from bench.store.code_versions import made_by_other_code
from bench.store.store import Store
from run_ablation import main
from tests.conftest import ROOT
from tests.house.environments import new_environment

JOB = ["--archs", "cnn3", "mlp", "mine", "--plugin", "mine.py", "--tasks", "classifier", "--dataset", "digits",
       "--epochs", "1", "--seeds", "1", "--train-images", "200", "--device", "cpu", "--throughput", "off"]  # fmt: skip
MINE = """
from torch import nn
from archs import mlp
from archs.base import Arch

def encoder(in_channels):
    return nn.Sequential(mlp.ARCH.encoder(in_channels), nn.ReLU())

ARCH = Arch(name="mine", summary="of ours and its own", source="mine", encoder=encoder)
"""
NOT_PACKAGED = {"bench/conftest.py", "bench/test_speed.py"}
"""The benchmarks of `pytest bench`, which compares two checkouts."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as `pip install .` builds it."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (the group dev)")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@dataclass
class Installed:
    """An environment that the package is installed in."""

    python: Path
    library: Path
    """Its site-packages."""

    def run(self, *command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess:
        """Run its Python with arguments, or `conv-ablation` if the first is that, and return what came out."""
        program = [str(self.python.with_name("conv-ablation"))] if command[0] == "conv-ablation" else [str(self.python)]
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        rest = command[1:] if command[0] == "conv-ablation" else command
        return subprocess.run([*program, *rest], cwd=cwd, env=own | variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package in an environment of its own, with a command as pip writes it.

    The libraries are found where this process has them. What is called as a module of Python's is an old package there,
    which must not come before Python's own.
    """
    folder = tmp_path_factory.mktemp("environment")
    python, library = new_environment(folder, with_pip=False)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(library)
    (library / "graphlib.py").write_text("raise ImportError('this is not Python\\'s own graphlib')")
    script = python.with_name("conv-ablation")
    script.write_text(f"#!{python}\nimport sys\nfrom run_ablation import command\nsys.exit(command())\n")
    script.chmod(0o755)
    return Installed(python, library)


@pytest.fixture(scope="module")
def done(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess]:
    """A folder in which the installed command did a job, and what it said."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "mine.py").write_text(MINE)
    return folder, installed.run("conv-ablation", *JOB, cwd=folder)


def test_the_package_holds_the_code_and_what_it_reads_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        described = email.message_from_bytes(archive.read(metadata))
        points = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    code = {path.relative_to(ROOT).as_posix() for room in ("archs", "bench") for path in (ROOT / room).rglob("*.py")}
    code |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "reports").rglob("*.py")}
    data = {"bench/spec/builtin_tasks.json"}
    assert names == (code | data | {"run_ablation.py"}) - NOT_PACKAGED
    assert points.split("\n")[:2] == ["[console_scripts]", "conv-ablation = run_ablation:command"]
    assert "torch>=2.11" in described.get_all("Requires-Dist", [])


@pytest.mark.slow
def test_an_installed_job_is_that_of_a_checkout(
    done: tuple[Path, subprocess.CompletedProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs and report go into the folder that it was called in, under the ids that a checkout gives them."""
    folder, job = done
    assert job.returncode == 0, job.stderr
    assert "WARNING" not in job.stderr
    (report,) = (folder / "reports" / "generated").iterdir()
    assert (report / "report.md").is_file() and (report / "figures").is_dir()
    manifest = json.loads((report / "manifest.json").read_text())
    assert manifest["command"].startswith("conv-ablation --archs cnn3 mlp mine ")
    records = Store(folder / "runs").records()
    assert len(records) == 3
    for record in records:
        assert record.environment["commit"] is None and record.environment["dirty"] is None
        assert record.environment["code"] == code_hashes()
    monkeypatch.chdir(folder)
    with patch("reports.build"), patch("reports.terminal_summary", return_value=""):
        assert main(JOB) == 0
    assert Store(folder / "runs").run_ids() == [record.run_id for record in records]  # all were done already
    assert list((folder / "reports" / "generated").iterdir()) == [report]
    here = json.loads((report / "manifest.json").read_text())["provenance"]
    assert made_by_other_code(records, here) is None


@pytest.mark.slow
def test_every_command_of_an_installed_package_works_from_anywhere(
    done: tuple[Path, subprocess.CompletedProcess], installed: Installed, tmp_path: Path
) -> None:
    folder, _ = done
    store, (report,) = folder / "runs", (folder / "reports" / "generated").iterdir()
    listed = installed.run("conv-ablation", "--list", cwd=tmp_path, PYTHONSAFEPATH="1")
    assert listed.returncode == 0 and "cnn2-k4" in listed.stdout, listed.stderr
    shown = installed.run("conv-ablation", "--help", cwd=tmp_path).stdout
    assert shown.startswith("usage: conv-ablation ") and "\n  conv-ablation --archs cnn2 cnn3 --seeds 3\n" in shown
    again = installed.run("-m", "reports", "render", str(report), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    page = (report / "report.md").read_text(encoding="utf-8")
    assert "made by other code" not in page
    plugin = str(folder / "mine.py")
    run_id, *_ = Store(store).run_ids()
    same = installed.run("-m", "bench.verify", run_id[:8], "--runs-dir", str(store), "--plugin", plugin, cwd=tmp_path)
    assert same.returncode == 0, same.stderr
    code = "import bench, sys; print(bench.__file__, len(bench.load(sys.argv[1])))"
    loaded = installed.run("-c", code, str(store), cwd=tmp_path)
    assert loaded.stdout.split() == [str(installed.library / "bench" / "__init__.py"), "3"]
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_model_of_an_installed_package_comes_back_in_a_checkout(
    done: tuple[Path, subprocess.CompletedProcess],
) -> None:
    folder, _ = done
    for run_id in Store(folder / "runs").run_ids():
        assert not bench.load_model(folder / "runs", run_id, (str(folder / "mine.py"),)).training


POSIX_ONLY = ("fcntl", "grp", "pwd", "resource", "termios")
ON_WINDOWS = f"""
import sys
sys.modules.update(dict.fromkeys({POSIX_ONLY}))
from {{module}} import main
from bench.spec.command import run_command
sys.platform = "win32"
run_command(main)
"""


@pytest.mark.parametrize("module", ["run_ablation", "bench.verify", "bench.gate", "reports.__main__"])
def test_on_windows_a_command_says_where_it_runs(module: str) -> None:
    """Without the modules that Python lacks there."""
    code = ON_WINDOWS.format(module=module)
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "--list"], cwd=ROOT, capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (2, "")
    (line,) = found.stderr.splitlines()
    assert line.startswith("error: this runs on Linux and macOS, not on Windows, ")
