"""`python -m reports compare A B`: what changed, what moved beyond noise, and the exit status for CI."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import reports
from archs.errors import UserError
from bench.statistics.tables import read_table
from reports.__main__ import main
from reports.comparing.compare import compare
from reports.comparing.metric_change import MetricChange, welch
from reports.comparing.page import render
from tests.reports.synthetic import write_experiment

QUICK = {"tasks": ("vae", "classifier"), "n_test": 10}


def report(folder: Path, **options: object) -> Path:
    """A report folder with the records.csv that compare reads; no pages, to be quick."""
    written = write_experiment(folder, 2, **{**QUICK, **options})  # type: ignore[arg-type]
    reports.load(written).runs.to_csv(written / "records.csv", index=False)
    return written


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("base"))


def test_a_report_against_itself_is_identical(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(base), str(base), "--fail-on", "worse"]) == 0
    out = capsys.readouterr().out
    assert "**The results are identical.** They are the same runs, so nothing can have moved." in out
    assert "The same in both." in out and "| 3 same runs | same runs |" in out and "t test" not in out


def test_a_worse_cell_fails_only_when_asked(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse = report(tmp_path, levels={"cnn2": -9, "cnn3": -35}, settings={"lr": 0.002}, salt=1)
    assert main(["compare", str(base), str(worse)]) == 0
    assert main(["compare", str(base), str(worse), "--fail-on", "worse"]) == 1
    out = capsys.readouterr().out
    assert "| lr" in out and "0.002" in out
    assert main(["compare", str(worse), str(base), "--fail-on", "worse"]) == 0, "better is no reason to fail"
    moved = {(one.arch, one.task): one for one in compare(base, worse).changes if one.metric.name == "elbo"}
    assert moved[("cnn2", "vae")].verdict == "worse" and moved[("cnn2", "vae")].paired_seeds
    assert moved[("cnn3", "vae")].verdict == "unresolved"


MISREAD = ["null", "nan", "true", "007", "7", "1e3", "1.0"]


def test_an_architecture_is_judged_whatever_it_is_called(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """pandas would take each of these names for a missing value, a truth value or a number."""
    options = {"tasks": ("classifier",), "levels": dict.fromkeys(MISREAD, 0.0), "n_test": 10}
    a, b = (write_experiment(tmp_path / name, MISREAD, **options) for name in "ab")  # type: ignore[arg-type]
    for folder in (a, b):
        runs = reports.load(folder).runs
        if folder == b:
            runs["accuracy"] -= 0.8 + 0.001 * runs["seed"]
            again(runs)
        runs.to_csv(folder / "records.csv", index=False)
    assert main(["compare", str(a), str(b), "--fail-on", "worse"]) == 1
    out = capsys.readouterr().out
    assert f"**Of {len(MISREAD)} cells, B is 0 better, {len(MISREAD)} worse.**" in out
    cells = [(one.arch, one.n, one.verdict) for one in compare(a, b).changes if one.metric.name == "accuracy"]
    assert cells == [(name, (3, 3), "worse") for name in MISREAD]


def edited(base: Path, folder: Path, change: Callable[[pd.DataFrame], object]) -> Path:
    """A copy of a report with other records; `change` gets their frame, and may return another."""
    shutil.copytree(base, folder)
    runs = read_table(folder / "records.csv")
    found = change(runs)
    (runs if found is None else found).to_csv(folder / "records.csv", index=False)  # type: ignore[attr-defined]
    return folder


def again(runs: pd.DataFrame) -> None:
    """Trained again: the same ids and results, other clocks."""
    runs["train_seconds"] += 0.001
    runs["train_images_per_s"] *= 1 + 0.001 * (1 + runs["seed"])


def elbos(a: Path, b: Path) -> dict[str, MetricChange]:
    return {one.arch: one for one in compare(a, b).changes if one.metric.name == "elbo"}


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three seeds of `base`, and seven more."""
    return report(tmp_path_factory.mktemp("ten"), seeds=10)


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_are_identical_too(
    seeds: int, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = edited(base, tmp_path / "few", lambda runs: runs[runs["seed"] < seeds])
    assert main(["compare", str(few), str(few), "--fail-on", "worse"]) == 0
    assert "**The results are identical.** They are the same runs" in capsys.readouterr().out
    retrained = edited(few, tmp_path / "retrained", again)
    out = render(compare(few, retrained))
    assert "**The results are identical.**" in out and "same runs" not in out, "something could have moved, and did not"
    assert f"| {seeds} paired | identical |" in out
    assert {one.verdict for one in elbos(few, retrained).values()} == {"same"}


def test_without_clocks_nobody_can_say_that_it_is_one_record(base: Path, tmp_path: Path) -> None:
    clocks = ["train_seconds", "train_images_per_s"]
    timeless = edited(base, tmp_path / "timeless", lambda runs: runs.drop(columns=clocks))
    assert {one.verdict for one in compare(timeless, timeless).changes} == {"same"}


def test_the_same_id_with_another_number_has_moved(base: Path, tmp_path: Path) -> None:
    """Versions are no part of an identity: a run that was trained again keeps its id."""
    again = report(tmp_path, salt=1)
    assert set(compare(base, again).a.runs["run_id"]) == set(compare(base, again).b.runs["run_id"])
    assert {(one.verdict, one.same_run_seeds, one.paired_seeds) for one in elbos(base, again).values()} == {
        ("unresolved", (), (0, 1, 2))
    }


def test_seeds_that_were_added_move_nothing(base: Path, ten: Path) -> None:
    found = compare(base, ten)
    assert {one.verdict for one in found.changes} == {"same runs"} and not found.worse
    assert {(one.n, one.same_run_seeds, one.paired_seeds) for one in found.changes} == {((3, 10), (0, 1, 2), ())}
    page = render(found)
    assert "**The results are identical on the seeds that both have.** They are the same runs, so nothing can" in page
    assert "| 3 same runs of 3 and 10 | same runs |" in page
    assert "Left out, since the other report has no such result: seeds 3 to 9 of B." in page
    assert "Welch" not in page and "Holm" not in page.partition("## Results")[2].partition("Differences are")[2], (
        "no test was made"
    )
    assert "seeds 3 to 9 of A." in render(compare(ten, base))


def test_nested_seeds_are_paired_on_those_that_both_have(base: Path, ten: Path, tmp_path: Path) -> None:
    """Three seeds trained again and shifted by three nats: the pairs show it."""

    def shifted(runs: pd.DataFrame) -> None:
        again(runs)
        runs["elbo"] -= 3 + 0.01 * runs["seed"]

    moved = edited(base, tmp_path / "moved", shifted)
    found = compare(ten, moved)
    cell = elbos(ten, moved)["cnn2"]
    assert (cell.paired_seeds, cell.n, cell.unmatched_seeds) == ((0, 1, 2), (10, 3), ((3, 4, 5, 6, 7, 8, 9), ()))
    assert cell.verdict == "worse" and cell.difference == pytest.approx(-3.01) and cell.high < -2.9
    assert cell.mean_b - cell.mean_a == pytest.approx(cell.difference), "the means are of the seeds that were compared"
    page = render(found)
    assert "| 3 paired of 10 and 3 | ▼" in page and "paired by seed, over the seeds that both have" in page
    assert "Welch" not in page
    accuracy = next(one for one in found.changes if one.metric.name == "accuracy")
    assert accuracy.verdict == "same", "equal numbers of runs that were trained again"


def test_a_run_that_is_shared_is_in_no_test(base: Path, tmp_path: Path) -> None:
    def but_one(runs: pd.DataFrame) -> None:
        runs.loc[runs["seed"] > 0, "elbo"] -= 5
        runs.loc[runs["seed"] > 0, "train_seconds"] += 1

    partly = edited(base, tmp_path / "partly", but_one)
    cell = elbos(base, partly)["cnn2"]
    assert (cell.paired_seeds, cell.same_run_seeds) == ((1, 2), (0,)) and cell.difference == pytest.approx(-5)
    page = render(compare(base, partly))
    assert "| 2 paired, 1 same run |" in page and "one record in both are in no test" in page


def test_only_without_a_common_seed_is_it_welch(base: Path, ten: Path, tmp_path: Path) -> None:
    others = edited(ten, tmp_path / "others", lambda runs: runs[runs["seed"] > 4])
    cell = elbos(base, others)["cnn2"]
    assert not cell.paired_seeds and not cell.same_run_seeds and cell.n == (3, 5) and cell.verdict == "unresolved"
    page = render(compare(base, others))
    assert "| 3 and 5 |" in page and "Welch's t test where no seed is common" in page
    assert "| seeds" in page and "Left out" not in page


def test_one_common_seed_has_no_interval_and_no_verdict(base: Path, ten: Path, tmp_path: Path) -> None:
    def last(runs: pd.DataFrame) -> pd.DataFrame:
        runs["elbo"] -= 40
        return runs[runs["seed"] > 1]

    cell = elbos(base, edited(ten, tmp_path / "one", last))["cnn2"]
    assert cell.paired_seeds == (2,) and cell.difference == pytest.approx(-40)
    assert pd.isna(cell.low) and pd.isna(cell.p) and cell.verdict == "unresolved"


def test_equal_differences_are_judged_without_a_spread(base: Path, ten: Path, tmp_path: Path) -> None:
    """By the sign-flip test, which needs six pairs; inside the margin they are equivalent at any number."""

    def lower(by: float) -> Callable[[pd.DataFrame], None]:
        return lambda runs: runs.update({"elbo": runs["elbo"] - by})

    for report_, by, verdict in ((base, 40, "unresolved"), (ten, 40, "worse"), (base, 0.25, "equivalent")):
        cell = elbos(report_, edited(report_, tmp_path / f"{report_.parent.name}{by}", lower(by)))["cnn2"]
        assert cell.verdict == verdict and cell.is_judged
        ends = pytest.approx((float("nan"),) * 2 if verdict == "unresolved" else (-by, -by), nan_ok=True)
        assert (cell.low, cell.high) == ends, "a point would claim what the test does not"


def test_a_seed_without_a_number_has_no_partner(base: Path, tmp_path: Path) -> None:
    def gone(runs: pd.DataFrame) -> None:
        runs.loc[(runs["seed"] == 1) & (runs["arch"] == "cnn3") & (runs["task"] == "vae"), "elbo"] = float("nan")
        runs.loc[(runs["arch"] == "cnn2") & (runs["task"] == "vae"), "elbo"] = float("nan")

    found = compare(base, edited(base, tmp_path / "gone", gone))
    assert [one.unmatched_seeds for one in found.changes if one.metric.name == "elbo"] == [((1,), ())]
    page = render(found)
    assert "Left out, since the other report has no such result: seed 1 of A (cnn3 VAE)." in page
    assert "so that there is no verdict on it:\n\n- cnn2 VAE: ELBO\n- cnn3 VAE: ELBO, seed 1\n" in page
    assert "cnn2 VAE: no run with a finite ELBO in A." in render(compare(tmp_path / "gone", base))


def test_settings_of_every_kind_are_named(base: Path, tmp_path: Path) -> None:
    named = edited(base, tmp_path / "named", lambda runs: runs.assign(labels=100, deterministic=True))
    assert {("labels", "none", "100"), ("deterministic", "none", "True")} <= set(compare(base, named).settings)


def test_welch_agrees_with_a_hand_computed_case() -> None:
    difference, error, df, p = welch([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert difference == pytest.approx(-2.0) and error == pytest.approx((1 / 3 + 4 / 3) ** 0.5)
    assert df == pytest.approx((1 / 3 + 4 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2))
    assert p == pytest.approx(0.2209, abs=2e-3)
    assert pd.isna(welch([1.0], [2.0, 3.0])[1])


def test_newly_failing_runs_count_as_worse(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = report(tmp_path, failures={("cnn3", "vae", 1): "boom"})
    assert main(["compare", str(base), str(failing), "--fail-on", "worse"]) == 1
    assert "**More failed runs in B**: cnn3 VAE (1 failed)." in capsys.readouterr().out


def test_slower_is_shown_and_never_fails(base: Path, tmp_path: Path) -> None:
    slower = tmp_path / "slower"
    shutil.copytree(base, slower)
    runs = read_table(slower / "records.csv")
    runs["train_images_per_s"] /= 2 + 0.01 * runs["seed"]
    runs.to_csv(slower / "records.csv", index=False)
    found = compare(base, slower)
    assert {one.verdict for one in found.changes if one.metric.name == "train_images_per_s"} == {"worse"}
    assert not found.worse and "0.50×" in render(found)


def test_another_protocol_is_not_compared_but_accuracy_is(base: Path, tmp_path: Path) -> None:
    static = report(tmp_path, likelihood="static")
    found = compare(base, static)
    assert {one.metric.name for one in found.changes} == {"accuracy", "train_images_per_s"}
    assert "likelihood or protocol differs" in render(found)


def test_an_edited_architecture_is_named(base: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(base, edited)
    runs = read_table(edited / "records.csv")
    runs.loc[runs["arch"] == "cnn3", "arch_fingerprint"] = "feedbeef"
    runs.to_csv(edited / "records.csv", index=False)
    assert any(name == "definition of cnn3" for name, _, _ in compare(base, edited).settings)


def test_reports_of_two_protocols_are_not_compared_without_a_word(base: Path, tmp_path: Path) -> None:
    older = edited(base, tmp_path / "older", lambda runs: runs.assign(protocol=2))
    assert ("protocol", "2", "4") in compare(older, base).settings
    older = edited(older, tmp_path / "split", lambda runs: runs.assign(data_fingerprint="0" * 16))
    with pytest.raises(UserError, match=r"different data .*; protocols 2 and 4 split the images in different ways"):
        compare(older, base)
    with pytest.raises(UserError, match=r"expected the same to compare$"):  # one split, but other data
        compare(edited(older, tmp_path / "third", lambda runs: runs.assign(protocol=3)), base)


def test_bad_input_is_one_line_and_status_two(base: Path, tmp_path: Path) -> None:
    other_data = report(tmp_path / "a", settings={"dataset": "digits"})
    with pytest.raises(UserError, match="different data"):
        compare(base, other_data)
    unrendered = write_experiment(tmp_path / "b", 2, **QUICK)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"has no records\.csv"):
        compare(base, unrendered)
    (unrendered / "records.csv").write_text("arch,task\ncnn2,vae\n", encoding="utf-8")
    with pytest.raises(UserError, match="lacks seed, status"):
        compare(base, unrendered)
    with pytest.raises(UserError, match="is not a report folder"):
        compare(base, tmp_path)
    changes: dict[str, Callable[[pd.DataFrame], object]] = {
        "row 1 has no arch: expected one in every row": lambda runs: runs.assign(arch=[None, *runs["arch"][1:]]),
        "row 2 has seed 'one': expected a whole number": lambda runs: runs.assign(seed=[0, "one", *runs["seed"][2:]]),
        "row 1 has seed '0.5': expected a whole number": lambda runs: runs.assign(seed=[0.5, *runs["seed"][1:]]),
        "row 1 has threads 'two': expected a whole number": lambda runs: runs.assign(threads="two"),
        "row 3 has elbo 'good': expected a number": lambda runs: runs.assign(elbo=[1, 2, "good", *runs["elbo"][3:]]),
    }
    for index, (says, change) in enumerate(changes.items()):
        with pytest.raises(UserError, match=f"records.csv: {says}; python -m reports render"):
            compare(base, edited(base, tmp_path / str(index), change))
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(base)])
    assert stopped.value.code == 2
