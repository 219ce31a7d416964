"""The calibration on the records of a tuned job, and two names for one architecture, tuned, through the main job."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from archs.errors import UserError
from bench.studies import calibration
from bench.studies.calibration_real import rate_error, real_aa
from run_ablation import main
from tests.job.test_job import TINY
from tests.reports.tuning.synthetic import write_trials

DOCS = Path(__file__).parents[2] / "docs" / "calibration"
TWIN = """
import dataclasses
from archs.cnn2 import ARCH as CNN2

ARCH = dataclasses.replace(CNN2, name="twin")
"""


def tuned_records(seeds: int = 12) -> pd.DataFrame:
    """Two trials of each run; trial 1 of seed 0 has drawn the common rate, and the last seed lacks it."""
    rng, rows = np.random.default_rng(6), list[dict[str, object]]()
    for seed in range(seeds):
        common, drawn = (float(value) for value in rng.normal((-100, -60), 1))
        is_whole, rates = seed < seeds - 1, (0.008, 0.008 if seed == 0 else 0.01 + seed / 1000)
        for trial, value in enumerate((common, drawn) if is_whole else (common,)):
            of_trial = {"lr": rates[trial], "trial": trial, "chosen": is_whole and trial == 1, "elbo": value}
            rows.append({"arch": "a", "task": "vae", "status": "finished", "seed": seed, **of_trial})
    return pd.DataFrame(rows).assign(dataset="digits", epochs=4)


def test_a_tuned_job_is_judged_by_the_common_recipe_and_by_the_chosen_trials() -> None:
    found = real_aa(tuned_records(), np.random.default_rng(5), sizes=(3, 5), splits=200)
    assert list(zip(found["recipe"], found["n"], found["runs"], strict=True)) == [
        ("common", 3, 12), ("common", 5, 12), ("tuned", 3, 11), ("tuned", 5, 11)
    ]  # fmt: skip
    # The common runs were 13 once: seed 0 stood twice among those with the common rate.
    assert set(found["trials"]) == {2} and set(found["dataset"]) == {"digits"} and set(found["epochs"]) == {"4"}
    assert set(found["architectures"]) == {1}


def test_the_common_rows_of_a_tuned_job_are_those_of_the_same_job_untuned() -> None:
    tuned, names = tuned_records(), ["n", "false_calls", "coverage", "signflip"]
    plain = tuned[tuned["trial"] == 0].drop(columns=["trial", "chosen"])
    alone = real_aa(plain, np.random.default_rng(5), sizes=(3, 5), splits=200)
    found = real_aa(tuned, np.random.default_rng(5), sizes=(3, 5), splits=200)
    pd.testing.assert_frame_equal(found.loc[found["recipe"] == "common", names], alone[names])
    assert list(alone.columns) == list(pd.read_csv(DOCS / "real.csv").columns)


def test_what_is_tuned_is_as_the_manifest_says_and_other_settings_still_part_samples() -> None:
    rows = tuned_records(8).assign(batch_size=lambda d: 64 + d["seed"] * d["trial"])  # a setting more that was tuned
    found = real_aa(rows, np.random.default_rng(5), splits=50, tuned=("lr", "batch_size"))
    assert list(found["recipe"]) == ["common", "tuned"]
    assert list(real_aa(rows, np.random.default_rng(5), splits=50)["recipe"]) == ["common"]


def test_records_of_trials_without_the_choice_are_one_line() -> None:
    with pytest.raises(UserError, match=r"the records have no column 'chosen': expected a report's records\.csv"):
        real_aa(tuned_records().drop(columns="chosen"), np.random.default_rng(5))


def test_the_error_of_a_rate_is_the_binomial_one_for_many_runs_and_larger_for_few() -> None:
    """Of 50 splits of 2,000 runs hardly two share a run; 2,000 of 20 share all of them."""
    independent = 1.96 * np.sqrt(0.05 * 0.95 / 50)
    assert rate_error([2_000], 3, 50) == pytest.approx(independent, rel=0.2)
    assert rate_error([2_000, 2_000], 3, 50) == pytest.approx(rate_error([2_000], 3, 50) / np.sqrt(2))
    assert rate_error([20], 3, 2_000) > 1.4 * 1.96 * np.sqrt(0.05 * 0.95 / 2_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed tables without what a tuned job adds, and without the page and its figure."""
    copy = tmp_path / "calibration"
    copy.mkdir()
    for name in ("calibration.csv", "power.csv", "real.csv"):
        shutil.copy(DOCS / name, copy)
    return copy


