"""Jobs of `--race` through the command line: what they train, say and leave, and how they are taken up again."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.job.options import parse
from bench.store.design import read
from tests.job.test_job import begun_with, job, records, stamps
from tests.job.test_signals import at_the_first_record

FIRST, SMALL, LARGE = "cnn:depth=2,channels=2", "cnn:depth=2,channels=3", "cnn:depth=1,channels=64"
FOUR = ("--archs", FIRST, SMALL, "cnn3", LARGE, "--tasks", "vae", "--workers", "2", "--max-params", "60000")
RULE = ("--race", "--race-epochs", "1", "--epochs", "2", "--max-seeds", "4", "--confirm", "3")


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report" / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A race, and what was said on stderr."""
    folder = tmp_path_factory.mktemp("raced")
    with contextlib.redirect_stderr(io.StringIO()) as lines:
        assert job(folder, *FOUR, *RULE) == 0
    return folder, lines.getvalue().splitlines()


def test_the_report_is_of_the_confirmation_and_names_the_race(raced: tuple[Path, list[str]]) -> None:
    folder, _ = raced
    content, known = manifest(folder), {one.run_id: one for one in records(folder)}
    race = content["race"]
    assert race["archs"] == [FIRST, SMALL, "cnn3"] and race["full_grid"] == 12 and race["winner"] in race["archs"]
    assert (race["first_seeds"], race["max_seeds"], race["epochs"], race["confirmed"]) == (3, 4, 1, 3)
    shown = [known[run_id].spec for run_id in content["run_ids"]]
    names = list(dict.fromkeys([FIRST, race["winner"]]))
    assert content["archs"] == names and content["seeds"] == 3 and content["planned"] == len(shown) == 3 * len(names)
    assert {(spec["arch"], spec["seed"], spec["epochs"]) for spec in shown} == {
        (name, seed, 2) for name in names for seed in (4, 5, 6)
    }
    own = [known[run_id].spec for run_id in race["run_ids"]]
    assert {spec["epochs"] for spec in own} == {1} and max(spec["seed"] for spec in own) <= 3
    assert race["planned"] == len(own) and len(known) == len(own) + len(shown), "nothing else was trained"
    assert "stopping" not in content


def test_the_report_has_what_the_factor_of_the_two_cells_is_worth(raced: tuple[Path, list[str]]) -> None:
    folder, _ = raced
    assert set(manifest(folder)["race"]["factors"]) == {FIRST, SMALL}
    found = reports.load(folder / "report").race_factors
    assert found is not None and (found.candidates, found.members, found.seeds) == (3, 2, 3)
    ((_, step),) = found.analysis.effects.iterrows()
    assert (step["factor"], step["from_level"], step["to_level"], step["n"]) == ("channels", "2", "3", 3)


def test_what_is_too_large_is_named_and_not_trained(raced: tuple[Path, list[str]]) -> None:
    folder, lines = raced
    (left_out,) = manifest(folder)["left_out"]
    assert left_out["arch"] == LARGE
    assert re.fullmatch(r"[\d,]+ parameters of the task VAE, at most 60,000", left_out["reason"])
    assert f"left out, 1 of 4: {LARGE} ({left_out['reason']})" in lines
    assert not any(one.spec["arch"] == LARGE for one in records(folder))


def test_the_design_holds_the_rule_and_the_page_is_as_planned(raced: tuple[Path, list[str]]) -> None:
    folder, _ = raced
    stored = read(folder / "report")
    assert stored is not None
    design, rule = stored.design, stored.design.stopping
    assert (rule.kind, rule.first_seeds, rule.seeds, rule.race_epochs, rule.confirm) == ("race", 3, 4, 1, 3)
    assert design.limits is not None and (design.limits.max_params, design.limits.max_macs) == (60_000, None)
    assert [one.arch for one in design.left_out] == [LARGE] and len(design.architectures) == 3
    assert design.runs.planned == 12 + 2 * 3 and design.recipe.epochs == 2
    found = reports.answer_data(folder / "report")["design"]
    assert (found["state"], found["deviations"]) == ("kept", [])


