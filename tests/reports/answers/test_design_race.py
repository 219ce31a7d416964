"""The page of a race is as planned if its winner was confirmed as planned; whoever lost is not missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports.answers.designs import planned
from tests.reports.answers.designs import raced as of_a_race
from tests.reports.answers.test_design import WHEN, said
from tests.reports.race.synthetic import write_race
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")

FOUR = {"cnn2": -6.0, "cnn3": 0.0, "mlp": -9.0, "pool2": -14.0}
LOST = ("mlp", "pool2")
RULE = {"kind": "race", "seeds": 20, "first_seeds": 3, "max_minutes": None, "race_epochs": 1, "confirm": 3}

ENTRY = {"task": "vae", "epochs": 1, "first_seeds": 3, "max_seeds": 20, "at_once": 1, "run_ids": [], "planned": 0}


def deviations(folder: Path, race: dict[str, Any] | None) -> list[tuple[str, object, object]]:
    """Kind, planned and found of each deviation of a report of three seeds whose design has one architecture more."""
    report = write_experiment(folder, tasks=("vae",), seeds=3, n_test=20, manifest={"evaluate": "basic"})
    path = report / "manifest.json"
    content = json.loads(path.read_text())
    if race is not None:
        entry = {**ENTRY, "archs": [*content["archs"], "lost"], "winner": content["archs"][0], **race}
        entry["full_grid"] = len(entry["archs"]) * entry["max_seeds"]
        path.write_text(json.dumps({**content, "race": entry}))

    def change(design: dict[str, Any]) -> None:
        design["architectures"].append({**design["architectures"][0], "name": "lost"})
        design["stopping"] = RULE

    planned(report, change)
    found = reports.answer_data(report)["design"]["deviations"]
    return [(one["kind"], one["planned"], one["found"]) for one in found]


@pytest.mark.parametrize(
    "race, expected",
    [
        ({"ended": "one left", "confirmed": 3}, []),
        ({"ended": "budget", "confirmed": 3}, []),
        ({"ended": "one left", "confirmed": 5}, [("confirmation", 3, 5)]),
        ({"ended": "one left", "confirmed": 3, "max_seeds": 30}, [("race", 20, 30)]),
        ({"ended": "one left", "confirmed": 3, "first_seeds": 5, "epochs": 2}, [("race", 3, 5), ("race", 1, 2)]),
        ({"archs": ["cnn2", "cnn3"], "ended": "one left", "confirmed": 3}, [("architecture missing", "lost", None)]),
        (None, [("stopping", "race", "fixed"), ("architecture missing", "lost", None)]),
    ],
    ids=["confirmed", "out of time", "more fresh seeds", "more seeds", "another rule", "not raced", "no race"],
)
def test_what_a_race_did_not_plan_is_a_deviation(
    race: dict[str, Any] | None, expected: list[tuple[str, object, object]], tmp_path: Path
) -> None:
    assert deviations(tmp_path, race) == expected


@pytest.mark.parametrize(
    ("race", "confirm", "words"),
    [
        ({}, 5, "from 3 to at most 10 seeds, 10 epochs a run, its winner to be confirmed at 5 fresh seeds"),
        ({"rounds": 1, "budget": True, "minutes": 90.0, "epochs": 1, "confirm": 1}, 1,
         "from 3 to at most 10 seeds or 90 minutes, 1 epoch a run, its winner to be confirmed at 1 fresh seed"),
        ({"confirm": 0, "first": 4, "epochs": 2}, 0,
         "from 4 to at most 10 seeds, 2 epochs a run, without a confirmation"),
    ],
    ids=["confirmed", "out of time", "not to be confirmed"],
)  # fmt: skip
def test_as_planned_says_the_rule_and_what_ended_it(
    race: dict[str, Any], confirm: int, words: str, tmp_path: Path
) -> None:
    report = write_race(tmp_path, FOUR, manifest={"evaluate": "basic"}, **race)
    options = {"most": 10, "first": race.get("first", 3), "epochs": race.get("epochs", 10), "confirm": confirm}
    ended = "time used up" if "budget" in race else "one left"
    rule = f"a race of 4, {words}; ended: {ended}"
    assert said(planned(report, of_a_race(*LOST, **options))) == [f"As planned ({WHEN}): {rule}."]


def test_a_race_by_another_rule_or_with_other_fresh_seeds_is_not_as_planned(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR, epochs=2, manifest={"evaluate": "basic"})
    planned(report, of_a_race(*LOST, most=8, first=4, epochs=1, confirm=3))
    clauses = (
        "race from 3 seeds on instead of 4; race of at most 10 seeds instead of 8; race of 2 epochs a run instead of "
        "1; confirmed at 5 fresh seeds instead of 3"
    )
    added = " (if they were added in sight of the results, the intervals don't hold)"
    assert said(report) == [f"Not as planned: {clauses}{added}.", f"**Not as planned** ({WHEN}): {clauses}."]
    planned(report, of_a_race(*LOST, most=10, epochs=2, confirm=7))
    fixed = " (the verdicts assume a number of seeds that was fixed beforehand)"
    assert said(report)[0] == f"Not as planned: confirmed at 5 fresh seeds instead of 7{fixed}."


def test_a_race_whose_winner_has_no_fresh_seeds_yet_is_not_as_planned(tmp_path: Path) -> None:
    report = write_race(tmp_path, FOUR, confirm=0, epochs=2, manifest={"evaluate": "basic"})
    planned(report, of_a_race(*LOST, most=10, epochs=2, confirm=5))
    assert said(report)[0] == "Not as planned: no confirmation at 5 fresh seeds."


def test_a_race_that_was_stopped_had_other_epochs_as_planned_and_no_confirmation(tmp_path: Path) -> None:
    """What is shown by then are the race's own runs, of the race's epochs."""
    report = write_race(tmp_path, FOUR, epochs=2, rounds=1, manifest={"evaluate": "basic"})

    def change(design: dict[str, Any]) -> None:
        of_a_race(*LOST, most=10, epochs=2, confirm=5)(design)
        design["recipe"]["epochs"] = 30

    assert said(planned(report, change)) == [f"**Not as planned** ({WHEN}): stopped before the race was over."]
