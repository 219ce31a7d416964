"""In a comparison of reports, too: brackets say what the verdicts say, and one network is one change."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import reports
from bench.statistics.tables import read_table
from reports.__main__ import main
from reports.comparing.compare import compare
from reports.comparing.page import render
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")


def moved(report: Path, target: Path, metric: str, by: dict[str, float], spread: float = 0.0) -> Path:
    """A copy whose architectures differ by so much on average, over seeds by `spread` more or less."""
    shutil.copytree(report, target)
    runs = read_table(target / "records.csv")
    noise = np.random.default_rng(0).normal(0, spread, len(runs))
    shift = runs["arch"].map(by).fillna(0.0) + noise
    runs[metric] += shift.where(runs["status"] == "finished")
    runs["train_seconds"] += 1
    runs.to_csv(target / "records.csv", index=False)
    return target


def test_brackets_agree_with_the_verdicts_on_many_changes(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path / "a", 12, tasks=("vae",), seeds=4, n_test=10)
    reports.build(folder)
    by = {arch: -0.35 * i for i, arch in enumerate(reports.load(folder).archs)}
    found = compare(folder, moved(folder, tmp_path / "b", "elbo", by, spread=0.5))
    seen = set()
    for change in found.quality:
        seen.add(change.verdict)
        inside = change.low >= -0.5 and change.high <= 0.5
        expected = (
            "equivalent" if inside else "better" if change.low > 0 else "worse" if change.high < 0 else "unresolved"
        )
        assert change.verdict == expected
    assert seen >= {"worse", "unresolved"}
    assert "intervals over seeds (paired by seed), as wide as the verdicts among all changes of a metric" in render(
        found
    )


def test_a_twin_is_no_second_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """cnn3+cnn2 is cnn3 as a classifier: a change of it alone is none of the network's, and is not tested twice."""
    archs = ["cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2"]
    folder = write_experiment(tmp_path / "a", archs, tasks=("classifier",), seeds=6, n_test=10)
    reports.build(folder)
    shift = -0.0016
    both = moved(folder, tmp_path / "both", "accuracy", {"cnn3": shift, "cnn3+cnn2": shift}, spread=0.0011)
    found = {change.arch: change for change in compare(folder, both).changes if change.metric.name == "accuracy"}
    assert [found[arch].verdict for arch in archs[2:]] == ["same network"] * 2
    assert all(pd.isna(found[arch].p) for arch in archs[2:])
    alone = moved(folder, tmp_path / "alone", "accuracy", {"cnn3+cnn2": -0.05}, spread=0.0)
    comparison = compare(folder, alone)
    assert not comparison.worse and len(comparison.quality) == 3, "equal numbers are still called identical"
    page = render(comparison)
    assert "| = " in page and "= the same network as another architecture, whose change is tested" in page
    assert main(["compare", str(folder), str(alone), "--fail-on", "worse"]) == 0
    assert "**No result moved beyond noise** (3 cells compared)." in capsys.readouterr().out
