"""What a job's processes ask of the machine: memory that they keep, and nothing that they leave behind."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_job import TINY

STEPS = """
import resource
import torch
from bench.cpu import compute_with
{call}
def step():
    pieces = [torch.ones(15 << 19) for _ in range(3)]  # 30 MiB each; together more than glibc ever keeps by itself
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
before = faults()
for _ in range(10):
    step()
print((faults() - before) / 10)
"""


def faults_per_step(call: str) -> float:
    done = subprocess.run([sys.executable, "-c", STEPS.format(call=call)], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told how to keep its memory")
def test_what_a_step_frees_is_there_for_the_next() -> None:
    assert faults_per_step("compute_with(1)") < 100
    assert faults_per_step("torch.set_num_threads(1)") > 1_000  # or the above shows nothing


def test_a_job_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "run_ablation.py", *TINY, "--archs", "cnn3", "--tasks", "classifier", "--seeds", "1"]
    folders = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    subprocess.run([*command, *folders], env={**os.environ, "TMPDIR": str(temporary)}, check=True, capture_output=True)
    assert (tmp_path / "out" / "report.md").exists()
    assert list(temporary.iterdir()) == []
