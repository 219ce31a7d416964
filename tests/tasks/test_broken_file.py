"""A broken file in `bench/tasks/` is one line where its task is asked for, and left out of the list."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archs.errors import UserError
from bench import tasks
from bench.job import listing
from run_ablation import main
from tests.conftest import registered

BROKEN = [
    ("def f(:\n", "bench/tasks/broken_task.py, line 1: SyntaxError: "),
    ("import sys\nsys.exit(3)\n", "bench/tasks/broken_task.py, line 2: SystemExit: 3"),
    (
        "TASKS = 1\n",
        "bench/tasks/broken_task.py: AttributeError: module 'bench.tasks.broken_task' has no attribute 'TASK'",
    ),
    ("TASK = 1\n", "bench/tasks/broken_task.py: TASK is an int, expected a Task(name=…, …)"),
]


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that is found as one of the folder."""
    known = tasks.built_in()
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    monkeypatch.setattr(tasks, "built_in", lambda: [*known, "broken_task"])
    monkeypatch.setattr(tasks, "__file__", str(tmp_path / "__init__.py"))
    yield tmp_path / "broken_task.py"
    sys.modules.pop("bench.tasks.broken_task", None)


@pytest.mark.parametrize("text, said", BROKEN)
def test_it_is_named_in_one_line(broken: Path, text: str, said: str, capsys: pytest.CaptureFixture) -> None:
    broken.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as raised:
        tasks.get("broken_task")
    assert str(raised.value).startswith(said)
    table, problems = listing.listing(registered())
    assert "classifier" in table and "broken_task" not in table
    assert problems == [f"{raised.value}; left out"]
    assert tasks.get("vae").name == "vae"


def test_a_job_without_it_is_not_disturbed(broken: Path, capsys: pytest.CaptureFixture) -> None:
    broken.write_text("1 / 0\n", encoding="utf-8")
    assert main(["--list"]) == 0
    assert capsys.readouterr().err.startswith("WARNING: bench/tasks/broken_task.py, line 1: ZeroDivisionError")
