"""`python -m bench.verify`: the same run again is the same, and what is not the same is told."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.store.store import Record, Store
from bench.verify import main
from bench.worker.restore import arch_and_fingerprint, registry
from tests.conftest import ROOT
from tests.job.test_job import BROKEN, job


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Record]]:
    """A store with a VAE, a classifier and a failure; and its records by task or architecture."""
    folder = tmp_path_factory.mktemp("verify")
    plugin = folder / "broken.py"
    plugin.write_text(BROKEN, encoding="utf-8")
    assert job(folder, "--archs", "mlp", "--tasks", "vae", "classifier", "--seeds", "1") == 0
    assert job(folder, "--archs", "explodes", "--plugin", str(plugin), "--tasks", "classifier", "--seeds", "1") == 1
    found = Store(folder / "runs").records()
    return folder, {r.spec["task"] if r.spec["arch"] == "mlp" else r.spec["arch"]: r for r in found}


def verify(folder: Path, run_id: str, *arguments: str) -> int:
    return main([run_id, "--runs-dir", str(folder / "runs"), *arguments])


@pytest.mark.parametrize("name", ["vae", "classifier"])
def test_the_same_run_again_matches(trained: tuple, name: str, capsys: pytest.CaptureFixture) -> None:
    folder, records = trained
    assert verify(folder, records[name].run_id[:6]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"run {records[name].run_id} (mlp {name} seed 0) matches, bit for bit"
    assert shown[1].startswith("  compared: ")
    assert shown[1].endswith("2 epochs, the arrays, the weights")
    assert len(shown) == 2  # nothing around it has changed


def test_a_gpu_that_is_lost_is_one_line(
    trained: tuple, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def lost(spec: object, site: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("bench.worker.execute.execute", lost)
    folder, records = trained
    assert verify(folder, records["vae"].run_id) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2  # the first says what is being trained
    assert "can't be trained here: CUDA error: an illegal memory access" in said[1]


def test_a_failure_fails_again(trained: tuple, capsys: pytest.CaptureFixture) -> None:
    folder, records = trained
    assert verify(folder, records["explodes"].run_id, "--plugin", str(folder / "broken.py")) == 0
    assert "it fails again, with the same words (ValueError: this layer can't train (" in capsys.readouterr().out


def test_what_differs_is_told_with_its_size_and_what_may_explain_it(
    trained: tuple, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    record: Record = trained[1]["classifier"]
    arrays = record.arrays()
    name = "test_correct"
    arrays[name] = arrays[name].copy()
    arrays[name][:3] ^= True
    other = dataclasses.replace(
        record,
        metrics={**record.metrics, "accuracy": record.metrics["accuracy"] + 0.25},
        history=[record.history[0], {**record.history[1], "train_loss": 9.0}],
        environment={
            **record.environment,
            "torch": "2.0.1",  # older than is supported
            "threads": 7,
            "cpu_capability": "ABACUS",
            "numeric_settings": {"MKL_CBWR": "COMPATIBLE"},
        },
    )
    weights = bytearray(record.read("model.safetensors") or b"")
    weights[-1] ^= 64
    Store(tmp_path / "runs").write(other, arrays, bytes(weights))
    assert verify(tmp_path, record.run_id) == 1
    shown = capsys.readouterr().out
    assert "does not match" in shown.splitlines()[0]
    assert f"metric accuracy: {record.metrics['accuracy'] + 0.25!r} → {record.metrics['accuracy']!r} (by 0.25)" in shown
    assert "epoch 2 train_loss: 9.0 → " in shown
    assert f"array test_correct: {3 / len(arrays[name]):.1%} of its values differ, by at most 1" in shown
    assert sum(line.startswith("  weight ") for line in shown.splitlines()) == 1
    assert "torch was 2.0.1, is " in shown
    assert "threads was 7, is 1" in shown
    assert f"cpu_capability was ABACUS, is {record.environment['cpu_capability']}\n" in shown
    assert "MKL_CBWR was COMPATIBLE, is not set\n" in shown
    assert "nothing that is recorded" not in shown


def test_an_old_record_says_that_instructions_were_not_recorded(
    trained: tuple, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    record: Record = trained[1]["classifier"]
    known = {k: v for k, v in record.environment.items() if k not in ("cpu_capability", "numeric_settings")}
    old = dataclasses.replace(record, environment=known)
    Store(tmp_path / "runs").write(old, record.arrays(), record.read("model.safetensors") or b"")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")  # too late to change anything, but set
    assert verify(tmp_path, record.run_id) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  OPENBLAS_CORETYPE was not recorded, is Haswell",
        f"  cpu_capability was not recorded, is {record.environment['cpu_capability']}",
    ]


def test_a_mismatch_without_a_known_cause_says_so(
    trained: tuple, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    record: Record = trained[1]["classifier"]
    other = dataclasses.replace(record, metrics={**record.metrics, "accuracy": 0.0})
    Store(tmp_path / "runs").write(other, record.arrays(), record.read("model.safetensors") or b"")
    assert verify(tmp_path, record.run_id) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "  nothing that is recorded of where it ran is different"


@pytest.mark.slow
def test_another_instruction_set_is_named_as_what_may_explain_a_mismatch(trained: tuple) -> None:
    folder, records = trained
    command = [sys.executable, "-m", "bench.verify", records["vae"].run_id, "--runs-dir", str(folder / "runs")]
    environment = os.environ | {"ATEN_CPU_CAPABILITY": "default"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # a CPU may have nothing else
    shown = done.stdout.splitlines()
    assert "  ATEN_CPU_CAPABILITY was not set, is default" in shown
    had = records["vae"].environment["cpu_capability"]
    assert had == "DEFAULT" or f"  cpu_capability was {had}, is DEFAULT" in shown


def edited(record: Record, folder: Path, **spec: object) -> None:
    """A store in which the record's spec was edited by somebody who can make checksums."""
    Store(folder / "runs").write(dataclasses.replace(record, spec={**record.spec, **spec}), {"x": np.zeros(1)}, b"")