@pytest.fixture
def few_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates of few splits, where the rows are looked at and not the rates: the default takes seconds for each table."""
    monkeypatch.setattr(calibration, "real_aa", functools.partial(real_aa, splits=50))


@pytest.mark.usefixtures("undrawn", "few_splits")
def test_a_reports_records_are_added_to_tables_that_stay_as_they_are(tmp_path: Path, folder: Path) -> None:
    def score(arch: str, seed: int, trial: int) -> float:
        return -100 - abs(trial - 1) + float(np.random.default_rng([seed, trial, len(arch)]).normal())

    report = write_trials(tmp_path / "job", score, archs=("cnn2",), seeds=8, less=1)
    reports.build(report)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert calibration.main(["--from", str(folder), "--records", str(report / "records.csv")]) == 0
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert {path.name for path in folder.iterdir()} - set(before) == {"real_tuned.csv", "table.md", "figure.png"}
    found = pd.read_csv(folder / "real_tuned.csv")
    assert list(zip(found["recipe"], found["n"], found["runs"], strict=True)) == [("common", 3, 8), ("tuned", 3, 7)]
    text = (folder / "table.md").read_text(encoding="utf-8")
    assert text.count("\n## Real repeats of the same architecture\n") == 1
    assert text.count("\n## Real repeats, each tuned\n") == 1
    once = text.replace("\n", " ")
    assert calibration.main(["--from", str(folder)]) == 0  # the tables alone: the same page
    assert (folder / "table.md").read_text(encoding="utf-8").replace("\n", " ") == once


def test_a_simulation_anew_keeps_the_real_tables_of_its_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows what lies in the folder; it once lacked the real repeats whenever --records was left out."""
    tables = {name: pd.read_csv(DOCS / f"{name}.csv") for name in ("calibration", "power")}
    for name, table in tables.items():
        monkeypatch.setattr(calibration, f"{name}_frame", lambda *_, table=table: table)
    monkeypatch.setattr("bench.studies.calibration_page.draw_figure", lambda *_: None)
    assert calibration.main(["--out", str(folder)]) == 0
    assert "\n## Real repeats of the same architecture\n" in (folder / "table.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("few_splits")
def test_each_task_may_have_a_job_of_its_own(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.studies.calibration_page.draw_figure", lambda *_: None)
    rows = tuned_records(8)
    other = rows.rename(columns={"elbo": "accuracy"}).assign(task="classifier")
    files = [tmp_path / f"{name}.csv" for name in ("vae", "classifier", "untuned")]
    for path, records in zip(files, (rows, other, rows[rows["trial"] == 0].drop(columns="trial")), strict=True):
        records.to_csv(path, index=False)
    assert calibration.main(["--from", str(folder), "--records", *map(str, files)]) == 0
    found = pd.read_csv(folder / "real_tuned.csv")
    assert list(zip(found["task"], found["recipe"], strict=True)) == [
        (task, recipe) for task in ("vae", "classifier") for recipe in ("common", "tuned")
    ]
    assert list(pd.read_csv(folder / "real.csv")["task"]) == ["vae"]
    rows.head(4).to_csv(files[1], index=False)
    with pytest.raises(UserError, match=r"^--records .*classifier\.csv: no architecture in the records has 6 finished"):
        calibration.main(["--from", str(folder), "--records", *map(str, files)])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "has no power.csv; expected a folder that --out wrote"),
        ("n,rho\n", "power.csv: it has no column 'exact'; expected what this study wrote"),
        ("n,rho,exact,simulated,holm\n2,0,x,1,1\n", "power.csv: exact holds 'x'; expected numbers"),
        ("n,rho,exact,simulated,holm\n", "power.csv: it holds no rows; expected what this study wrote"),
    ],
)
def test_a_folder_that_is_no_calibration_is_one_line(folder: Path, content: str | None, says: str) -> None:
    (folder / "power.csv").unlink()
    if content is not None:
        (folder / "power.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as error:
        calibration.main(["--from", str(folder)])
    assert says in str(error.value) and "\n" not in str(error.value)
    assert not (folder / "table.md").exists()


@pytest.mark.usefixtures("few_splits")
@pytest.mark.parametrize("content", ["[]", '{"tuning": []}', '{"tuning": {"space": [1]}}', "{"])
def test_a_manifest_that_says_nothing_of_tuning_leaves_the_common_search_space(tmp_path: Path, content: str) -> None:
    tuned_records(8).to_csv(tmp_path / "records.csv", index=False)
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    assert list(calibration._real(tmp_path / "records.csv")["recipe"]) == ["common", "tuned"]


def test_two_names_for_one_architecture_are_one_result_when_tuned(
    tmp_path: Path, unmade: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the same seeds they are one network and one training: the page calls neither better, tuned or not."""
    (tmp_path / "twin.py").write_text(TWIN, encoding="utf-8")
    options = ["--plugin", str(tmp_path / "twin.py"), "--archs", "cnn2", "twin", "--tasks", "vae", "--tune", "2",
               "--seeds", "2", "--epochs", "1", "--train-images", "128"]  # fmt: skip
    assert main([*TINY, *options, "--runs-dir", str(tmp_path / "runs"), "--out", str(tmp_path / "report")]) == 0
    rows = pd.read_csv(tmp_path / "report" / "records.csv")
    elbo = rows.pivot(index=["seed", "trial"], columns="arch", values="elbo")
    assert len(elbo) == 4 and (elbo["cnn2"] == elbo["twin"]).all()
    found = pd.read_csv(tmp_path / "report" / "comparisons.csv")
    assert dict(zip(found["recipe"], found["verdict"], strict=True)) == dict.fromkeys(("common", "tuned"), "equivalent")
    assert (found[["difference", "low", "high"]] == 0).all(axis=None)
    text = reports.answer(tmp_path / "report").replace("*", "")
    assert text.startswith("As VAEs they are equivalent to within ±0.5 nats")
    assert "Also when each is tuned with 2 trials, they are equivalent to within ±0.5 nats" in text
    assert not re.search(r"(cnn2|twin) (is|as a VAE is) (better|best|worse)", text)


def test_the_committed_tables_of_tuned_repeats_meet_their_promise() -> None:
    found = pd.read_csv(DOCS / "real_tuned.csv")
    assert set(found["recipe"]) == {"common", "tuned"} and set(found["trials"]) == {5}
    for _, rows in found.groupby(["task", "recipe"]):
        assert list(rows["n"])[:3] == [3, 5, 10] and (rows["splits"] >= 2_000).all()
    assert set(found.loc[found["n"] == 30, "recipe"]) == {"common", "tuned"}
    assert (found["false_calls"] <= 0.05 + found["error"]).all()
    page = (DOCS / "table.md").read_text(encoding="utf-8")
    assert f"None of the {len(found)} rates above is higher by more." in page


def test_the_documented_rate_is_that_of_the_committed_table() -> None:
    found = pd.read_csv(DOCS / "real_tuned.csv")
    tuned = 100 * found.loc[found["recipe"] == "tuned", "false_calls"]
    text = (DOCS.parent / "science.md").read_text(encoding="utf-8").replace("\n", " ")
    said = re.search(r"called different in (\d\.\d) to (\d\.\d) % of random splits", text)
    assert said and list(said.groups()) == [f"{tuned.min():.1f}", f"{tuned.max():.1f}"]
    seeds = found.groupby("task")["runs"].max()
    assert f"{seeds['classifier']} seeds of cnn2 as a classifier and {seeds['vae']} as a VAE (digits, 4 epochs" in text
    assert found[["archs", "dataset", "epochs"]].drop_duplicates().to_numpy().tolist() == [["cnn2", "digits", 4]]
