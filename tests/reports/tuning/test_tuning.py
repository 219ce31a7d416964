"""What a page says of tuned runs, from invented trials: who is chosen, what it is worth, what becomes of verdicts."""

from __future__ import annotations

import itertools
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from bench.spec.metrics import METRICS
from bench.spec.search_space import SPACE, Dimension, draws
from bench.statistics.paired import compare_paired
from bench.store.record import Record
from bench.store.store import Store
from reports.__main__ import main
from reports.comparing.compare import compare
from reports.findings.tuning import best_trial, expected_best
from tests.conftest import without_figures
from tests.reports.synthetic import write_experiment
from tests.reports.tuning.synthetic import Score, add_trials, jitter, shifts, write_trials

ELBO = METRICS["elbo"]


def scores(common: Mapping[str, float], tuned: Mapping[str, float]) -> Score:
    """Of the common recipe and of trial 2, which is the best; trial 1 is 50 nats worse than the common one."""
    levels = {0: common, 2: tuned}

    def score(arch: str, seed: int, trial: int) -> float:
        level = common[arch] - 50 if trial == 1 else levels[trial][arch]
        return level + jitter(seed, arch)

    return score


def first_paragraph(report: Path) -> str:
    return reports.answer(report)


@pytest.mark.parametrize(
    "common, tuned, expected",
    [
        ((-100, -120), (-95, -105), r"Also when each is tuned with 3 trials: \+10\.\d nats \[.*\]\."),
        (
            (-100, -120),
            (-99, -90),
            r"\*\*Tuning turns it around\*\*: when each is tuned with 3 trials, cnn3 is better, \+8\.\d nats",
        ),
        ((-100, -120), (-95, -95.01), r"When each is tuned with 3 trials, they (can't be told apart|are equivalent)"),
        (
            (-100, -100),
            (-85, -95),
            r"When each is tuned with 3 trials, cnn2 is better, \+10\.\d nats \[.*\] over cnn3\.",
        ),
        ((-100, -100), (-95, -95), r"(Nor can they be told apart when|Also when) each is tuned with 3 trials"),
    ],
)
def test_the_answer_says_whether_it_holds_when_each_is_tuned(
    tmp_path: Path, common: tuple[float, float], tuned: tuple[float, float], expected: str
) -> None:
    names = ("cnn2", "cnn3")
    report = write_trials(tmp_path, scores(dict(zip(names, common, strict=True)), dict(zip(names, tuned, strict=True))))
    assert re.search(expected, first_paragraph(report)), first_paragraph(report)


def test_of_many_it_says_who_is_best_and_which_verdicts_change(tmp_path: Path) -> None:
    names = ("cnn2", "cnn3", "mlp")
    stays = write_trials(
        tmp_path / "a",
        scores({"cnn2": -110, "cnn3": -100, "mlp": -120}, {"cnn2": -105, "cnn3": -90, "mlp": -115}),
        names,
    )
    assert "Also when each is tuned with 3 trials, cnn3 is best, +14.8 nats [14.0, 15.5] over cnn2" in first_paragraph(
        stays
    )
    assert "; both verdicts against cnn2 stay." in first_paragraph(stays)
    turns = write_trials(
        tmp_path / "b",
        scores({"cnn2": -110, "cnn3": -100, "mlp": -120}, {"cnn2": -105, "cnn3": -99, "mlp": -90}),
        names,
    )
    assert "**Tuning turns it around**: when each is tuned with 3 trials, mlp is best" in first_paragraph(turns)
    assert "of 2 verdicts against cnn2 one changes: mlp from worse to better." in first_paragraph(turns)


def test_validation_chooses_and_nobody_else(tmp_path: Path) -> None:
    """The chosen trial is the best by val_elbo; its test score may be any."""
    report = write_trials(tmp_path, scores({"cnn2": -100, "cnn3": -120}, {"cnn2": -95, "cnn3": -105}))
    store, table = Store(tmp_path / "runs"), reports.load(report).tuning.table
    for _, own in table.groupby(["arch", "seed"]):
        validation = {row.trial: store.load(row.run_id).history[-1]["val_elbo"] for row in own.itertuples()}
        assert list(own.loc[own["chosen"], "trial"]) == [max(validation, key=validation.__getitem__)]
    tuned = reports.load(report).tuned
    assert set(tuned.runs["lr"].isna()) == {True} and tuned.rankings["vae"].cells["cnn2"].n == 6


def records(*values: float | None) -> dict[int, Record]:
    return {
        number: Record("0" * 16, {}, "failed" if value is None else "finished", history=[{"val_elbo": value or 0.0}])
        for number, value in enumerate(values)
    }


