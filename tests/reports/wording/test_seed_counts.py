"""A number of seeds on the page is true of every cell that it speaks of, also where a job was interrupted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import reports
from reports.markup.escape import plain
from reports.wording.phrases import mark_of_fewer, seeds_in_words
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def interrupted(folder: Path, finished: dict[str, int], asked: int = 6, tasks: tuple[str, ...] = ("vae",)) -> Path:
    """A report of which each architecture has so many seeds of those asked for: the manifest names no others."""
    report = write_experiment(folder, list(finished), tasks=tasks, seeds=asked, n_test=10)
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    runs = {run.run_id: run.spec for run in reports.load(report).records}
    kept = [run_id for run_id in manifest["run_ids"] if runs[run_id]["seed"] < finished[runs[run_id]["arch"]]]
    manifest |= {"run_ids": kept, "planned": len(runs)}
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return report


def page_of(folder: Path) -> str:
    reports.build(folder)
    return (folder / "report.md").read_text(encoding="utf-8")


def rows(page: str) -> dict[str, str]:
    table = page[page.index("| architecture") :].split("\n\n")[0].splitlines()[2:]
    return {line.split("|")[1].strip(): line for line in table}


def test_seeds_and_marks_in_words() -> None:
    assert [seeds_in_words(counts) for counts in ([6], [1], [2, 6], [6, 2, 3])] == [
        "6 seeds", "1 seed", "2 to 6 seeds", "2 to 6 seeds",
    ]  # fmt: skip
    marks = [mark_of_fewer(*numbers) for numbers in ((6, 0, 6, 6), (2, 0, 6, 6), (2, 1, 3, 3), (2, 0, 2, 6))]
    assert marks == ["", " (2 of 6)", " (2 of 3)", ""]


def test_cells_of_fewer_seeds_say_so_and_the_note_names_the_range(tmp_path: Path) -> None:
    page = page_of(interrupted(tmp_path, {"cnn2": 6, "cnn3": 2, "mlp": 1}))
    found = rows(page)
    assert "(2 of 6)" in found["cnn3"] and re.search(r"\d \(1 of 6\)", found["mlp"]) and " of 6" not in found["cnn2"]
    assert (
        "± is the standard deviation over 2 to 6 seeds (a cell of fewer than 6 says so in brackets); brackets are"
        in page
    )
    assert "over 6 seeds" not in page
    assert "Mean over 1 to 6 seeds; the band is ± 1 standard deviation." in page
    terminal = " ".join(reports.terminal_summary(tmp_path / "report").split())
    assert "(2 of 6) ▼" in terminal and "over 2 to 6 seeds (a cell of fewer than 6 says so in brackets)" in terminal


def test_a_job_stopped_after_two_whole_seeds_has_spreads_over_two(tmp_path: Path) -> None:
    page = page_of(interrupted(tmp_path, {"cnn2": 2, "cnn3": 2}))
    assert "± is the standard deviation over 2 seeds of the 6 that were asked for; brackets are" in page
    assert " of 6)" not in page.split("±  is")[0].split("## ")[0].replace("of the 6", "")


def test_a_job_stopped_after_one_seed_has_no_spread_and_no_interval(tmp_path: Path) -> None:
    page = plain(page_of(interrupted(tmp_path, {"cnn2": 1, "cnn3": 1})))
    assert "One seed: differences have no interval and no verdict (?)." in page and "±" not in page.split("## ")[0]
    assert "One seed, so no band." in page and "interval over seeds" not in page.split("## Where")[0]


def test_tables_beside_the_first_mark_fewer_seeds_too(tmp_path: Path) -> None:
    """What the ELBO hides, in LaTeX as on the page."""
    report = interrupted(tmp_path, {"cnn2": 6, "cnn3": 2})
    reports.build(report, latex=True)
    page = (report / "report.md").read_text(encoding="utf-8")
    part = page[page.index("## Behind") : page.index("## What the models")]
    row = next(line for line in part.splitlines() if line.startswith("| KL"))
    assert "24.0 ± 0.0 (2 of 6)" in row and row.count(" of 6)") == 1
    for name in ("comparison", "generative_vae"):
        assert "(2 of 6)" in (report / "latex" / f"{name}.tex").read_text(encoding="utf-8")
