"""A page whose seeds were added until settled: what it says of its verdicts, and that they hold at any look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from reports.__main__ import main
from reports.findings.settling import settlings
from reports.markup.escape import plain
from reports.sections.stopping import chosen
from tests.reports.few_labels.synthetic import write_few_labels
from tests.reports.stopping.synthetic import stopping, write_until_sure
from tests.reports.synthetic import write_experiment
from tests.reports.tuning.synthetic import add_trials, shifts

pytestmark = pytest.mark.usefixtures("unmade")

ADDED = "added until settled: intervals hold at any look"
CROSSING = ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2")


def page_of(report: Path) -> str:
    return reports.build(report).read_text(encoding="utf-8")


def fixed(report: Path) -> Path:
    """The same report as if its number of seeds had been fixed beforehand."""
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    del manifest["stopping"]
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return report


def comparisons(report: Path) -> pd.DataFrame:
    return pd.read_csv(report / "comparisons.csv").set_index("arch")


def test_the_answer_says_once_that_seeds_were_added_and_intervals_allow_it(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 5, "cnn3": 5}, tasks=("vae", "cvae"))
    answer = plain(reports.answer(report))
    assert f"(5 paired seeds, {ADDED}, Bernoulli on dynamically" in answer and answer.count(ADDED) == 1
    assert answer in plain(page_of(report)) and ADDED in " ".join(reports.terminal_summary(report).split())


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("most seeds", "added until settled or 30: intervals"),
        ("minutes", "added until settled or 90 minutes were over: intervals"),
        ("stopped", "added until the job was stopped: intervals"),
    ],
)
def test_what_ended_it_is_said(tmp_path: Path, ended: str, words: str) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 5, "cnn3": 5}, ended, minutes=90.0)
    assert words in reports.answer(report)


def test_an_interval_of_one_mean_is_not_said_to_hold_at_any_look(tmp_path: Path) -> None:
    failures = {("cnn3", "vae", seed): "boom" for seed in range(4)}
    report = write_until_sure(tmp_path, {"cnn2": 4, "cnn3": 4}, failures=failures)
    answer = reports.answer(report)
    assert (
        re.search(r"cnn2 reaches −[\d.]+ nats of test ELBO \[[^]]+\] \(4 seeds, Bernoulli", answer)
        and "look" not in answer
    )


def test_verdicts_are_those_of_confidence_sequences(tmp_path: Path) -> None:
    """Four seeds whose t interval leaves out 0: of an interval that holds at any look they are too few."""
    report = write_until_sure(tmp_path, {"cnn2": 4, "cnn3": 4}, "most seeds", most=4, gap=2)
    page_of(report)
    row = comparisons(report).loc["cnn3"]
    assert row["anytime"] and row["verdict"] == "unresolved" and row["low"] < 0 < row["high"]
    assert row["p_t"] < 0.05 and row["p_holm"] == row["p_anytime"] > 0.05 and pd.isna(row["settled_at"])
    page_of(fixed(report))
    row = comparisons(report).loc["cnn3"]
    assert not row["anytime"] and row["verdict"] == "worse" and row["high"] < 0


def test_cells_have_their_seeds_and_the_notes_say_of_how_many_they_are(tmp_path: Path) -> None:
    failures = {("cnn3", "vae", 1): "boom"}
    report = write_until_sure(tmp_path, {"cnn2": 9, "cnn3": 5, "mlp": 7}, failures=failures)
    page = page_of(report)
    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith(("| cnn", "| mlp"))}
    head = page.partition("\n## ")[0]
    assert " (4 of 5)" in head and " (7) " in head and "(9)" not in head and "of 9" not in head.partition("± is")[0]
    assert "over 4 to 9 seeds (a cell of fewer than 9 says so in brackets); brackets are confidence sequences" in head
    assert "asked for" not in head and rows


def test_the_notes_say_what_the_intervals_promise_and_assume(tmp_path: Path) -> None:
    page = page_of(write_until_sure(tmp_path, {"cnn2": 5, "cnn3": 5}))
    assert (
        "brackets are 95 % confidence sequences of the paired difference from cnn2, over seeds: they hold at every "
        "number of seeds at once, so that seeds could be added in sight of them; ▲ better" in page
    )
    assert "Verdicts are on means, and assume roughly symmetric differences, however many seeds there are." in page
    assert "is an ordinary one for the number of seeds reached." in page
    assert "sign-flip" not in page and "Fewer than 6 seeds" not in page, "that is the t test's"


def test_an_open_pair_has_what_it_would_take(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 8, "cnn3": 8}, "most seeds", most=8, gap=0.3)
    page = page_of(report)
    needed = int(comparisons(report).loc["cnn3", "seeds_needed"])
    said = f"; not settled with 8 seeds, about {needed:,} would do if the difference and its spread stay as they are."
    assert needed > 8 and said in page
    assert "80 % power" not in page and said[:-1] in reports.answer_data(report)["comparisons"][0]["text"]
    assert re.search(rf"\| VAE +\| cnn3 +\| +8 \| .* \? \| +– \| +about {needed:,} \|", page)


def test_of_many_the_open_ones_are_named_with_what_each_would_take(tmp_path: Path) -> None:
    levels = {"cnn2": 0.0, "cnn3": -20.0, "mlp": -0.3, "pool3": -0.2}
    report = write_until_sure(tmp_path, {"cnn2": 8, "cnn3": 4, "mlp": 8, "pool3": 8}, "most seeds", 8, levels=levels)
    found = page_of(report)
    rows = comparisons(report)
    assert set(rows["verdict"]) == {"worse", "unresolved"}
    named = re.search(r"Not settled: (.*?), if differences and their spreads stay as they are\.", found)
    assert named is not None
    for arch in ("mlp", "pool3"):
        assert f"{arch} (8 seeds; about {int(rows.loc[arch, 'seeds_needed']):,} would do)" in named[1]
    assert "cnn3" not in named[1]
    assert "Not settled" not in page_of(fixed(report))


def test_fewer_than_three_pairs_have_no_interval(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 2, "cnn3": 2}, "stopped")
    assert "; fewer than 3 paired seeds: no interval, no verdict." in plain(reports.answer(report))
    page = page_of(report)
    assert re.search(r"\| cnn3 .*\| +−35\.\d \? \|", page) and "figures/settled.png" not in page


def test_every_interval_of_paired_seeds_is_a_confidence_sequence(tmp_path: Path) -> None:
    """Behind the ELBO, of matched pairs, with few labels, and of what tuning was worth."""
    metrics = {"iwae_k64_n60": -100.0}
    report = write_until_sure(tmp_path / "vae", {"cnn2": 5, "cnn3": 5}, metrics=metrics)
    page = page_of(add_trials(report, shifts({"cnn2": (0, 1), "cnn3": (0, 2)}), 2))
    assert "paired by seed, with its 95 % confidence sequence; verdicts" in page
    assert "brackets are 95 % confidence sequences of the paired difference over seeds, each for its row alone." in page
    assert "Brackets are 95 % confidence sequences of the paired difference over seeds." in page
    few = write_few_labels(tmp_path / "m2", tasks=("m2", "reader"), seeds=4, manifest={"stopping": stopping()})
    labels = page_of(few)
    assert "with 95 % confidence sequences over 4 paired seeds" in labels
    assert "brackets are 95 % confidence sequences of the paired difference over seeds, each by itself" in labels
    for text in (page, labels):
        assert not re.search(r"\bt (interval|test)", text)


def test_the_best_is_the_best_at_any_look(tmp_path: Path) -> None:
    """The second is ruled out by a t test over four seeds, which is not enough here."""
    levels = {"a": -20.0, "b": 0.0, "c": -0.8}
    report = write_until_sure(tmp_path, {"a": 4, "b": 4, "c": 4}, "most seeds", 4, levels=levels, spread=0.15)
    assert "no single best: b has" in reports.answer(report)
    assert "Of 3 architectures b models the images best" in reports.answer(fixed(report))


def test_a_leader_that_another_one_beats_on_their_common_seeds_is_not_the_best(tmp_path: Path) -> None:
    """a has the higher mean only since it never met the seeds that were hard for b."""
    hard = {seed: -50.0 * (seed > 5) for seed in range(12)}
    level = {"c": -500.0, "a": -100.0, "b": -99.0}
    report = write_until_sure(
        tmp_path,
        {"c": 12, "a": 6, "b": 12},
        metrics_of=lambda arch, seed: {"elbo": level[arch] + hard[seed] + 0.01 * (seed % 3) * (arch == "b")},
    )
    ranking = reports.load(report).rankings["vae"]
    assert ranking.leader == "a" and ranking.best is None and ranking.rivals == ("b",)


def test_a_grid_is_analysed_over_the_seeds_that_all_have(tmp_path: Path) -> None:
    """Of later seeds the cells that were clear at once are missing, so that a step would be taken over other cells."""
    levels = dict(zip(CROSSING, (0, -22, -0.2, -0.6), strict=True))
    factors = {arch: dict(zip(("encoder", "decoder"), (arch.split("+") * 2)[:2], strict=True)) for arch in CROSSING}
    seeds = dict(zip(CROSSING, (10, 4, 10, 10), strict=True))
    page = page_of(write_until_sure(tmp_path, seeds, "most seeds", 10, levels=levels, factors=factors))
    section = page.partition("## What caused the difference")[2].partition("\n## ")[0]
    assert "- Over the 4 seeds that all of the grid have." in section
    assert re.search(r"encoder cnn2→cnn3 is worth −1\d\.\d nats", section)
    assert re.search(r"On the grid \(VAE\): .*is worth −1\d\.\d nats", page)


def test_the_folded_section_has_a_row_for_each_and_says_how_it_went(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 6, "cnn3": 4}, gap=20, tasks=("vae", "classifier"), minutes=90.0)
    page = page_of(report)
    section = page.partition("<details><summary>When each comparison was settled")[2].partition("</details>")[0]
    assert "from 3 on and up to 30, for at most 90 minutes; it ended when all were settled." in section
    at = {row["task"]: int(row["settled_at"]) for _, row in pd.read_csv(report / "comparisons.csv").iterrows()}
    rows = re.findall(r"\| (VAE|classifier) +\| cnn3 +\| +4 \| .* ▼ \| +(\d) \| +– \|", section)
    assert dict(rows) == {"VAE": str(at["vae"]), "classifier": str(at["classifier"])}
    assert "settled" not in page_of(fixed(report)).partition("\n## ")[0]


def test_of_many_comparisons_the_open_ones_are_drawn_first(tmp_path: Path) -> None:
    names = [f"a{i:02}" for i in range(15)]
    levels = {name: -0.5 * (-i % 15) for i, name in enumerate(names)}  # the last one is nearest to the baseline
    report = write_until_sure(tmp_path, dict.fromkeys(names, 8), "most seeds", 8, levels=levels)
    found = settlings(reports.load(report))
    drawn = chosen(found)
    assert len(found) == 14 and len(drawn) == 12 and [one for one in found if one in drawn] == drawn
    settled = [one.settled_at or 99 for one in found]
    left_out = [one.settled_at or 99 for one in found if one not in drawn]
    assert max(left_out) <= min(one.settled_at or 99 for one in drawn) and max(settled) == 99
    assert "Dots (12 of 14 comparisons: open ones first, then those that took most seeds): " in page_of(report)


def test_what_no_record_tells_is_missing_of_the_first_seeds_alone(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 6, "cnn3": 2}, "stopped", manifest={"planned": 9})
    data = reports.answer_data(report)
    assert {one["arch"]: one["n_missing"] for one in data["results"]} == {"cnn2": 0, "cnn3": 1}
    assert data["stopping"] == stopping("stopped")


def test_answer_json_says_when_each_was_settled(tmp_path: Path) -> None:
    report = write_until_sure(tmp_path, {"cnn2": 6, "cnn3": 6}, gap=4)
    page_of(report)
    (one,) = reports.answer_data(report)["comparisons"]
    row = comparisons(report).loc["cnn3"]
    assert one["anytime"] and one["settled_at"] == row["settled_at"] < 6 and one["p_anytime"] == row["p_anytime"]
    page_of(fixed(report))
    (one,) = reports.answer_data(report)["comparisons"]
    assert (one["anytime"], one["settled_at"], one["p_anytime"]) == (False, None, None)


BAD: dict[str, tuple[Any, str]] = {
    "another kind": ({**stopping(), "kind": "never"}, "stopping.kind"),
    "no number": ({**stopping(), "max_seeds": "many"}, "stopping.max_seeds"),
    "another end": ({**stopping(), "ended": "luck"}, "stopping.ended"),
    "no minutes": ({**stopping(), "max_minutes": 0}, "stopping.max_minutes"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_manifest_that_says_something_else_is_one_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    entry, field = BAD[name]
    report = write_experiment(tmp_path, 2, tasks=("vae",), n_test=10, manifest={"stopping": entry})
    assert main(["render", str(report)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and field in line
