"""Bad input: one clear line on stderr that names the offender, status 2, no traceback, nothing trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from run_ablation import main
from tests.conftest import ROOT

CASES = [
    (["--archs", "cnn4"], "unknown architecture 'cnn4'; did you mean"),
    (["--archs", "cnn:kernel="], "kernel= has an empty value"),
    (["--archs", "cnn:depth=0"], "'0' is not a whole number from 1 to 8"),
    (["--archs", "cnn:kernel=15"], "layer 2 gets 14×14 pixels: kernel 15 is larger than that; use at most 14"),
    (["--archs", "cnn2+pool4"], "pool4 has no decoder"),
    (["--archs", "pool4", "--tasks", "vae"], "pool4 has no decoder; add --tasks classifier"),
    (["--archs", "cnn2", "--baseline", "cnn3"], "baseline 'cnn3' is not one of the architectures compared"),
    (["--archs"], "--archs: expected at least one argument"),
    (["--device", "gpu"], "unknown device 'gpu'; did you mean"),
    (["--device", "cuda:99"], "device 'cuda:99' is not there"),
    (["--tasks", "vea"], "unknown task 'vea'; did you mean 'vae'"),
    (["--likelihood", "gray"], "unknown likelihood 'gray'; did you mean 'grey'"),
    (["--dataset", "mnits"], "unknown data set 'mnits'; did you mean 'mnist'"),
    (["--seeds", "0"], "'0' is not a whole number from 1"),
    (["--seeds", "three"], "'three' is not a whole number"),
    (["--epochs", "-1"], "'-1' is not a whole number"),
    (["--epochs"], "--epochs: expected one argument"),
    (["--batch-size", "1.5"], "'1.5' is not a whole number"),
    (["--lr", "nan"], "'nan' is not a learning rate"),
    (["--lr", "0"], "'0' is not a learning rate"),
    (["--latent-dim", "0"], "'0' is not a whole number from 1"),
    (["--labels", "105"], "'105' can't be shared equally by ten classes; expected a multiple of 10, for example 100"),
    (["--tasks", "m2", "--labels", "5000"], "--labels 5000: the training images hold at most 12"),
    (["--evaluate", "ful"], "unknown evaluation 'ful'; did you mean 'full'"),
    (["--iwae-samples", "0"], "'0' is not a whole number from 1"),
    (["--iwae-images", "ten"], "'ten' is not a whole number"),
    (["--workers", "0"], "'0' is not a whole number from 1"),
    (["--epoch", "3"], "unknown option '--epoch'; did you mean '--epochs'"),
    (["--plugin", "nowhere.py"], "plug-in nowhere.py: no such file"),
    (["--dataset", "mnist", "--data-dir", "/proc/nowhere"], "data folder /proc/nowhere"),
    (["--runs-dir", "/proc/nowhere"], "runs folder /proc/nowhere"),
    (["--out", "/proc/nowhere"], "report folder /proc/nowhere"),
    (["--runs-dir", "README.md"], "runs folder README.md: File exists"),
]


@pytest.mark.parametrize(
    "arguments, expected", CASES, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_one_line_and_status_2(
    arguments: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    given = {"--dataset": "digits", "--runs-dir": "runs", "--out": "out"}
    defaults = [word for key, value in given.items() if key not in arguments for word in (key, value)]
    try:
        status = main([*defaults, *arguments])
    except SystemExit as stop:  # argparse's own
        status = stop.code  # type: ignore[assignment]
    shown = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert [line for line in shown if line.startswith("error: ")] == shown[-1:]
    assert expected in shown[-1]
    assert not list(tmp_path.glob("runs/*"))


def test_the_program_itself_shows_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "run_ablation.py", "--archs", "cnn:depth=0"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["error: cnn: depth=0: '0' is not a whole number from 1 to 8"]


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from bench.options import parser; parser(); print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_list_prints_every_architecture(capsys: pytest.CaptureFixture) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    for expected in ("cnn2", "cnn2-k4", "cnn3", "mlp", "pool4", "cnn:…", "43,809", "classifier"):
        assert expected in shown
