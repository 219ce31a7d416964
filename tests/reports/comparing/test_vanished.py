"""`python -m reports compare`: what only the old report has is named, and is no good news for a check."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from reports.__main__ import main
from reports.comparing.compare import compare
from reports.comparing.page import render
from reports.comparing.vanished import Vanished
from tests.reports.comparing.test_compare import again, edited, report


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(tmp_path_factory.mktemp("base"), metrics={"probe_accuracy": 0.9})


def statuses(a: Path, b: Path) -> tuple[int, int]:
    """The exit statuses without and with `--fail-on worse`."""
    return main(["compare", str(a), str(b)]), main(["compare", str(a), str(b), "--fail-on", "worse"])


def names(a: Path, b: Path) -> list[tuple[str, str, str | None, tuple[int, ...]]]:
    found = compare(a, b).vanished
    return [(one.arch, one.task, one.metric.name if one.metric else None, one.seeds) for one in found]


def test_an_architecture_that_is_gone_is_named_and_no_good_news(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = edited(base, tmp_path / "fewer", lambda runs: runs[(runs["arch"] != "cnn3") | (runs["task"] != "vae")])
    assert names(base, fewer) == [("cnn3", "vae", None, ())]
    assert statuses(base, fewer) == (0, 3)
    out = capsys.readouterr().out
    assert (
        "**The results are identical where both have any.**" in out and "B lacks results of 1 cell that A has." in out
    )
    assert "**Missing in B**, so that there is no verdict on it:\n\n- cnn3 VAE\n" in out
    assert statuses(fewer, base) == (0, 0), "what is new is no loss"
    assert "Only in B: cnn3 VAE." in capsys.readouterr().out


def test_a_metric_that_is_gone_is_named(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def without(runs: pd.DataFrame) -> None:
        runs.loc[runs["arch"] == "cnn2", "elbo"] = float("nan")
        runs.loc[runs["arch"] == "cnn3", "probe_accuracy"] = float("nan")

    fewer = edited(base, tmp_path / "fewer", without)
    assert names(base, fewer) == [("cnn2", "vae", "elbo", ()), ("cnn3", "vae", "probe_accuracy", ())]
    assert statuses(base, fewer) == (0, 3)
    out = capsys.readouterr().out
    assert "- cnn2 VAE: ELBO\n- cnn3 VAE: linear probe\n" in out and "B lacks results of 2 cells that A has." in out


def test_seeds_that_are_gone_are_named(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fewer = edited(base, tmp_path / "fewer", lambda runs: runs[(runs["seed"] < 2) | (runs["task"] == "vae")])
    assert names(base, fewer) == [(arch, "classifier", "accuracy", (2,)) for arch in ("cnn2", "cnn3")]
    assert statuses(base, fewer) == (0, 3)
    assert "- cnn2 classifier: accuracy, seed 2\n" in capsys.readouterr().out


def test_other_seeds_are_another_sample_unless_they_are_fewer(base: Path, tmp_path: Path) -> None:
    """Welch's test compares two independent samples."""
    others = edited(base, tmp_path / "others", lambda runs: runs.assign(seed=runs["seed"] + 10))
    assert names(base, others) == [] and statuses(base, others) == (0, 0)
    fewer = edited(others, tmp_path / "fewer", lambda runs: runs[runs["seed"] > 10])
    assert {seeds for _, _, _, seeds in names(base, fewer)} == {(0, 1, 2)} and statuses(base, fewer) == (0, 3)


def test_worse_counts_before_what_is_gone(base: Path, tmp_path: Path) -> None:
    def worse(runs: pd.DataFrame) -> pd.DataFrame:
        again(runs)
        runs["elbo"] -= 40 + 0.01 * runs["seed"]
        return runs[runs["arch"] == "cnn2"]

    moved = edited(base, tmp_path / "moved", worse)
    assert statuses(base, moved) == (0, 1)
    assert "B is 0 better, 1 worse.** **B lacks results of 2 cells that A has.**" in render(compare(base, moved))


