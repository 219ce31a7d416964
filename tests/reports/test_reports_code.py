"""A page says which code its numbers are of, and where that isn't the code of the job that shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from reports.comparing.compare import compare
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")

NOW = {"commit": "b" * 40, "dirty": True, "changed_files": ["archs/mine.py"], "code": {"tasks": "1", "data": "2"}}
BEFORE = {"commit": "a" * 40, "dirty": False, "code": {"tasks": "0", "data": "2"}}


def built(folder: Path, made: dict[str, Any], **manifest: Any) -> Path:
    report = write_experiment(folder, seeds=2, tasks=("vae",), environment=made, manifest=manifest)
    reports.build(report)
    return report


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of runs that were done before the loss was edited."""
    return built(tmp_path_factory.mktemp("edited"), BEFORE, provenance=NOW)


def test_a_page_says_at_its_top_that_other_code_made_its_numbers(edited: Path) -> None:
    head = (edited / "report.md").read_text(encoding="utf-8").partition("\n## ")[0]
    assert "⚠ 4 of 4 records were made by other code than this: bench/tasks differs (commit aaaaaaaaaa, now" in head


def test_a_page_of_one_version_says_nothing(tmp_path: Path) -> None:
    page = (built(tmp_path, NOW, provenance=NOW) / "report.md").read_text(encoding="utf-8")
    assert "other code" not in page
    assert f"commit {'b' * 40} with changes: archs/mine.py" in page


def test_code_and_changes_are_in_the_table_of_runs_and_in_a_comparison(edited: Path, tmp_path: Path) -> None:
    runs = pd.read_csv(edited / "records.csv")
    assert set(runs["dirty"]) == {False}
    assert runs["code"].nunique() == 1
    differing = {name for name, _, _ in compare(edited, built(tmp_path, NOW)).settings}
    assert {"code", "dirty", "commit"} <= differing


def test_foreign_code_is_named(tmp_path: Path) -> None:
    page = (built(tmp_path, {**NOW, "foreign_code": {"my.py": "0123456789ab"}}) / "report.md").read_text("utf-8")
    assert "my.py (0123456789ab)" in page
