"""The simulated races: their arithmetic is the shipped one, and the committed page is what the script says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.statistics.sequential import pairs
from bench.studies.racing import races, simulate
from bench.studies.racing.alternatives import grid, halving
from bench.studies.racing.page import page
from bench.studies.racing.races import Counts, Floats
from bench.studies.racing.scenarios import NOISES, SYMMETRIC, Scenario, all_scenarios, draw
from bench.studies.trials.children import table_of

DOCS = Path(__file__).parents[2] / "docs" / "racing"


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return table_of(DOCS / "racing.csv", simulate.COLUMNS, "--from")


@pytest.mark.parametrize("noise", NOISES)
def test_the_true_means_are_those_that_are_said(noise: str) -> None:
    scenario = Scenario("one best", 1.0, 5, 0.5, noise)
    values = draw(np.random.default_rng(0), scenario, 4_000, 30)
    np.testing.assert_allclose(values.mean(axis=(0, 2)), scenario.means, atol=0.05)
    assert scenario.means[0] == 0 and (scenario.means[1:] == -1.0).all()  # sqrt(2 (1 − 0.5))
    if noise in SYMMETRIC:
        assert (values[:, 1] - values[:, 2]).std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("equal", 0.0, 10, 0.5, races=60),
        Scenario("ladder", 0.5, 10, 0.5, margin=0.5, races=60),
        Scenario("one best", 1.0, 10, 0.0, "others collapse", margin=1.0, races=60),
    ],
)
def test_a_tiny_run_agrees_with_the_shipped_race(scenario: Scenario) -> None:
    found = simulate.simulate(scenario, seed=0)
    assert [row.most for row in found] == list(simulate.MOST)
    assert all(row.checked == 50 and row.disagreements == 0 for row in found)
    assert found[0].runs <= found[1].runs <= found[2].runs <= 300


def test_a_race_by_other_evidence_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    def twentyfold(table: Floats, margin: float, level: float) -> tuple[Floats, Counts]:
        worse, close_at = pairs.evidence_of(table, margin, level)
        return 20 * worse, close_at

    monkeypatch.setattr(races, "evidence_of", twentyfold)
    found = simulate.simulate(Scenario("equal", 0.0, 10, 0.0, races=60), seed=0)
    assert found[-1].disagreements > 25 and found[-1].thrown_out > 0.1


def test_as_many_runs_for_halving_find_the_best_as_often_as_its_arithmetic_says() -> None:
    """Of two arms both are a grid: the best mean of n seeds wins with the chance Φ(gap √n)."""
    from scipy.special import ndtr

    scenario = Scenario("one best", 0.5, 2, 0.0, races=20_000)
    for share in (grid, halving):
        found = share(np.random.default_rng(1), scenario, 18.9)
        assert found == pytest.approx(float(ndtr(0.5 * np.sqrt(9))), abs=0.01)
    assert halving(np.random.default_rng(2), Scenario("one best", 50.0, 40, 0.0, races=200), 40) == 1.0


def test_the_committed_races_keep_the_promise_where_differences_are_symmetric(committed: pd.DataFrame) -> None:
    expected = [tuple(getattr(one, each.name) for each in fields(one)) for one in all_scenarios()]
    kinds = committed[[each.name for each in fields(Scenario)]].drop_duplicates()
    assert list(kinds.itertuples(index=False, name=None)) == expected
    assert set(committed["most"]) == {10, 20, 30} and (committed["races"] >= 2_000).all()
    assert (committed["disagreements"] == 0).all() and (committed["checked"] > 0).all()
    tame = committed[committed["noise"].isin(SYMMETRIC)]
    assert (tame[["thrown_out", "broken"]] <= 0.05).all(axis=None)
    assert committed["thrown_out"].max() > 0.1  # the bad numbers are there


def test_the_committed_confirmations_are_unbiased_and_the_races_own_numbers_are_not(committed: pd.DataFrame) -> None:
    assert (committed[["fresh", "fresh_difference"]].abs() < 0.1).all(axis=None)
    assert (committed["fresh"].abs() < 4 * committed["fresh_error"]).all()
    equal = committed[(committed["truth"] == "equal") & (committed["noise"] == "normal") & (committed["margin"] == 0)]
    assert (equal["own"] > 0.15).all() and (equal["difference"] > 0.15).all()


def test_what_is_said_of_races_is_in_the_committed_numbers(committed: pd.DataFrame) -> None:
    science = " ".join((DOCS.parent / "science.md").read_text(encoding="utf-8").split())
    plain = committed[(committed["noise"] == "normal") & (committed["margin"] == 0)]
    equal = plain[plain["truth"] == "equal"]
    (rate,) = {f"{100 * each:.1f}" for each in equal.loc[equal["most"] == 30, "thrown_out"]}  # of forty too
    assert f"the best of ten equals is thrown out in {rate} %" in science
    hard = committed[(committed["noise"] == "others collapse") & (committed["most"] == 30)].set_index("gap")
    equal_out, half_out = (f"{100 * hard.loc[gap, 'thrown_out']:.1f}" for gap in (0.0, 0.5))
    assert f"is thrown out in {equal_out} %, and in {half_out} % if it is better by half the spread" in science
    low, high = sorted(f"{each:.1f}" for each in equal.loc[(equal["arms"] == 10) & (equal["most"] == 10), "own"])
    assert f"with ten seeds each it is {low} to {high} standard deviations between seeds too high" in science
    ahead = plain[(plain["truth"] == "one best") & (plain["gap"] >= 1)]
    assert "right where one arm is far ahead" in science and (ahead["own"] < 0.05).all()


def test_the_committed_page_shows_the_committed_numbers(
    committed: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert (DOCS / "table.md").read_text(encoding="utf-8") == page(committed)
    (tmp_path / "racing.csv").write_bytes((DOCS / "racing.csv").read_bytes())
    assert simulate.main(["--from", str(tmp_path)]) == 0
    assert (tmp_path / "table.md").read_bytes() == (DOCS / "table.md").read_bytes()
    assert (tmp_path / "figure.png").stat().st_size > 10_000 and (DOCS / "figure.png").stat().st_size > 10_000
    assert "kinds of races" in capsys.readouterr().out
