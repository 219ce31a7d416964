"""The answer in a paragraph never claims more than the verdicts, whatever was run."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from reports.markup.escape import plain
from reports.wording.stopping.intervals import assumption
from tests.reports.synthetic import write_experiment

CLAIMS = ("better", "best", "worse", "classifies", "faster", "slower")


def paragraph(folder: Path) -> str:
    return plain(reports.answer(folder))


def test_a_big_gap_at_three_seeds_is_a_clear_answer(tmp_path: Path) -> None:
    text = paragraph(write_experiment(tmp_path, 2, n_test=10))
    assert text.startswith(
        "cnn2 models the images better: +34.8 nats of test ELBO [32.8, 36.8] over cnn3 (3 paired seeds, Bernoulli"
    )
    assert text.count("Bernoulli") == 1 and text.count("3 paired seeds") == 1, "nothing is repeated"


def test_the_winner_is_named_whichever_is_the_baseline(tmp_path: Path) -> None:
    text = paragraph(write_experiment(tmp_path, 2, tasks=("vae",), n_test=10, manifest={"baseline": "cnn3"}))
    assert text.startswith("cnn2 models the images better: +34.8 nats of test ELBO [32.8, 36.8] over cnn3")


def test_a_tiny_gap_is_not_resolvable_and_says_how_many_seeds_would_be_needed(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, tasks=("vae", "classifier"), gap=0.05, n_test=10)
    text = paragraph(folder)
    assert "As VAEs they can't be told apart: −105.2 nats (cnn2) vs −105.1 nats (cnn3) of test ELBO, difference" in text
    assert "about" in text and "seeds would be needed" in text
    assert not any(word in text for word in CLAIMS)
    assert assumption(reports.load(folder)) == "", "no verdict, so nothing rests on normal differences"


def test_a_gap_inside_the_margin_is_equivalent(tmp_path: Path) -> None:
    text = paragraph(write_experiment(tmp_path, 2, tasks=("vae",), gap=0.05, spread=0.02, seeds=6, n_test=10))
    assert "As VAEs they are equivalent to within ±0.5 nats: " in text and not any(word in text for word in CLAIMS)


def test_several_inside_the_margin_are_equivalent_to_the_baseline(tmp_path: Path) -> None:
    levels = {"cnn2": 0.0, "cnn3": 0.01, "pool4": 0.02}
    folder = write_experiment(tmp_path, list(levels), tasks=("classifier",), levels=levels, spread=0.01, n_test=10)
    assert "All 2 others are equivalent to cnn2." in paragraph(folder)


def test_one_seed_has_no_verdict(tmp_path: Path) -> None:
    for archs in (1, 2, 5):
        text = paragraph(write_experiment(tmp_path / str(archs), archs, seeds=1, n_test=10))
        assert text.startswith("One seed: no interval, no verdict.")
        assert "[" not in text and not any(word in text for word in CLAIMS)


def test_one_architecture_reports_its_value_and_interval(tmp_path: Path) -> None:
    text = paragraph(write_experiment(tmp_path, 1, tasks=("vae",), n_test=10))
    assert text.startswith("cnn:depth=2,kernel=3 reaches −105.2 nats of test ELBO [−107.2, −103.2] (3 seeds, Bernoulli")


@pytest.mark.parametrize("archs", [5, 40])
def test_many_architectures_name_the_best_only_if_it_beats_every_other(tmp_path: Path, archs: int) -> None:
    text = paragraph(write_experiment(tmp_path, archs, tasks=("vae",), gap=900, n_test=10))
    assert text.startswith(
        f"Of {archs} architectures cnn:depth=2,kernel=3 models the images best: −105.2 nats of test ELBO"
    )
    assert f"All {archs - 1} others are worse than cnn:depth=2,kernel=3." in text


@pytest.mark.parametrize("archs", [5, 40])
def test_copies_of_one_architecture_have_no_winner(tmp_path: Path, archs: int) -> None:
    """The leader is picked by looking: that it leads is luck, and the page must know."""
    folder = write_experiment(tmp_path, archs, tasks=("vae",), gap=0, n_test=10)
    text = paragraph(folder)
    assert text.startswith("As VAEs, no single best:") and "models the images best" not in text


def test_failures_are_named_and_in_no_number(tmp_path: Path) -> None:
    failures = {("cnn3", "vae", seed): "boom" for seed in range(3)}
    text = paragraph(write_experiment(tmp_path, 2, tasks=("vae", "classifier"), failures=failures, n_test=10))
    assert "cnn2 reaches −105.2 nats of test ELBO" in text and "no other architecture has a result there" in text
    assert "3 of 12 runs failed (cnn3 vae seed 0, cnn3 vae seed 1 and cnn3 vae seed 2) and are in no number." in text


def test_a_failed_baseline_leaves_nothing_to_compare_with(tmp_path: Path) -> None:
    failures = {("cnn2", "vae", seed): "boom" for seed in range(3)}
    folder = write_experiment(tmp_path, ["cnn2", "cnn3", "mlp"], tasks=("vae",), failures=failures, n_test=10)
    assert "The baseline cnn2 has no result there, so nothing is compared with it." in paragraph(folder)


def test_verdicts_below_six_seeds_carry_a_assumption(tmp_path: Path) -> None:
    assert "normal differences" in assumption(
        reports.load(write_experiment(tmp_path / "3", 2, tasks=("vae",), n_test=10))
    )
    assert assumption(reports.load(write_experiment(tmp_path / "6", 2, tasks=("vae",), seeds=6, n_test=10))) == ""


def test_the_terminal_shows_the_answer_the_table_and_the_warnings(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path, 2, n_test=10, manifest={"warnings": ["this is digits, not MNIST"]})
    text = reports.terminal_summary(folder)
    assert text.startswith("warning: this is digits, not MNIST\n\ncnn2 models the images better")
    assert "−140.0 ± 0.01 ▼" in text and "*−105.2 ± 0.8" in text and "\\" not in text
