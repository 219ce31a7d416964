"""A page of a fixed number of seeds warns of adding more of them until something is resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from tests.reports.stopping.synthetic import write_until_sure
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")

WARNING = "calls up to 31 % of identical pairs different"


def count(report: Path) -> int:
    found = reports.build(report).read_text(encoding="utf-8").count(WARNING)
    assert WARNING in " ".join(reports.terminal_summary(report).split()) or not found
    return found


def test_the_warning_stands_once_where_something_is_unresolved(tmp_path: Path) -> None:
    report = write_experiment(tmp_path, 2, tasks=("vae", "cvae", "classifier"), gap=0.05, n_test=10)
    assert count(report) == 1
    page = (report / "report.md").read_text(encoding="utf-8")
    assert page.count("would be needed") == 3 and "`--until-sure` adds seeds" in page.partition("\n![")[0]


def test_where_all_is_resolved_nobody_is_warned(tmp_path: Path) -> None:
    assert count(write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)) == 0


def test_one_seed_has_nothing_to_peek_at(tmp_path: Path) -> None:
    assert count(write_experiment(tmp_path, 2, tasks=("vae",), seeds=1, n_test=10)) == 0


def test_seeds_that_were_added_soundly_need_no_warning(tmp_path: Path) -> None:
    assert count(write_until_sure(tmp_path, {"cnn2": 6, "cnn3": 6}, "most seeds", 6, gap=0.05)) == 0
