"""Intervals of speeds say of how many sessions they are; several sessions make one that spans them all."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import reports
from reports.findings.speed_ratios import training_ratios
from reports.markup.escape import plain
from tests.reports.synthetic import write_experiment
from tests.reports.test_reports_speed import write_speeds

pytestmark = pytest.mark.usefixtures("unmade")


def second_session(folder: Path, factor: float, days: float = 1.0) -> None:
    """Put a session of `days` before beside the one of throughput.json, in which cnn3 was `factor` times as fast."""
    path = folder / "throughput.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["environment"]["begun"] = 1_795_547_623.4
    earlier = json.loads(json.dumps(content))
    earlier["environment"]["begun"] -= 86_400 * days
    for one in earlier["works"]:
        if one["arch"] == "cnn3":
            one["seconds"] = [seconds / factor for seconds in one["seconds"]]
    path.write_text(json.dumps(content | {"earlier": [earlier]}), encoding="utf-8")


def test_the_page_says_what_the_interval_of_one_session_does_not_cover(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",))
    reports.build(folder)
    words = (
        "All intervals are over rounds of one session: they do not cover how far speeds and ratios move from one hour"
    )
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert words in page and "×: against the baseline, in one session." in page


def test_a_page_of_one_architecture_does_not_speak_of_ratios(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 1, tasks=("vae",), n_test=10)
    reports.build(folder)
    page = (folder / "report.md").read_text(encoding="utf-8")
    assert "Parameters and speed are of the task VAE." in page and "against the baseline" not in page


def test_two_sessions_apart_give_an_interval_that_spans_both(tmp_path: Path) -> None:
    """Half as fast on one day and 0.6 times on another: the rounds of either day alone would be sure."""
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",))
    alone = training_ratios(reports.load(folder), "vae")["cnn3"]
    second_session(folder, 1.2)
    found = training_ratios(reports.load(folder), "vae")["cnn3"]
    assert (found.sessions, found.n) == (2, 16) and found.resolved
    assert found.value == pytest.approx(alone.value * 1.2**0.5)
    assert (found.low, found.high) == pytest.approx((alone.low, 1.2 * alone.high))
    reports.build(folder)
    page = plain((folder / "report.md").read_text(encoding="utf-8"))
    assert f"trains 0.54× as fast [{found.low:.2f}, {found.high:.2f}] (2 sessions)." in page
    assert (
        "2 sessions (23 November 2026, 19:13 UTC and 24 November 2026, 19:13 UTC): the ratio is their geometric mean, "
        "and each interval spans those of all sessions." in page
    )
    assert "one session" not in page
    speeds = pd.read_csv(folder / "throughput.csv").set_index(["arch", "work"])
    assert speeds.loc[("cnn3", "train"), "sessions"] == 2


def test_sessions_that_disagree_about_who_is_faster_resolve_nothing(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    write_speeds(folder, ["cnn2", "cnn3"], tasks=("vae",))
    assert training_ratios(reports.load(folder), "vae")["cnn3"].resolved
    second_session(folder, 2.5)
    found = training_ratios(reports.load(folder), "vae")["cnn3"]
    assert not found.resolved and found.low < 1 < found.high
    assert "their training speeds can't be told apart" in plain(reports.answer(folder))
