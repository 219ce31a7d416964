"""What a job's processes ask of the machine: memory that they keep, and nothing that they leave behind."""

from __future__ import annotations

import ctypes
import errno
import multiprocessing.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest

from archs.errors import UserError
from bench.machine.child import call_in_child, start_context
from tests.conftest import ROOT
from tests.job.test_job import TINY


class Mallinfo(ctypes.Structure):
    """What glibc says of its heap."""

    _fields_: ClassVar = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", *"abcdef")]


def mapped() -> list[int]:
    """How many of the pieces apart from the heap a tensor of 31 MiB is, before and after a process is prepared."""
    import torch

    from bench.machine.cpu import prepare_cpu

    mallinfo, found = ctypes.CDLL(None).mallinfo2, []
    mallinfo.restype = Mallinfo
    for prepare in (torch.set_num_threads, prepare_cpu):
        prepare(1)
        before = mallinfo().hblks
        piece = torch.empty(31 << 18)
        found.append(mallinfo().hblks - before)
        del piece
    return found


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc is told how to keep its memory")
def test_large_tensors_come_from_the_heap_that_is_kept() -> None:
    """Else the system is asked for each apart from the heap, to be given back and faulted in anew."""
    assert call_in_child(mapped) == [1, 0]  # mapped without being told, or the second number would show nothing


ASKED = """
import os, sys
from archs.errors import UserError
from bench.machine.child import call_in_child
class Odd(Exception):
    def __init__(self, one, other):
        super().__init__("only what is said of it can be sent")
def odd():
    raise Odd(1, 2)
def told(word, say):
    say(word)
    say(word * 2)
    return len(word)
if __name__ == "__main__":
    print(call_in_child(max, 1, 2), call_in_child(os.getpid) == os.getpid())
    for function, arguments in ((os._exit, (3,)), (int, ("x",)), (os.abort, ()), (sys.exit, (0,)), (odd, ())):
        try:
            call_in_child(function, *arguments)
        except (UserError, ValueError, RuntimeError) as error:
            print(type(error).__name__, error, hasattr(error, "__notes__"))
    print(call_in_child(told, "ab", listener=print))
    print("torch" in sys.modules)
"""


def test_a_function_called_in_a_child_returns_raises_speaks_or_is_named(tmp_path: Path) -> None:
    script = tmp_path / "asked.py"
    script.write_text(ASKED, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "2 False",
        "ChildDied the process that was to exit ended with status 3 False",
        "ValueError invalid literal for int() with base 10: 'x' True",
        "ChildDied the process that was to abort was killed by SIGABRT False",
        "ChildDied the process that was to exit was ended by SystemExit: 0 False",
        "RuntimeError Odd: only what is said of it can be sent True",
        "ab",
        "abab",
        "2",
        "False",
    ]


WHOLE_JOB = """
import os, runpy, sys
script, *wanted = sys.argv[1:]
for arguments in (["--deterministic", "--dataset", "digits", "--archs", "nosuch"], wanted):
    sys.argv[:] = [script, *arguments]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        print(ended.code, [name for name in ("torch", "archs.cnn3") if name in sys.modules])
from bench.machine.child import call_in_child
print(call_in_child(os.getenv, "CUBLAS_WORKSPACE_CONFIG"))
"""


