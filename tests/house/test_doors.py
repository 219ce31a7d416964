"""Commands that have moved say where they are now."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

MOVED = [path.stem for path in sorted((ROOT / "bench").glob("*.py")) if "is now python -m" in path.read_text("utf-8")]


def test_there_are_such_commands() -> None:
    assert len(MOVED) == 7


@pytest.mark.parametrize("name", MOVED)
def test_the_old_spelling_says_the_new_one(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip() == f"error: python -m bench.{name} is now python -m bench.studies.{name}"
    assert (ROOT / "bench" / "studies" / f"{name}.py").is_file()
