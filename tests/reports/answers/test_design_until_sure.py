"""A page whose seeds were added until settled says whether that was planned, by what rule, and what ended it."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from tests.reports.answers.designs import planned, until_sure
from tests.reports.answers.test_design import WHEN, said
from tests.reports.stopping.synthetic import write_until_sure

pytestmark = pytest.mark.usefixtures("unmade")


def written(folder: Path, ended: str = "settled", **options: object) -> Path:
    return write_until_sure(folder, {"cnn2": 5, "cnn3": 4, "mlp": 5}, ended, **options)


@pytest.mark.parametrize(
    ("ended", "minutes", "words"),
    [
        ("settled", None, "until sure, at most 30 seeds; ended: settled"),
        ("most seeds", None, "until sure, at most 30 seeds; ended: most seeds reached"),
        ("minutes", 90.0, "until sure, at most 30 seeds or 90 minutes; ended: time used up"),
    ],
)
def test_as_planned_says_the_rule_and_what_ended_it(
    tmp_path: Path, ended: str, minutes: float | None, words: str
) -> None:
    """Whatever the seeds are: nobody planned how many it would take."""
    report = planned(written(tmp_path, ended, minutes=minutes), until_sure(30))
    assert said(report) == [f"As planned ({WHEN}): {words}."]
    assert reports.answer_data(report)["design"]["as_planned"]


def test_more_seeds_than_planned_leave_verdicts_that_hold_at_any_look(tmp_path: Path) -> None:
    report = planned(written(tmp_path), until_sure(20, first=5))
    clauses = "first look at 3 seeds instead of 5; at most 30 seeds instead of 20"
    assert said(report) == [f"**Not as planned** ({WHEN}): {clauses}."]


def test_a_number_of_seeds_that_was_to_be_fixed_is_another_plan(tmp_path: Path) -> None:
    report = planned(written(tmp_path))
    clause = "seeds added until settled instead of a number of seeds fixed beforehand"
    assert said(report) == [f"Not as planned: {clause}.", f"**Not as planned** ({WHEN}): {clause}."]


def test_a_job_that_was_stopped_is_not_as_planned(tmp_path: Path) -> None:
    """One run failed, and two that were asked for have no record."""
    failures = {("cnn3", "vae", 2): "boom"}
    report = planned(written(tmp_path, "stopped", failures=failures, manifest={"planned": 16}), until_sure(30))
    clauses = "stopped before all was settled; 3 of 16 planned runs without a result"
    assert said(report) == [f"**Not as planned** ({WHEN}): {clauses}."]


def test_runs_that_were_there_before_are_of_those_that_could_be_asked_for(tmp_path: Path) -> None:
    report = planned(written(tmp_path), until_sure(30, made_before=9))
    assert "9 of at most 14 planned runs were in the store when the plan was written" in said(report)[0]
