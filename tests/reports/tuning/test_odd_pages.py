"""What the page says of tuned runs where some failed or are missing, of one architecture alone, of other tasks."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import reports
from bench.spec.declared import built_in
from bench.spec.metrics import METRICS
from reports.__main__ import main
from reports.comparing.compare import compare
from tests.reports.few_labels.synthetic import write_few_labels
from tests.reports.synthetic import write_experiment
from tests.reports.tuning.synthetic import DIVERGED, Outcome, add_trials, shifts

ELBO = METRICS["elbo"]


def head_of(page: str) -> str:
    return page.partition("\n## ")[0]


def section_of(page: str) -> str:
    return page.partition("\n## When each is tuned")[2].partition("\n## ")[0]


@pytest.fixture
def page_of(unmade: None) -> Callable[[Path], str]:
    return lambda report: reports.build(report).read_text(encoding="utf-8")


PAIR = ("cnn2", "cnn3")
BETTER = {"cnn2": (0, 1, 3), "cnn3": (0, 2, 8), "mlp": (0, 2, 6)}


def test_numbers_of_fewer_seeds_say_so_in_the_answer_and_in_the_cells(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    report = write_experiment(tmp_path, PAIR, tasks=["vae"], seeds=3)
    lacking = shifts(BETTER, lambda arch, seed, trial: None if (seed, trial) == (2, 2) else (0.0, 0.0))
    page = page_of(add_trials(report, lacking))
    assert re.search(r"Also when each is tuned with 3 trials: \+\d\d\.\d nats \[.*?\] \(2 paired seeds\)\. ", page)
    assert head_of(page).count("(2 of 3)") == 2
    assert "± is the standard deviation over 2 to 3 seeds (a cell of fewer than 3 says so in brackets)" in page
    assert section_of(page).count(" (3) |") == section_of(page).count(" (2) |") == 2
    assert "Of 12 further trials 2 have no record. A run that lacks a trial is not tuned." in section_of(page)


def test_a_common_recipe_that_failed_leaves_what_the_tuned_column_needs(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    report = write_experiment(tmp_path, PAIR, tasks=["vae"], seeds=4)
    diverged = shifts(BETTER, lambda arch, seed, trial: DIVERGED if (arch, trial) == ("cnn3", 0) else (0.0, 0.0))
    page = page_of(add_trials(report, diverged))
    assert re.search(
        r"When each is tuned with 3 trials, cnn2 is best, \+.* nats \[.*?\] over cnn3, the next \(4 paired seeds\)\.",
        page,
    )
    assert "± is the standard deviation over 4 seeds; against cnn2: ▲ better" in head_of(page)
    assert "brackets" not in head_of(page), "the differences of tuned runs are in their section"
    assert "Bold is resolvably the best." in page and "Fewer than 6 seeds: the verdicts rest on" in page
    row = next(line for line in section_of(page).splitlines() if line.startswith("| cnn3"))
    assert [cell.strip() for cell in row.split("|")][2:5:2] == ["failed (4 of 4)", "–"]


def test_an_architecture_all_of_whose_trials_failed(tmp_path: Path, page_of: Callable[[Path], str]) -> None:
    report = write_experiment(tmp_path, ("cnn2", "cnn3", "mlp"), tasks=["vae"], seeds=3)
    bad = {("cnn3", seed, trial) for seed in range(3) for trial in range(3)} | {("mlp", 0, trial) for trial in range(3)}
    failing = shifts(BETTER, lambda *trial: DIVERGED if trial in bad else (0.0, 0.0))
    page = page_of(add_trials(report, failing))
    row = next(line for line in head_of(page).splitlines() if line.startswith("| cnn3"))
    assert row.count("failed (3 of 3)") == 2
    assert "8 diverged (cnn3 VAE and mlp VAE). A trial that failed is never the best." in section_of(page)
    experiment = reports.load(report)
    tuned, curve = experiment.tuned.rankings["vae"], experiment.tuning.best_of("vae", "mlp", ELBO)
    assert tuned.cells["mlp"].n == 2 and curve[-1].mean == pytest.approx(tuned.cells["mlp"].mean)
    assert not experiment.tuning.best_of("vae", "cnn3", ELBO)


def test_a_winner_that_had_no_common_result_turns_nothing_around(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    names = ("cnn2", "cnn3", "mlp")
    report = write_experiment(tmp_path, names, tasks=["vae"], seeds=4)
    table = BETTER | {"mlp": (0, 2, 90)}
    failing = shifts(table, lambda arch, seed, trial: DIVERGED if (arch, trial) == ("mlp", 0) else (0.0, 0.0))
    text = reports.answer(add_trials(report, failing))
    assert " When each is tuned with 3 trials, mlp is best, +" in text and "turns it around" not in text


def test_an_architecture_alone_says_what_it_reaches_and_has_no_empty_column(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    report = write_experiment(tmp_path, ["cnn2"], tasks=["vae"], seeds=3)
    page = page_of(add_trials(report, shifts(BETTER)))
    assert re.search(r"\. Tuned with 3 trials it reaches −10\d\.\d nats \[.*?\]\.", page)
    assert "tuned vs" not in section_of(page) and "verdicts" not in section_of(page)
    once = write_experiment(tmp_path / "once", ["cnn2"], tasks=["vae"], seeds=1)
    page = page_of(add_trials(once, shifts(BETTER)))
    assert re.search(r"Tuned with 3 trials it reaches −10\d\.\d nats\.", page)
    assert "95 % interval" not in section_of(page)


def test_no_two_columns_of_a_table_have_one_header(tmp_path: Path, page_of: Callable[[Path], str]) -> None:
    report = write_experiment(tmp_path, PAIR, seeds=3)
    page = page_of(add_trials(report, shifts(BETTER)))
    for line in page.splitlines():
        if line.startswith("| architecture"):
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            assert len(set(cells)) == len(cells), cells
    assert "CVAE ELBO ↑ (nats), tuned" in page


def test_where_lower_is_better_the_lowest_validation_is_chosen(tmp_path: Path, page_of: Callable[[Path], str]) -> None:
    names = ("cnn2", "cnn3", "mlp")
    lower = {**dataclasses.asdict(built_in().tasks["vae"]), "primary": "reconstruction", "prefix": "", "measured": ""}
    report = write_experiment(
        tmp_path, names, tasks=["vae"], seeds=3, manifest={"declared": {"tasks": [lower | {"kept": {}}]}}
    )
    table = {"cnn2": (0, -9, 3), "cnn3": (0, -9, 80), "mlp": (0, -9, 6)}
    page = page_of(add_trials(report, shifts(table)))
    text = page.partition("\n| ")[0]
    assert re.search(r"tuned with 3 trials, cnn3 is best, −59\.\d nats \[−.*?\] over cnn2; of 2 verdicts", text)
    experiment = reports.load(report)
    assert set(experiment.tuning.table.query("chosen")["trial"]) == {2}
    curve = [found.mean for found in experiment.tuning.best_of("vae", "cnn3", METRICS["reconstruction"])]
    assert curve == sorted(curve, reverse=True)


def test_each_number_of_labels_is_tuned_by_itself(tmp_path: Path, page_of: Callable[[Path], str]) -> None:
    report = write_few_labels(tmp_path, tasks=("m2",), seeds=3)
    page = page_of(add_trials(report, shifts({"cnn2": (0, 4, 1), "cnn3": (0, 1, 9)}), lr=4e-3))
    section = section_of(page)
    assert "**M2 (100 labels)**" in section and "**M2 (600 labels)**" in section
    for name in ("summary", "comparisons"):
        rows = pd.read_csv(report / f"{name}.csv")
        assert set(rows["task"]) == {"m2"}
        assert set(zip(rows["labels"], rows["recipe"], strict=True)) == {
            (count, recipe) for count in (100, 600) for recipe in ("common", "tuned")
        }
    rows = pd.read_csv(report / "records.csv")
    assert rows[rows["chosen"]].groupby(["arch", "labels"])["trial"].unique().map(list).to_dict() == {
        (arch, count): [best] for arch, best in (("cnn2", 1), ("cnn3", 2)) for count in (100, 600)
    }


def test_a_job_cut_off_before_any_run_is_tuned_still_has_the_column(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    report = write_experiment(tmp_path, PAIR, tasks=["vae"], seeds=3)
    lacking = shifts(BETTER, lambda arch, seed, trial: None if trial == 2 else (0.0, 0.0))
    page = page_of(add_trials(report, lacking))
    assert "No run has all of its trials yet." in section_of(page) and "tuning.png" not in page
    assert "each is tuned with" not in page
    assert set(pd.read_csv(report / "summary.csv")["recipe"]) == {"common"}


def test_the_settings_name_the_recipes_and_count_the_time_of_all_trials(
    tmp_path: Path, page_of: Callable[[Path], str]
) -> None:
    report = write_experiment(tmp_path, PAIR, tasks=["vae"], seeds=2)
    page = page_of(add_trials(report, shifts(BETTER)))
    seconds = pd.read_csv(report / "records.csv")["train_seconds"].sum()
    found = re.search(r"training time of all runs and their further trials\s*\| ([\d,]+) s", page)
    assert found and int(found[1].replace(",", "")) == round(seconds)
    assert "3 trials of each run, peak learning rate from 0.0005 to 0.032" in page


def test_compare_judges_no_speed_of_tuned_runs(tmp_path: Path, page_of: Callable[[Path], str]) -> None:
    folders = []
    for name in ("a", "b"):
        report = write_experiment(tmp_path / name, PAIR, tasks=["vae"], seeds=3, salt=len(folders))
        page_of(add_trials(report, shifts(BETTER)))
        folders.append(report)
    speeds = {change.task for change in compare(*folders).changes if change.metric.name == "train_images_per_s"}
    assert speeds == {"vae"}


@pytest.mark.parametrize(
    "archs, seeds, tasks, expected, in_terminal",
    [
        (PAIR, 3, ("classifier",), "whether the verdicts hold when each is tuned, `--tune` asks.", True),
        (PAIR, 1, ("vae",), "One recipe for all: Adam at a peak learning rate of 0.001, batches of 128; `--tune` tunes "
         "each.", True),
        (("cnn2",), 3, ("vae",), "Its recipe: Adam at a peak learning rate of 0.001, batches of 128; `--tune` tunes "
         "it.", False),
    ],
)  # fmt: skip
def test_the_recipe_is_said_in_words_that_fit_the_page(
    tmp_path: Path, unmade: None, archs: tuple[str, ...], seeds: int, tasks: Sequence[str], expected: str,
    in_terminal: bool,
) -> None:  # fmt: skip
    report = write_experiment(tmp_path, archs, tasks=tasks, seeds=seeds)
    assert expected in head_of(reports.build(report).read_text(encoding="utf-8"))
    terminal = " ".join(reports.terminal_summary(report).split())
    assert ("One recipe for all; `--tune` tunes each." in terminal) == in_terminal
    assert "Adam" not in terminal


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"trials": 4}, "tuning: run_ids has 2 lists, expected one for each of 3 further trials"),
        ({"space": []}, "tuning: space is empty, expected what was tuned"),
        ({"low": 0.032}, "tuning: lr from 0.032 to 0.032, expected a range"),
        ({"name": "rl"}, "tuning: 'rl' is no setting that is a number; did you mean 'lr'?"),
    ],
)
def test_a_manifest_whose_tuning_contradicts_itself_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], expected: str
) -> None:
    report = add_trials(write_experiment(tmp_path, PAIR, tasks=["classifier"], seeds=2), shifts(BETTER))
    manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
    own = manifest["tuning"]
    (own["space"][0] if {"low", "name"} & set(change) else own).update(change)
    (report / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert main(["render", str(report)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line


@pytest.mark.parametrize("tasks", [("vae",), ("vae", "classifier")])
def test_where_the_common_recipe_never_finished_the_answer_is_that_of_tuned_runs(
    tmp_path: Path, page_of: Callable[[Path], str], tasks: tuple[str, ...]
) -> None:
    report = write_experiment(tmp_path, PAIR, tasks=tasks, seeds=3)
    good = shifts(BETTER)

    def outcome(arch: str, task: str, seed: int, trial: int) -> Outcome | None:
        return DIVERGED if task == "vae" and not trial else good(arch, task, seed, trial)

    text = reports.answer(add_trials(report, outcome))
    assert text.startswith(
        "**As VAEs, no run with the common recipe finished.** When each is tuned with 3 trials, cnn2 "
    )
    assert re.search(r"cnn2 is best, \+\d\d\.\d nats \[.*?\] over cnn3, the next \(3 paired seeds\)\.", text)
    assert "there is no answer" not in text and ("classifies" in text) == (len(tasks) == 2)
    assert "tuned with 3 trials: +" in text or len(tasks) == 1
    nothing = write_experiment(tmp_path / "nothing", PAIR, tasks=["vae"], seeds=2)
    assert "No run finished: there is no answer." in reports.answer(add_trials(nothing, lambda *trial: DIVERGED))
