"""Marks, brackets and sentences of a page say the same, and no more than the numbers: many names, twins, few seeds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import reports
from reports.findings.matched_pairs import matched_pairs
from reports.findings.pareto import COSTS, cost_and_quality
from reports.markup.escape import plain
from reports.wording.stopping.intervals import assumption
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")

CROSSINGS = ["cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2"]
CELL = re.compile(r"([+−][\d,.]+) \[(−?[\d,.]+), (−?[\d,.]+)\] ([▲▼≈?])")


def value(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def page_of(folder: Path) -> str:
    return reports.build(folder).read_text(encoding="utf-8")


def comparisons(folder: Path, task: str) -> pd.DataFrame:
    found = pd.read_csv(folder / "comparisons.csv")
    return found[found["task"] == task].set_index("arch")


def section(page: str, heading: str) -> str:
    return page.partition(f"## {heading}")[2].partition("\n## ")[0]


def test_every_mark_in_a_table_is_what_its_bracket_shows(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 14, tasks=("vae",), gap=12, spread=0.6, seeds=5, n_test=10)
    text = page_of(folder)
    cells = [found.groups() for found in CELL.finditer(text.partition("## ")[0])]
    assert len(cells) == 13 and {mark for *_, mark in cells} >= {"▼", "?"}
    for _, low, high, mark in cells:
        within = value(low) >= -0.5 and value(high) <= 0.5
        expected = "≈" if within else "▲" if value(low) > 0 else "▼" if value(high) < 0 else "?"
        assert mark == expected
    rows = comparisons(folder, "vae")
    plain_95 = (rows["verdict"] == "unresolved") & (rows["high_95"] < 0)
    assert plain_95.any(), "with 95 % intervals beside the marks this page would contradict itself"
    assert "with 95 % confidence none of a column leaves out a true 0" in text


def test_a_single_comparison_has_a_plain_95_interval(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10)
    text = page_of(folder)
    assert "brackets are 95 % intervals of the paired difference from cnn2, over seeds; ▲" in text
    row = comparisons(folder, "vae").loc["cnn3"]
    assert [row["low"], row["high"], row["level"]] == pytest.approx([row["low_95"], row["high_95"], 0.95])


def test_who_is_called_worse_is_not_among_those_that_may_be_the_best(tmp_path: Path) -> None:
    """The published grid said that none of the others could be told from −112.1, and one of them was at −169.2."""
    levels = {"a": 0.0, "b": -0.4, "c": -0.2, "d": -30.0, "e": -60.0}
    folder = write_experiment(
        tmp_path, list(levels), tasks=("vae",), levels=levels, n_test=10, manifest={"baseline": "b"}
    )
    text = plain(reports.answer(folder))
    leader = re.match(r"As VAEs, no single best: (\w) has the highest mean, ", text)
    assert leader is not None
    (rivals, out) = re.findall(
        r"but (.+?) \(down to −105\.\d nats\) can't be ruled out as the best\. (.+?) can:", text
    )[0]
    assert sorted([leader[1], *rivals.split(" and ")]) == ["a", "b", "c"] and out == "d and e"
    assert "can: each is worse than another one. Against b, " in text and "told apart" not in text
    experiment = reports.load(folder)
    ranking = experiment.rankings["vae"]
    assert not set(ranking.rivals) & set(ranking.with_verdict("worse"))
    assert set(ranking.distinct) == {ranking.leader, *ranking.rivals, *ranking.ruled_out}


def test_where_nobody_is_ruled_out_that_is_all_that_is_said(tmp_path: Path) -> None:
    text = plain(reports.answer(write_experiment(tmp_path, 5, tasks=("vae",), gap=0, n_test=10)))
    assert "but none of the others can be ruled out as the best. " in text


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their classifiers have other numbers than their twins': what is one network does not depend on the results."""
    levels = {"cnn2": 0.0, "cnn3": -20.0, "cnn2+cnn3": -10.0, "cnn3+cnn2": -2.0}
    folder = write_experiment(
        tmp_path_factory.mktemp("crossed"),
        CROSSINGS,
        tasks=("vae", "classifier"),
        levels=levels,
        seeds=6,
        spread=0.3,
        n_test=50,
        factors={arch: dict(zip(("encoder", "decoder"), (arch.split("+") * 2)[:2], strict=True)) for arch in CROSSINGS},
    )
    reports.build(folder)
    return folder


def test_a_crossing_of_a_classifier_is_the_same_network(crossed: Path) -> None:
    text = (crossed / "report.md").read_text(encoding="utf-8")
    rows = {
        cells[1].strip(): cells for line in text.partition("## ")[0].splitlines() if len(cells := line.split("|")) > 9
    }
    assert [rows[arch][7].strip() for arch in ("cnn2+cnn3", "cnn3+cnn2")] == ["= cnn2", "= cnn3"]
    found = comparisons(crossed, "classifier")
    assert dict(found["same_as"].dropna()) == {"cnn2+cnn3": "cnn2", "cnn3+cnn2": "cnn3"}
    assert list(found["family"]) == [1, 0, 0] and set(comparisons(crossed, "vae")["family"]) == {3}
    answer = plain(reports.answer(crossed))
    assert "There cnn2+cnn3 is the same network as cnn2 and cnn3+cnn2 as cnn3, since no decoder is used." in answer
    classified = answer.partition("classif")[2].partition("There cnn2+cnn3")[0]
    assert "+cnn" not in classified and "3 others" not in classified, "it is a sentence on two networks"
    assert "= the same network, since the task uses no decoder" in text