def test_failures_are_failures_and_not_gone_twice(base: Path, tmp_path: Path) -> None:
    failures = {("cnn3", "vae", seed): "boom" for seed in range(3)}
    failing = report(tmp_path, metrics={"probe_accuracy": 0.9}, failures=failures)
    assert names(base, failing) == [("cnn3", "vae", "elbo", ())] and statuses(base, failing) == (0, 1)


def test_what_failed_in_both_was_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failures = {("cnn3", "vae", seed): "boom" for seed in range(3)}
    both = report(tmp_path / "both", failures=failures)
    assert statuses(both, both) == (0, 3)
    assert "**Not compared**: cnn3 VAE: no run with a finite ELBO in A, nor in B." in capsys.readouterr().out
    mended = report(tmp_path / "mended")
    assert statuses(both, mended) == (0, 0), "what is new is no loss"
    assert "\n\ncnn3 VAE: no run with a finite ELBO in A.\n" in capsys.readouterr().out
    assert statuses(mended, both) == (0, 1)
    one = {key: text for key, text in failures.items() if key[2] == 1}
    once = report(tmp_path / "once", failures=one)
    assert statuses(once, once) == (0, 0), "the other seeds are a verdict on the cell"


def test_what_can_not_be_compared_is_no_good_news(base: Path, tmp_path: Path) -> None:
    static = report(tmp_path, metrics={"probe_accuracy": 0.9}, likelihood="static")
    assert statuses(base, static) == (0, 3), "accuracy is the same, but nobody knows of the ELBO"
    assert "**Not compared**: ELBO: the likelihood or protocol differs" in render(compare(base, static))


def test_nothing_in_common_is_never_a_success(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    only_vae = edited(base, tmp_path / "vae", lambda runs: runs[runs["task"] == "vae"])
    static = report(tmp_path / "static", tasks=("vae",), likelihood="static")
    assert statuses(only_vae, static) == (3, 3)
    assert "**No result could be compared.**" in capsys.readouterr().out
    only_classifier = edited(base, tmp_path / "classifier", lambda runs: runs[runs["task"] != "vae"])
    assert statuses(only_vae, only_classifier) == (2, 2)
    assert "share no architecture and task" in capsys.readouterr().err


def test_a_single_pair_of_seeds_is_no_verdict(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = edited(base, tmp_path / "one", lambda runs: runs[runs["seed"] == 0])

    def moved(runs: pd.DataFrame) -> None:
        again(runs)
        runs["elbo"] -= 40
        runs["accuracy"] -= 0.5

    assert statuses(one, edited(one, tmp_path / "moved", moved)) == (0, 3)
    out = capsys.readouterr().out
    assert "**No result could be judged**: no difference has an interval (4 cells)." in out
    partly = edited(one, tmp_path / "partly", moved_vae)
    assert statuses(one, partly) == (0, 3)
    out = capsys.readouterr().out
    assert "**No result moved beyond noise** (4 cells compared, 3 of them the same runs, which can't move, 1 of" in out
    assert "1 of them with too few seeds for a verdict)." in out


def moved_vae(runs: pd.DataFrame) -> None:
    runs.loc[(runs["arch"] == "cnn3") & (runs["task"] == "vae"), ["elbo", "train_seconds"]] -= 1


def test_a_long_list_is_folded_and_complete(base: Path) -> None:
    found = compare(base, base)
    gone = tuple(Vanished(f"net-{i}", "vae") for i in range(30))
    page = render(type(found)(**{**vars(found), "vanished": gone}))
    assert "<summary>Missing in B, so that there is no verdict on it: 30 results</summary>" in page
    assert page.count("- net-") == 30


def test_metrics_whose_names_end_alike_are_compared(base: Path, tmp_path: Path) -> None:
    """A merge of two frames would by default call A's elbo elbo_x."""
    more = edited(base, tmp_path / "more", lambda runs: runs.assign(elbo_x=1.0))
    assert {one.verdict for one in compare(more, base).changes} == {"same runs"}