def test_each_round_says_where_it_stands_and_the_end_who_won(raced: tuple[Path, list[str]]) -> None:
    folder, lines = raced
    said = [line for line in lines if line.startswith(("race:", "confirming"))]
    race = manifest(folder)["race"]
    names = " and ".join(manifest(folder)["archs"])
    assert said[0] == "race: 3 architectures, first 3 of at most 4 seeds"
    left = r"about \d+:\d\d left in this round, 0:0\d after the last"
    assert re.fullmatch(rf"confirming {re.escape(names)} at 3 fresh seeds, {left}", said[-2]), "the pace is known"
    assert said[-1].startswith(f"race: {race['winner']} ")
    assert f" after {race['seeds']} seeds, {race['planned']} runs of the full grid's 12: " in said[-1]


@pytest.mark.slow
def test_a_race_that_was_stopped_goes_on_to_the_same_end(raced: tuple[Path, list[str]], tmp_path: Path) -> None:
    at_the_first_record(tmp_path, signal.SIGINT)
    assert job(tmp_path, *FOUR, *RULE) == 130
    early = manifest(tmp_path)["race"]
    assert (early["ended"], early["confirmed"], early["winner"], early["planned"]) == ("stopped", 0, None, 9)
    assert job(tmp_path, *FOUR, *RULE) == 0
    content, whole = manifest(tmp_path), manifest(raced[0])
    same = ("run_ids", "planned", "seeds", "archs", "title", "race", "left_out", "factors", "schedule")
    assert {name: content[name] for name in same} == {name: whole[name] for name in same}


@pytest.mark.slow
def test_a_race_that_ran_out_of_time_is_confirmed_and_stays_over(
    raced: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    _, *known = [one for one in records(raced[0]) if one.spec["seed"] < 3]  # all of the first round but one
    begun_with(known, tmp_path)
    assert job(tmp_path, *FOUR, *RULE, "--max-minutes", "0.001") == 0
    race, before = manifest(tmp_path)["race"], stamps(tmp_path)
    assert (race["ended"], race["seeds"], race["confirmed"], race["max_minutes"]) == ("budget", 3, 3, 0.001)
    assert "the race ended there, and stays so in this report" in capsys.readouterr().err
    assert job(tmp_path, *FOUR, *RULE) == 0
    assert manifest(tmp_path)["race"] == race | {"max_minutes": None} and stamps(tmp_path) == before
    assert "ended when its time was up, and its winner stays; to race on" in capsys.readouterr().err
    assert job(tmp_path, *FOUR, *RULE, "--out", str(tmp_path / "on")) == 0
    raced_on = json.loads((tmp_path / "on" / "manifest.json").read_text(encoding="utf-8"))["race"]
    assert raced_on["seeds"] == 4 or raced_on["ended"] != "budget"


@pytest.mark.slow
def test_without_a_confirmation_the_report_shows_the_race(raced: tuple[Path, list[str]], tmp_path: Path) -> None:
    begun_with(records(raced[0]), tmp_path)
    assert job(tmp_path, *FOUR, "--race", "--race-epochs", "1", "--max-seeds", "3", "--confirm", "0") == 0
    content = manifest(tmp_path)
    assert content["race"]["confirmed"] == 0 and set(content["run_ids"]) <= set(content["race"]["run_ids"])
    assert content["archs"][0] == FIRST and content["seeds"] == 3 and content["schedule"]["steps"] > 0
    assert reports.answer_data(tmp_path / "report")["design"]["deviations"] == []


def test_what_the_options_leave_open() -> None:
    found = parse(["--race", "--tasks", "vae"])
    assert (found.seeds, found.max_seeds, found.race_epochs, found.confirm) == (3, 30, None, 5)
    assert not parse([]).race and (parse([]).max_params, parse([]).max_macs) == (None, None)
