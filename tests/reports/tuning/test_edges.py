"""Rates at the edge of what was tried, the tuned column of the main table, and the bands of the figure."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import reports
from bench.spec.metrics import METRICS
from reports.figures import tuning as figure
from reports.figures.palette import colours
from tests.reports.synthetic import write_experiment
from tests.reports.tuning.synthetic import add_trials, shifts

pytestmark = pytest.mark.usefixtures("unmade")
COMMON_IS_BEST = {"cnn2": (9, 0), "cnn3": (9, 0)}


def page_of(folder: Path, lr: float, table: dict[str, tuple[int, ...]] = COMMON_IS_BEST) -> str:
    report = write_experiment(folder, tuple(table), tasks=["vae"], seeds=3)
    reports.build(add_trials(report, shifts(table), len(table["cnn2"]), lr=lr))
    return (report / "report.md").read_text(encoding="utf-8")


def test_a_common_rate_outside_of_the_range_is_called_that(tmp_path: Path) -> None:
    page = page_of(tmp_path / "above", 0.05)
    assert (
        "**Outside of the range** (VAE): the common peak learning rate, 0.05, lies above the range that the others "
        "were drawn from, and was chosen for cnn2 (3 of 3 seeds) and cnn3 (3 of 3 seeds). A better one may lie beyond."
    ) in page
    assert "At the edge of the range" not in page
    assert "0.0002, lies below the range" in page_of(tmp_path / "below", 0.0002)


def test_of_a_common_rate_in_an_outer_tenth_it_is_said_that_it_was_not_drawn(tmp_path: Path) -> None:
    page = page_of(tmp_path, 0.032)
    assert "of cnn2 (the upper end in 3 of 3 seeds, 3 of them with the common recipe) and cnn3" in page
    assert "Outside of the range" not in page, "an end is in the range"


def test_the_ranges_are_said_in_one_form(tmp_path: Path) -> None:
    page = page_of(tmp_path, 8e-3)
    assert page.count("peak learning rate from 0.0005 to 0.032") == 2 and "between 0.0005" not in page
    assert "(*common*: peak learning rate 0.008), and 1 drawn for its seed, the same for all architectures (" in page


def test_the_main_table_has_one_tuned_column_with_the_verdict(tmp_path: Path) -> None:
    page = page_of(tmp_path, 8e-3, {"cnn2": (0, 9), "cnn3": (0, 2)})
    header, _, *rows = page.partition("\n| architecture")[2].splitlines()
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [
        "conv / FC", "ELBO ↑ (nats)", "ELBO vs cnn2", "ELBO ↑ (nats), tuned", "train ↑ (images/s)"
    ]  # fmt: skip
    tuned = {row.split("|")[1].strip(): row.split("|")[6].strip() for row in rows[:2]}
    assert re.fullmatch(r"\*\*−\d+\.\d ± 0\.\d+\*\*", tuned["cnn2"])
    assert re.fullmatch(r"−\d+\.\d ± 0\.\d+ ▼", tuned["cnn3"])
    assert "by validation, with the verdict against cnn2 (*When each is tuned*)" in page


@pytest.mark.parametrize(("spread", "is_cut"), [(10.0, False), (500.0, True)])
def test_bands_are_whole_unless_they_would_flatten_the_means(spread: float, is_cut: bool) -> None:
    rows = [["cnn2", "vae", k, mean, mean - spread, mean + spread] for k, mean in ((1, -120.0), (2, -100.0))]
    best = pd.DataFrame(rows, columns=["arch", "task", "k", "mean", "low", "high"])
    columns = ["arch", "task", "seed", "lr", "validation", "chosen"]
    trials = pd.DataFrame([["cnn2", "vae", 0, 0.01, -100.0, True]], columns=columns)
    panels = {"vae": ("VAE", METRICS["elbo"])}
    drawn = figure.draw(trials, best, panels, (), ["cnn2"], colours(["cnn2"]))
    low, high = drawn.axes[-1].get_ylim()
    assert figure.room_for_bands(best)[1] is is_cut
    assert (low < -120 - spread and high > -100 + spread) is not is_cut
    assert low < -120 and high > -100 and high - low < 10 * 20, "and the means rise by a tenth of the height or more"
