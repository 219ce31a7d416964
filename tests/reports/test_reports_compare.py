"""`python -m reports compare A B`: what changed, what moved beyond noise, and the exit status for CI."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import reports
from archs.errors import UserError
from reports.__main__ import main
from reports.comparing.compare import compare, welch
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
    assert "**The results are identical.**" in out and "The same in both." in out


def test_a_worse_cell_fails_only_when_asked(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse = report(tmp_path, levels={"cnn2": -9, "cnn3": -35}, settings={"lr": 0.002}, salt=1)
    assert main(["compare", str(base), str(worse)]) == 0
    assert main(["compare", str(base), str(worse), "--fail-on", "worse"]) == 1
    out = capsys.readouterr().out
    assert "| lr" in out and "0.002" in out
    assert main(["compare", str(worse), str(base), "--fail-on", "worse"]) == 0, "better is no reason to fail"
    moved = {(one.arch, one.task): one for one in compare(base, worse).moved if one.metric.name == "elbo"}
    assert moved[("cnn2", "vae")].verdict == "worse" and moved[("cnn2", "vae")].paired
    assert moved[("cnn3", "vae")].verdict == "unresolved"


def test_other_seeds_are_compared_unpaired(base: Path, tmp_path: Path) -> None:
    other = report(tmp_path, seeds=5)
    elbo = next(one for one in compare(base, other).moved if one.metric.name == "elbo")
    assert not elbo.paired and elbo.n == (3, 5) and elbo.verdict == "unresolved"
    assert "| seeds" in render(compare(base, other))


def test_welch_agrees_with_a_hand_computed_case() -> None:
    (difference, low, high), p = welch([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert difference == pytest.approx(-2.0)
    half = 3.182446305 * (1 / 3 + 4 / 3) ** 0.5  # t(0.975) at about 2.94 degrees of freedom is 3.2
    assert low == pytest.approx(-2 - half, abs=0.06) and high == pytest.approx(-2 + half, abs=0.06)
    assert p == pytest.approx(0.2209, abs=2e-3)
    assert pd.isna(welch([1.0], [2.0, 3.0])[1])


def test_newly_failing_runs_count_as_worse(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failing = report(tmp_path, failures={("cnn3", "vae", 1): "boom"})
    assert main(["compare", str(base), str(failing), "--fail-on", "worse"]) == 1
    assert "**More failed runs in B**: cnn3 VAE (1 failed)." in capsys.readouterr().out


def test_slower_is_shown_and_never_fails(base: Path, tmp_path: Path) -> None:
    slower = tmp_path / "slower"
    shutil.copytree(base, slower)
    runs = pd.read_csv(slower / "records.csv")
    runs["train_images_per_s"] /= 2 + 0.01 * runs["seed"]
    runs.to_csv(slower / "records.csv", index=False)
    found = compare(base, slower)
    assert {one.verdict for one in found.moved if one.metric.name == "train_images_per_s"} == {"worse"}
    assert not found.worse and "0.50×" in render(found)


def test_another_protocol_is_not_compared_but_accuracy_is(base: Path, tmp_path: Path) -> None:
    static = report(tmp_path, likelihood="static")
    found = compare(base, static)
    assert {one.metric.name for one in found.moved} == {"accuracy", "train_images_per_s"}
    assert "likelihood or protocol differs" in render(found)


def test_an_edited_architecture_is_named(base: Path, tmp_path: Path) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(base, edited)
    runs = pd.read_csv(edited / "records.csv", dtype={"arch_fingerprint": str})
    runs.loc[runs["arch"] == "cnn3", "arch_fingerprint"] = "feedbeef"
    runs.to_csv(edited / "records.csv", index=False)
    assert any(name == "definition of cnn3" for name, _, _ in compare(base, edited).settings)


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
    with pytest.raises(SystemExit) as stopped:
        main(["compare", str(base)])
    assert stopped.value.code == 2
