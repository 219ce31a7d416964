"""Who may call a job: any script, thread or prompt, however it was started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.job.test_job import TINY

UNGUARDED = """
import os, sys
print("begun", flush=True)
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child, start_context
start_context(())
print(call_in_child(max, 1, 2), call_in_child(os.getpid) == os.getpid())
"""
THREAD = """
import os, signal, sys, threading
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child, start_context

def ask():
    start_context(())
    os.killpg(0, signal.SIGINT)  # as a terminal does, while the server begins
    print(call_in_child(max, 1, 2))

if __name__ == "__main__":
    signal.signal(signal.SIGINT, lambda *unused: None)
    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
"""
DAEMON = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from bench.machine.child import call_in_child

def ask():
    try:
        call_in_child(max, 1, 2)
    except Exception as error:
        print(type(error).__name__, error, flush=True)

if __name__ == "__main__":
    process = multiprocessing.get_context("fork").Process(target=ask, daemon=True)
    process.start()
    process.join()
"""


def called(*arguments: str, typed: str = "", folder: Path | None = None) -> tuple[str, str]:
    """Run Python, in a session of its own; return what it printed and what is on stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *arguments, str(ROOT)], input=typed, env=environment, cwd=folder or ROOT,
        capture_output=True, text=True, timeout=120, start_new_session=True,
    )  # fmt: skip
    return done.stdout, done.stderr


def test_a_script_is_not_run_again_in_each_child(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    assert called(str(script)) == ("begun\n2 False\n", "")


def test_a_script_may_come_from_a_pipe_or_a_prompt() -> None:
    assert called("-", typed=UNGUARDED) == ("begun\n2 False\n", "")
    assert called("-c", UNGUARDED) == ("begun\n2 False\n", "")
    shown, _ = called("-i", "-q", "-", typed=UNGUARDED)
    assert shown.endswith("2 False\n"), "the prompts are on stderr"


def test_any_thread_may_ask_and_ctrl_c_is_not_the_servers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(THREAD, encoding="utf-8")
    assert called(str(script)) == ("2\n", "")


def test_a_process_that_may_have_no_children_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(DAEMON, encoding="utf-8")
    assert called(str(script)) == (
        "UserError this process is a daemonic one of multiprocessing, which may start no others; call from one that "
        "was started with daemon=False\n",
        "",
    )


NOTEBOOK = """
import asyncio, io, sys, threading
sys.path.insert(0, sys.argv[1])
import run_ablation
from reports.figures import canvas

canvas.save = lambda figure, path, vector: path.touch()  # drawing is no matter of who calls

class Cell(io.TextIOBase):
    \"\"\"As a notebook's: it has no file.\"\"\"

    def __init__(self):
        self.texts = []

    def write(self, text):
        self.texts.append(text)
        return len(text)

    def fileno(self):
        raise io.UnsupportedOperation("fileno")

async def cell():
    return run_ablation.main({arguments!r})

kept = sys.stdout, sys.stderr
for sys.stdout, sys.stderr in ((Cell(), Cell()), (None, None)):
    said, warned = sys.stdout, sys.stderr
    statuses = [asyncio.run(cell())]
    thread = threading.Thread(target=lambda: statuses.append(run_ablation.main({arguments!r})))
    thread.start()
    thread.join()
    print(statuses, file=kept[0])
    if said:
        print("report: " in "".join(said.texts), "Traceback" in "".join(warned.texts), file=kept[0])
sys.stdout, sys.stderr = kept
"""


@pytest.mark.slow
def test_a_job_in_a_notebook_or_a_thread_or_without_an_output(tmp_path: Path) -> None:
    folders = ["--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]
    arguments = [*TINY, *folders, "--archs", "mlp", "--tasks", "classifier", "--seeds", "1"]
    shown, warned = called("-", typed=NOTEBOOK.format(arguments=arguments), folder=tmp_path)
    assert shown.splitlines() == ["[0, 0]", "True False", "[0, 0]"], warned
    assert warned == ""
    assert (tmp_path / "report" / "report.md").is_file()
