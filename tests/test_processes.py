"""What a job's processes ask of the machine: memory that they keep, and nothing that they leave behind."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_job import TINY

MAPPED = """
import ctypes
import torch
from bench.cpu import compute_with
class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd u f o d k".split()]
mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo
{call}
before = mallinfo().hblks
piece = torch.empty(31 << 18)  # 31 MiB
print(mallinfo().hblks - before)
"""


def pieces_mapped(call: str) -> int:
    """How many pieces of memory the system is asked for apart from the heap, each to be given back and faulted in anew."""
    done = subprocess.run([sys.executable, "-c", MAPPED.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc is told how to keep its memory")
def test_large_tensors_come_from_the_heap_that_is_kept() -> None:
    assert pieces_mapped("compute_with(1)") == 0
    assert pieces_mapped("torch.set_num_threads(1)") == 1  # or the above shows nothing


def test_a_job_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "run_ablation.py", *TINY, "--archs", "cnn3", "--tasks", "classifier", "--seeds", "1"]
    folders = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    subprocess.run([*command, *folders], env={**os.environ, "TMPDIR": str(temporary)}, check=True, capture_output=True)
    assert (tmp_path / "out" / "report.md").exists()
    assert list(temporary.iterdir()) == []