def test_of_equal_trials_the_first_is_the_best_and_a_failed_one_never() -> None:
    assert best_trial(records(-3.0, -2.0, -2.0, None), ELBO) == 1
    assert best_trial(records(None, None, -5.0), ELBO) == 2
    assert best_trial(records(None, math.nan), ELBO) is None


def test_expected_best_is_the_mean_over_all_sets_of_trials() -> None:
    validation, test = [-5.0, -3.0, -9.0, -4.0, math.nan], [-5.5, -2.5, -9.5, -4.5, math.nan]
    frame = pd.DataFrame({"validation": validation, "test": test, "trial": range(5)})
    curve = expected_best(frame, ELBO)
    assert math.isnan(curve[0])  # the failed one alone has no best
    for k in range(2, 6):
        sets = [[i for i in chosen if i < 4] for chosen in itertools.combinations(range(5), k)]
        best = [test[max(chosen, key=validation.__getitem__)] for chosen in sets]
        assert curve[k - 1] == pytest.approx(np.mean(best))


def test_a_choice_by_noise_makes_nothing_better(tmp_path: Path) -> None:
    """Where validation and test scores are independent noise, tuned is what common is, on average."""
    draw, differences = np.random.default_rng(0), []
    for _ in range(4_000):
        validation, test = draw.normal(size=5), draw.normal(size=5)
        chosen = best_trial({n: records(-100 + value)[0] for n, value in enumerate(validation)}, ELBO)
        differences.append(test[chosen] - test[0])
    assert abs(np.mean(differences)) < 4 * np.std(differences) / math.sqrt(len(differences))
    assert np.mean(differences) < 0.1 * 1.16  # the optimism of the maximum of five: 1.16 standard deviations


def test_two_names_for_one_architecture_are_rarely_told_apart_when_tuned() -> None:
    """Five trials each, the same rates, scores that differ by the luck of training alone: at most 5 % are called so."""
    draw, called, sets = np.random.default_rng(1), 0, 2_000
    for _ in range(sets):
        arms = []
        for _ in range(2):
            mean = -100 - 8 * (np.linspace(-1, 1, 5) - 0.2) ** 2 + np.zeros((4, 1))
            trained = mean + draw.normal(0, 1, (4, 5))
            validation, test = (trained + draw.normal(0, 0.3, (4, 5)) for _ in range(2))
            arms.append(dict(enumerate(test[np.arange(4), validation.argmax(1)])))
        called += compare_paired(arms[1], arms[0], higher_is_better=True).verdict in ("better", "worse")
    assert called / sets <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / sets)
    assert called  # a test that never calls would prove nothing


def test_the_page_counts_bad_trials_and_warns_of_edges(tmp_path: Path) -> None:
    wide = draws(2, 0)

    def score(arch: str, seed: int, trial: int) -> float | None:
        if arch == "cnn3" and trial == 1:
            return None
        return -100 + trial + jitter(seed, arch)

    report = write_trials(tmp_path, score, less=1)
    page = reports.build(report).read_text()
    section = page.partition("## When each is tuned")[2].partition("\n## ")[0]
    assert (
        "Of 24 further trials 6 diverged (cnn3 VAE) and 1 has no record. A trial that failed is never the best. "
        "A run that lacks a trial is not tuned." in section
    )
    assert "figures/tuning.png" in section and (report / "figures" / "tuning.png").stat().st_size > 5_000
    experiment = reports.load(report)
    assert experiment.tuned.rankings["vae"].cells["cnn3"].n == 5  # the run that lacks a trial isn't tuned
    ends = [tuple(map(len, experiment.tuning.at_edge("vae", "cnn2", one))) for one in experiment.tuning.space]
    shares = [
        math.log(draws(2, seed)[1]["lr"] / SPACE[0].low) / math.log(SPACE[0].high / SPACE[0].low) for seed in range(6)
    ]
    assert ends == [(sum(share < 0.1 for share in shares), sum(share > 0.9 for share in shares))]
    assert ("At the edge of the range" in section) == bool(sum(ends[0])), wide


