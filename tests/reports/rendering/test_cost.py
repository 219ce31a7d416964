"""What a page and a table do without, since it is slow and changes nothing that is shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import reports
from tests.conftest import ROOT
from tests.reports import synthetic
from tests.reports.synthetic import write_experiment


def loaded(code: str, *arguments: str) -> list[str]:
    """Return which slow libraries a process has imported after some code."""
    code += "\nimport sys; print(sorted({'seaborn', 'scipy', 'scipy.stats', 'matplotlib.pyplot'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))


def test_a_page_without_a_grid_imports_neither_seaborn_nor_scipy_stats(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["a", "b"], tasks=["vae", "classifier"], seeds=2)
    code = "import reports, sys; reports.terminal_summary(sys.argv[1]); reports.build(sys.argv[1])"
    assert loaded(code, str(folder)) == ["scipy"]
    assert "McNemar" in (folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table, needed", [("runs", []), ("history", []), ("layers", []), ("summary", ["scipy"])])
def test_only_the_table_with_intervals_imports_scipy(tmp_path: Path, table: str, needed: list[str]) -> None:
    write_experiment(tmp_path, tasks=["vae"], seeds=2)
    assert loaded("import bench, sys; bench.load(*sys.argv[1:])", str(tmp_path / "runs"), table) == needed


def test_the_first_paragraph_is_written_once_for_the_page_and_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None
) -> None:
    written: list[str] = []

    def answer(experiment: object) -> str:
        written.append(f"**Answer {len(written)}.**")
        return written[-1]

    monkeypatch.setattr("reports.sections.context.answer", answer)
    page = reports.build(write_experiment(tmp_path, tasks=["vae"]))
    assert written == ["**Answer 0.**"] and "\n\n**Answer 0.**\n\n" in page.read_text(encoding="utf-8")
    assert json.loads((page.parent / "answer.json").read_text(encoding="utf-8"))["answer"] == "Answer 0."


def test_invented_runs_can_be_tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["--archs", "3", "--seeds", "2", "--tune", "2", "--n-test", "50"]
    monkeypatch.setattr("sys.argv", ["synthetic", str(tmp_path), *asked])
    synthetic.main()
    tuning = reports.load(tmp_path / "report").tuning
    assert tuning is not None and tuning.count == 2 and len(tuning.table) == 3 * 3 * 2 * 2
    assert {0, 1} == set(tuning.table.loc[tuning.table["chosen"], "trial"])
