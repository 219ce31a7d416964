"""What a job is expected to take, found out by timing its networks, and what is told of that on the way."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data.dataset import DataDescription
from bench.evaluation import Cost
from bench.machine.provenance import Provenance
from bench.spec.device import CPU
from bench.spec.progress import ERASE
from bench.spec.run import EvaluationSpec, RunSpec
from bench.speed import phase
from bench.speed.expected import report_seconds
from bench.speed.probe import expect
from run_ablation import main
from tests.speed.test_throughput import nothing_measured

DATA = DataDescription("digits", "d", 1_200, 300, 297)

BROKEN = """
from archs.base import Arch

def encoder(in_channels):
    raise RuntimeError("as its run will say")

ARCH = Arch(name="broken", summary="can't be built", source="test", encoder=encoder)
"""


def run(arch: str, task: str, **changes: Any) -> RunSpec:
    spec = RunSpec(arch, "f", task, "digits", "d", "dynamic", 0, 30, 32, 8e-3, 20, None, "cpu", 1)
    return dataclasses.replace(spec, **changes)


def test_networks_are_timed_and_evaluations_counted() -> None:
    """A deep network with many channels takes longer than a small one, whatever the machine does meanwhile."""
    deep = "cnn:depth=4,channels=64"
    work = [run("cnn2", "vae"), run(deep, "vae"), run("cnn2", "classifier", latent_dim=None, likelihood=None)]
    bound = EvaluationSpec(work[0], "iwae", {"samples": 8, "images": 100})
    found = expect([*work, bound], DATA, ())
    assert set(found.timed) == {("cnn2", "vae"), (deep, "vae"), ("cnn2", "classifier")}
    assert all(seconds.step > seconds.inference > seconds.decoding >= 0 for seconds in found.timed.values())
    assert found.timed[deep, "vae"].step > 2 * found.timed["cnn2", "vae"].step
    assert found.timed["cnn2", "vae"].decoding > 0 == found.timed["cnn2", "classifier"].decoding
    assert found.parts == {("iwae",): Cost(100, 800, pytest.approx(800 * 3e-6))}  # type: ignore[arg-type]


def test_what_can_t_be_timed_is_left_out_and_a_gpu_s_work_is(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    found = expect([run("broken", "classifier", latent_dim=None), run("cnn2", "vae")], DATA, (str(plugin),))
    assert set(found.timed) == {("cnn2", "vae")}
    assert found.of(run("broken", "classifier")) == pytest.approx(found.of(run("cnn2", "vae")), rel=0.2)
    assert not expect([run("cnn2", "vae", device="cuda")], DATA, ()).is_in_seconds


def test_while_speeds_are_measured_it_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def child(*unused: Any, listener: Any) -> Mapping[str, Any]:
        listener("vae")
        listener("classifier")
        return nothing_measured(1e9)

    monkeypatch.setattr(phase, "call_in_child", child)
    trained = [run("cnn2", "vae"), run("cnn2", "classifier")]
    expected = {"vae": 40.0, "classifier": 20.0}
    phase.measure_apart(tmp_path, "quick", trained, CPU, "C", (), Provenance(code={}), expected=expected)
    page = report_seconds(2)
    assert capsys.readouterr().err.splitlines() == [
        f"measuring speed apart: vae, about 1:0{60 + page - 60:.0f} left",
        f"measuring speed apart: classifier, about 0:{20 + page:.0f} left",
    ]
    assert not phase.is_due(tmp_path, "off", trained, CPU, "C", Provenance(code={}), anew=True)
    assert phase.is_due(tmp_path, "quick", trained[:1], CPU, "C", Provenance(code={}), anew=False)
    assert not phase.is_due(tmp_path, "quick", trained, CPU, "C", Provenance(code={}), anew=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_told_the_stage_and_bad_input_is_one_line_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    where = ["--dataset", "digits", "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Terminal())
        assert main(["--archs", "cnn:depth=0", *where]) == 2
        shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    stages = ("loading libraries", "reading the data", "planning, while torch is loaded")
    named, _, rest = shown.rpartition(ERASE)
    assert [part.strip() for part in named.split(ERASE)] == [f"{stage} …" for stage in stages]
    assert rest.splitlines() == ["error: cnn: depth=0: '0' is not a whole number from 1 to 8"]
    assert main(["--archs", "cnn:depth=0", *where]) == 2
    assert capsys.readouterr().err.splitlines() == rest.splitlines(), "elsewhere nothing else is written"