def test_csv_files_and_compare_know_trials(tmp_path: Path) -> None:
    tuned = write_trials(tmp_path / "a", scores({"cnn2": -100, "cnn3": -120}, {"cnn2": -95, "cnn3": -105}))
    better = write_trials(tmp_path / "b", scores({"cnn2": -100, "cnn3": -120}, {"cnn2": -95, "cnn3": -99}))
    plain = write_experiment(tmp_path / "c", ("cnn2", "cnn3"), tasks=["vae"], seeds=6)
    with without_figures():
        for report in (tuned, better, plain):
            reports.build(report)
    rows = pd.read_csv(tuned / "records.csv")
    assert rows.groupby("trial").size().to_dict() == {0: 12, 1: 12, 2: 12}
    assert rows.loc[rows["chosen"], "trial"].tolist() == [2] * 12
    for name in ("summary", "comparisons"):
        assert set(pd.read_csv(tuned / f"{name}.csv")["recipe"]) == {"common", "tuned"}
    verdicts = {(c.arch, c.task): c.verdict for c in compare(tuned, better).changes if c.metric.name == "elbo"}
    assert set(verdicts) == {("cnn2", "vae"), ("cnn3", "vae"), ("cnn2", "vae-tuned"), ("cnn3", "vae-tuned")}
    assert verdicts["cnn3", "vae-tuned"] == "better" and verdicts["cnn3", "vae"] not in ("better", "worse")
    found = compare(tuned, plain)
    assert {change.task for change in found.changes} == {"vae"}
    said = "Runs are compared with the recipe that they have in common, not tuned: A was {}, B was {}."
    how = "tuned with 3 trials (lr from 0.0005 to 0.032)"
    assert said.format(how, "not tuned") in found.incomparable and found.is_incomplete, "no verdict on what is tuned"
    found = compare(plain, tuned)
    assert said.format("not tuned", how) in found.notes and not found.is_incomplete, "what is new is no loss"


def test_without_trials_the_page_says_that_one_recipe_was_used_and_which(tmp_path: Path) -> None:
    report = write_experiment(tmp_path, ("cnn2", "cnn3"), tasks=["vae"], seeds=3)
    with without_figures():
        page = reports.build(report).read_text()
    assert (
        "One recipe for all: Adam at a peak learning rate of 0.001, batches of 128; whether the verdicts hold" in page
    )
    assert "tuned" not in page.replace("when each is tuned, `--tune` asks", "")


def test_draws_are_the_seeds_own_spread_over_the_range_and_grow_at_the_end() -> None:
    many = [point["lr"] for point in draws(50, 3)]
    assert many[:4] == [point["lr"] for point in draws(4, 3)] and many != [point["lr"] for point in draws(50, 4)]
    assert all(SPACE[0].low <= value <= SPACE[0].high for value in many)
    shares = np.sort(np.log(np.array(many) / SPACE[0].low) / math.log(SPACE[0].high / SPACE[0].low))
    gaps = np.diff([*shares, shares[0] + 1])
    assert gaps.max() < 3.3 / 50  # of the golden ratio's sequence no gap is longer than 1 + φ times the mean
    golden = (1 + math.sqrt(5)) / 2
    two = [math.log(value / SPACE[0].low) / math.log(SPACE[0].high / SPACE[0].low) for value in many[:2]]
    assert (two[1] - two[0]) % 1 == pytest.approx(1 / golden, abs=2e-3)  # values have three digits


def test_further_dimensions_are_drawn_apart() -> None:
    space = (*SPACE, Dimension("batch_size", "batch size", 16, 1024))
    points = draws(64, 0, space)
    x, y = (np.log([point[d.name] / d.low for point in points]) / math.log(d.high / d.low) for d in space)
    cells = {(int(4 * a), int(4 * b)) for a, b in zip(x, y, strict=True)}
    assert len(cells) == 16  # 64 points leave no sixteenth of the square empty


def test_names_are_shown_as_they_are_in_every_format_and_after_a_move(tmp_path: Path) -> None:
    names = ("a|b*c", "x_$y$", "<b>`q`")
    report = write_experiment(tmp_path / "here", names, tasks=["vae"], seeds=3)
    add_trials(report, shifts({names[0]: (0, 1, 2), names[1]: (0, 90, 1), names[2]: (0, 1, 2)}))
    shutil.move(tmp_path / "here", tmp_path / "there")
    report = tmp_path / "there" / "report"
    assert main(["render", str(report), "--vector", "--latex"]) == 0
    page = (report / "report.md").read_text(encoding="utf-8")
    assert "**Tuning turns it around**: when each is tuned with 3 trials, x\\_\\$y\\$ is best, +" in page
    assert "one changes: x\\_\\$y\\$ from worse to better." in page
    assert "x\\_\\$y\\$ & " in " ".join((report / "latex" / "tuning_vae.tex").read_text(encoding="utf-8").split())
    assert "<b>`q`" not in (report / "report.html").read_text(encoding="utf-8")
    assert "x_$y$" in (report / "figures" / "tuning.svg").read_text(encoding="utf-8")
