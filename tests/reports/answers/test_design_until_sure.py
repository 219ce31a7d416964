"""A job that adds seeds until verdicts are settled is as planned however few it took, but not beyond its most."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.store.store import Store
from tests.reports.answers.designs import planned
from tests.reports.synthetic import write_experiment

GROWING = {"kind": "until sure", "first_seeds": 3, "max_minutes": None}


def deviations(folder: Path, most_planned: int | None, rule: dict[str, Any] | None) -> list[tuple[str, object, object]]:
    """Kind, planned and found of each deviation of three seeds; None: a fixed number of seeds."""
    report = write_experiment(folder, tasks=("vae",), seeds=3, n_test=20, manifest={"evaluate": "basic"})
    if rule is not None:
        path = report / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "stopping": rule}), encoding="utf-8")
    kind = {**GROWING, "seeds": most_planned} if most_planned else {"kind": "fixed", "seeds": 3}
    planned(report, lambda design: design.update(seeds=list(range(most_planned or 3)), stopping=kind))
    found = reports.answer_data(report)["design"]
    assert found["state"] == "kept"
    return [(one["kind"], one["planned"], one["found"]) for one in found["deviations"]]


def rule(most: int, ended: str) -> dict[str, Any]:
    return {**GROWING, "max_seeds": most, "ended": ended}


@pytest.mark.parametrize("ended", ["settled", "minutes", "stopped"])
def test_fewer_seeds_than_the_most_are_as_planned(ended: str, tmp_path: Path) -> None:
    assert deviations(tmp_path, 30, rule(30, ended)) == []


@pytest.mark.parametrize(
    "most_planned, found, expected",
    [
        (3, rule(3, "most seeds"), []),
        (2, rule(30, "settled"), [("seeds", 2, 3)]),
        (30, rule(3, "most seeds"), [("seeds", 30, 3)]),
        (30, None, [("stopping", "until sure", "fixed")]),
        (None, rule(30, "settled"), [("stopping", "fixed", "until sure")]),
        (None, None, []),
    ],
    ids=["the most", "beyond it", "cut short", "a fixed number", "not fixed", "fixed"],
)
def test_what_the_rule_did_not_plan_is_a_deviation(
    most_planned: int | None, found: dict[str, Any] | None, expected: list[tuple[str, object, object]], tmp_path: Path
) -> None:
    assert deviations(tmp_path, most_planned, found) == expected


def test_what_is_settled_is_not_said_to_be_unfinished(tmp_path: Path) -> None:
    """Two of three architectures have two seeds less than the first: that is the rule's doing."""
    report = write_experiment(tmp_path, tasks=("vae",), seeds=3, n_test=20, manifest={"evaluate": "basic"})
    path, store = report / "manifest.json", Store(report.parent / "runs")
    content = json.loads(path.read_text())
    kept = [one for one in content["run_ids"] if (spec := store.load(one).spec)["seed"] == 0 or spec["arch"] == "cnn2"]
    assert len(kept) < len(content["run_ids"])
    for planned_runs, expected in ((len(kept), []), (len(kept) + 1, ["unfinished"])):
        content |= {"run_ids": kept, "planned": planned_runs, "stopping": rule(3, "settled")}
        path.write_text(json.dumps(content), encoding="utf-8")
        planned(report, lambda design: design.update(stopping={**GROWING, "seeds": 3}))
        assert [one["kind"] for one in reports.answer_data(report)["design"]["deviations"]] == expected