def test_a_twin_is_in_no_pair_no_front_and_no_test_over_images(crossed: Path) -> None:
    experiment = reports.load(crossed)
    named = {arch for pair in matched_pairs(experiment, "classifier") for arch in (pair.more_conv, pair.less_conv)}
    assert named == {"cnn2", "cnn3"} or not named
    assert set(cost_and_quality(experiment, "classifier", COSTS[0])) == {"cnn2", "cnn3"}
    assert set(cost_and_quality(experiment, "vae", COSTS[0])) == set(CROSSINGS)
    sure = section((crossed / "report.md").read_text(encoding="utf-8"), "How sure")
    assert {line.split("|")[2].strip() for line in sure.splitlines() if line.startswith("| classifier")} == {"cnn3"}


def test_two_names_of_one_network_are_one_result(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, ["cnn2", "cnn2+cnn3"], tasks=("classifier",), n_test=10)
    text = plain(reports.answer(folder))
    assert re.match(
        r"cnn2 reaches [\d.]+ % of test accuracy \[[^]]+\] \(3 seeds\)\. There cnn2\+cnn3 is the same", text
    )
    assert "told apart" not in text and "equivalent" not in text and assumption(reports.load(folder)) == ""


def test_the_seeds_that_would_be_needed_have_a_condition_and_a_range(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("classifier",), gap=0.05, n_test=10)
    page_of(folder)
    row = comparisons(folder, "classifier").loc["cnn3"]
    assert row["verdict"] == "unresolved"
    text = plain(reports.answer(folder))
    needed, fewest, most = (f"{row[name]:,.0f}" for name in ("seeds_needed", "seeds_fewest", "seeds_most"))
    assert (
        f"; about {needed} seeds would be needed for a verdict with 80 % power if the true difference and its spread "
        f"were those observed, {fewest} to {most} for all that these 3 seeds tell." in text
    )
    assert row["seeds_most"] > 20 * row["seeds_fewest"], "three seeds tell little"


def test_what_pairing_gained_is_said_where_enough_seeds_tell(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path / "6", 2, tasks=("vae",), seeds=6, n_test=10)
    page = page_of(folder)
    row = comparisons(folder, "vae").loc["cnn3"]
    ends = ", ".join(f"{row[name]:.2f}".replace("-", "−") for name in ("correlation_low", "correlation_high"))
    assert (
        "What pairing by seed gained, as the spread of the differences over that of unpaired ones (1 is no gain): "
        f"{row['spread_ratio']:.2f} (VAE; correlation {row['correlation']:.2f} [{ends}] over 6 seeds)."
    ).replace("-", "−") in page
    three = page_of(write_experiment(tmp_path / "3", 2, tasks=("vae",), n_test=10))
    assert "Fewer than 4 seeds can't tell what pairing by seed gained." in three and "correlation" not in three
    one = page_of(write_experiment(tmp_path / "1", 2, tasks=("vae",), seeds=1, n_test=10))
    assert "pairing by seed" not in one
    assert "All against cnn2; one seed gives no interval over seeds, intervals over images are 95 % ones" in one


def test_a_diamond_without_an_interval_is_not_said_to_have_one(tmp_path: Path) -> None:
    failures = {("cnn3", "vae", seed): "boom" for seed in (1, 2)}
    some = page_of(write_experiment(tmp_path / "some", 2, tasks=("vae",), failures=failures, n_test=10))
    assert "each diamond a mean with its 95 % interval over seeds where it has two or more." in some
    failures |= {("cnn2", "vae", seed): "boom" for seed in (1, 2)}
    none = page_of(write_experiment(tmp_path / "none", 2, tasks=("vae",), failures=failures, n_test=10))
    assert "each diamond a mean. ELBO" in none


@pytest.fixture(scope="module")
def draws(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Reports of the same five architectures, with other noise each."""
    folder = tmp_path_factory.mktemp("draws")
    return [
        write_experiment(folder / str(salt), 5, tasks=("vae",), gap=8, spread=0.35, n_test=10, salt=salt)
        for salt in range(6)
    ]


@pytest.mark.parametrize("baseline", range(5))
def test_the_table_never_doubts_what_the_page_calls_the_best(draws: list[Path], baseline: int) -> None:
    """Whichever is the baseline: with an unresolved mark beside the leader, or a tie with it, none is the best."""
    seen = set()
    for folder in draws:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        manifest["baseline"] = manifest["archs"][baseline]
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        experiment = reports.load(folder)
        ranking = experiment.rankings["vae"]
        assert ranking.baseline == manifest["archs"][baseline]
        seen.add(ranking.best)
        leader = ranking.versus_baseline.get(ranking.leader)
        if ranking.best and leader is not None:
            assert leader.verdict == "better"
        if ranking.best == ranking.baseline:
            assert set(ranking.with_verdict("worse")) == set(ranking.order[1:])
        if ranking.best:
            assert "models the images best" in plain(reports.answer(experiment))
    assert len(seen) > 1, "a best one in some, none in others"
