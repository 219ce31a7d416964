"""The page of a race is as planned if its winner was confirmed as planned; whoever lost is not missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from tests.reports.answers.designs import planned
from tests.reports.synthetic import write_experiment

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
        ({"ended": "one left", "confirmed": 5}, [("seeds", 3, 5)]),
        ({"ended": "stopped", "confirmed": 0}, [("seeds", 3, 0)]),
        ({"archs": ["cnn2", "cnn3"], "ended": "one left", "confirmed": 3}, [("architecture missing", "lost", None)]),
        (None, [("stopping", "race", "fixed"), ("architecture missing", "lost", None)]),
    ],
    ids=["confirmed", "out of time", "more seeds", "not confirmed", "not raced", "no race"],
)
def test_what_a_race_did_not_plan_is_a_deviation(
    race: dict[str, Any] | None, expected: list[tuple[str, object, object]], tmp_path: Path
) -> None:
    assert deviations(tmp_path, race) == expected