BAD = [
    (["nonsense"], {}, "run 'nonsense': no record of"),
    (["../../etc"], {}, "run '../../etc': no record of"),
    ([""], {}, "run '': no record of"),
    ([], {}, "the following arguments are required: RUN"),
    (["RUN", "--runs-dri", "x"], {}, "unknown option '--runs-dri'; did you mean '--runs-dir'?"),
    (["RUN", "--runs-dir", "nowhere"], {}, "runs folder nowhere: no such folder; "),
    (["RUN"], {"seed": 5}, "its spec is that of run"),
    (["RUN"], {"colour": "red"}, "its spec is not of this version"),
    (["RUN"], {"seed": "five"}, "spec: seed is 'five': expected `int`, got `str`"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, spec, expected", BAD, ids=lambda value: str(value)[:40])
def test_bad_input_is_one_line(
    trained: tuple, tmp_path: Path, arguments: list[str], spec: dict, expected: str, capsys: pytest.CaptureFixture
) -> None:
    record = trained[1]["classifier"]
    edited(record, tmp_path, **spec)
    given = [record.run_id if word == "RUN" else word for word in arguments]
    where = [] if "--runs-dir" in given else ["--runs-dir", str(tmp_path / "runs")]
    try:
        status = main([*given, *where])
    except SystemExit as stop:  # argparse's own
        status = int(str(stop.code))
    shown = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(shown) == 1
    assert shown[0].startswith("error: ")
    assert expected in shown[0]


def test_an_architecture_that_was_edited_is_no_reproduction(trained: tuple, capsys: pytest.CaptureFixture) -> None:
    folder, records = trained
    plugin = folder / "edited" / "broken.py"
    plugin.parent.mkdir()
    plugin.write_text(BROKEN.replace("[:, :8]", "[:, :9]"), encoding="utf-8")
    registry.cache_clear()
    arch_and_fingerprint.cache_clear()
    assert verify(folder, records["explodes"].run_id, "--plugin", str(plugin)) == 2
    assert "it was edited since" in capsys.readouterr().err
