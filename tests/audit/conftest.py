"""The pages that are audited: two small jobs, made by the command line in this process, and pages of invented records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.audit.facts import Facts

SMALL = ["--dataset", "digits", "--train-images", "300", "--device", "cpu", "--throughput", "off"]
JOBS = {
    "crossing": ["--archs", "cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2", "--tasks", "vae", "classifier", "cvae",
                 "--seeds", "3", "--epochs", "2", "--workers", "1"],
    "winner": ["--archs", "mlp", "cnn3", "--tasks", "vae", "classifier", "--seeds", "6", "--epochs", "4",
               "--workers", "2"],
}  # fmt: skip
"""A grid of four that few seeds don't resolve; a pair with a clear winner, not the same on both tasks."""


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Facts]:
    """Return the report of a job of `JOBS`, made when it is first asked for."""
    from run_ablation import main

    made: dict[str, Facts] = {}

    def make(name: str) -> Facts:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            where = ["--runs-dir", str(folder / "runs"), "--out", str(folder / "report")]
            with patch("reports.figures.canvas.save", lambda figure, path, vector: path.touch()):
                assert main([*JOBS[name], *SMALL, *where]) == 0
            made[name] = Facts(folder / "report")
        return made[name]

    return make


@pytest.fixture(scope="session", params=JOBS)
def report(request: pytest.FixtureRequest, job: Callable[[str], Facts]) -> Iterator[Facts]:
    """Each of the two jobs' reports."""
    yield job(request.param)


def page_of(facts: Facts) -> str:
    return (Path(facts.folder) / "report.md").read_text(encoding="utf-8")
