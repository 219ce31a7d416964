"""Two reports of which one added seeds until it was settled: what is paired must hold at any look."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import reports
from bench.statistics.comparisons import compare_paired
from bench.statistics.tables import read_table
from reports.comparing.compare import compare
from reports.comparing.page import render
from tests.reports.comparing.test_compare_verdicts import moved
from tests.reports.stopping.synthetic import write_until_sure
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def elbos(report: Path) -> dict[str, dict[int, float]]:
    """Architecture → seed → its ELBO."""
    runs = read_table(report / "records.csv").groupby("arch")
    return {str(arch): dict(zip(own["seed"], own["elbo"], strict=True)) for arch, own in runs}


def test_intervals_of_pairs_are_confidence_sequences_if_either_report_added_seeds(tmp_path: Path) -> None:
    a = write_until_sure(tmp_path / "a", {"cnn2": 6, "cnn3": 4})
    reports.build(a)
    b = moved(a, tmp_path / "b", "elbo", {"cnn2": -0.9, "cnn3": -0.9}, spread=0.35)
    found = {change.arch: change for change in compare(a, b).quality}
    was, now = (elbos(one) for one in (a, b))
    for arch, change in found.items():
        t, own = (compare_paired(now[arch], was[arch], anytime=anytime) for anytime in (False, True))
        assert (change.high - change.low) > 1.05 * (t.high - t.low), "wider than a t interval"
        assert change.low <= own.low_95 + 1e-9 and change.high >= own.high_95 - 1e-9
    text = render(compare(a, b))
    assert "with confidence sequences, which hold at any number of seeds, (paired by seed), as wide as" in text
    assert "a ratio of geometric means, with t intervals; it never fails" in text
    same = write_experiment(tmp_path / "fixed", 2, tasks=("vae",), n_test=10, seeds=6)
    reports.build(same)
    assert "confidence sequences" in render(compare(same, b)) and "confidence sequences" in render(compare(b, same))


def test_where_no_seed_is_common_the_interval_is_an_ordinary_one_and_said_so(tmp_path: Path) -> None:
    a = write_until_sure(tmp_path / "a", {"cnn2": 6, "cnn3": 4})
    reports.build(a)
    b = moved(a, tmp_path / "b", "elbo", {}, spread=0.35)
    runs = read_table(b / "records.csv")
    runs.assign(seed=runs["seed"] + 100).to_csv(b / "records.csv", index=False)
    text = render(compare(a, b))
    ordinary = "Welch's t test, which is for a number of seeds fixed beforehand, where no seed is common"
    assert ordinary in text and "confidence sequences" not in text


def test_reports_of_fixed_numbers_of_seeds_keep_t_intervals(tmp_path: Path) -> None:
    a = write_experiment(tmp_path / "a", 2, tasks=("vae",), n_test=10)
    reports.build(a)
    shutil.copytree(a, tmp_path / "copy")
    text = render(compare(a, moved(a, tmp_path / "b", "elbo", {"cnn3": 1.0}, spread=0.2)))
    assert "with intervals over seeds (paired by seed), as wide as" in text and "sequences" not in text