@pytest.mark.slow
def test_a_job_keeps_torch_to_its_children_finds_them_their_code_and_leaves_nothing(tmp_path: Path) -> None:
    """A whole job, speeds included, in a folder of somebody else's code.

    What torch and plug-ins do to a process, they do to one that can be replaced; what is asked of CUDA reaches those
    (by a job that is refused, since torch takes seconds to be deterministic); none looks for modules where it happens
    to be; and the temporary folder is as it was.
    """
    (tmp_path / "archs.py").write_text("raise SystemExit('not ours')", encoding="utf-8")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-P", "-c", WHOLE_JOB, str(ROOT / "run_ablation.py"), *TINY, "--throughput", "quick"]
    command += ["--archs", "cnn3", "--tasks", "classifier", "--seeds", "1", "--out", "out"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["TMPDIR"] = str(temporary)
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    first, *_, status, workspace = done.stdout.splitlines()
    assert (first, status) == ("2 []", "0 []"), done.stderr
    assert workspace == ":4096:8", "cuBLAS reads it in the workers, which have what their server had"
    assert (tmp_path / "out" / "report.md").is_file() and (tmp_path / "out" / "throughput.json").is_file()
    assert list(temporary.iterdir()) == []


ELSEWHERE = """
import sys
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child
def is_prepared():
    from archs.identity.source import parsed
    return {"bench.worker.preload", "bench.job.plan"} <= sys.modules.keys() and parsed.cache_info().currsize >= 7
if __name__ == "__main__":
    print(call_in_child(is_prepared))
"""


@pytest.mark.parametrize("flags, folder", [([], "t"), (["-P"], "t" * 100)], ids=["", "-P and a long temporary folder"])
def test_the_server_is_prepared_wherever_a_job_is_called_from(flags: list[str], folder: str, tmp_path: Path) -> None:
    """Else each child would load torch and read the architectures for itself, and nobody would be told.

    A socket's path has at most 107 characters, and the server has its socket in the temporary folder.
    """
    script, temporary = tmp_path / "asked.py", tmp_path / folder
    script.write_text(ELSEWHERE, encoding="utf-8")
    temporary.mkdir()
    (tmp_path / "bench.py").write_text("raise ImportError", encoding="utf-8")  # not ours
    command = [sys.executable, *flags, str(script), str(ROOT)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["TMPDIR"] = str(temporary)
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr
    assert list(temporary.iterdir()) == []


def test_where_no_short_folder_is_usable_it_is_said_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "tempdir", f"/{'t' * 100}")
    monkeypatch.setattr(multiprocessing.util, "get_temp_dir", full)
    expected = (
        r"no temporary folder can hold a socket \(/t+: its path is too long for a socket; /tmp: No space left on "
        r"device; /var/tmp: No space left on device\); name one with TMPDIR .* has at most 71 characters$"
    )
    with pytest.raises(UserError, match=expected):
        start_context()


FULL = """
import errno, os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child, start_context
made, broken = os.mkdir, sys.argv[2]
def mkdir(path, *others):
    if str(path).startswith(broken):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    made(path, *others)
os.mkdir = mkdir
start_context(())
print(call_in_child(max, 1, 2), tempfile.gettempdir() == broken)
"""


def test_a_temporary_folder_that_is_full_is_no_obstacle(tmp_path: Path) -> None:
    """Whoever runs tests as root is refused nothing, so it is pretended."""
    script = tmp_path / "asked.py"
    script.write_text(FULL, encoding="utf-8")
    command = [sys.executable, str(script), str(ROOT), str(tmp_path)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2 True\n", ""), "what the user has set stays set"


REFUSED = """
import os, sys
sys.path[:0] = sys.argv[1:3]
from bench.machine.child import call_in_child, start_context
start_context(("refuses_forks",))
try:
    call_in_child(max, 1, 2)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_where_no_more_processes_are_allowed_one_line_says_so(tmp_path: Path) -> None:
    """Whoever runs tests as root has no limit, so it is pretended, in the server that forks."""
    refuses = "import os\ndef fork():\n    raise BlockingIOError(11, os.strerror(11))\nos.fork = fork\n"
    (tmp_path / "refuses_forks.py").write_text(refuses, encoding="utf-8")
    command = [sys.executable, "-c", REFUSED, str(ROOT), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (
        "UserError a worker process can't be started: the system refuses it, as where a limit on processes (ulimit -u) "
        "or on memory is reached; the same command goes on from here\n",
        "",
    )


CLEARED = """
import shutil, sys
sys.path.insert(0, sys.argv[1])
from multiprocessing import util
from bench.machine.child import call_in_child, start_context
start_context(())
shutil.rmtree(util.get_temp_dir())
try:
    call_in_child(max, 1, 2)
except Exception as error:
    print(type(error).__name__, str(error).replace(util.get_temp_dir(), "FOLDER"))
"""


def test_who_clears_the_temporary_folder_of_a_living_job_is_told(tmp_path: Path) -> None:
    script = tmp_path / "asked.py"
    script.write_text(CLEARED, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script), str(ROOT)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == (
        "UserError a worker process can't be started: somebody has removed FOLDER; the same command goes on from here\n"
    ), done.stderr
