"""A budget that is not the default is in the title and the first sentence; a curve that still rises is called so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import reports
from bench.spec.defaults import DEFAULT_LR
from bench.store.store import Store
from reports.comparing.compare import compare
from reports.comparing.page import render
from reports.findings.learning import late_gains
from reports.markup.escape import plain
from tests.reports import synthetic
from tests.reports.synthetic import write_experiment

pytestmark = pytest.mark.usefixtures("unmade")
SHORT = {"epochs": 3, "train_images": 1000}


def page_of(folder: Path) -> str:
    reports.build(folder)
    return plain((folder / "report.md").read_text(encoding="utf-8"))


def experiment(folder: Path, curves: dict[str, list[list[float]]] | None = None, **settings: Any) -> Path:
    """cnn2 and cnn3 as VAEs; with `curves`, architecture → seed → validation ELBO of each epoch."""
    if curves is None:
        return write_experiment(folder, 2, tasks=("vae",), n_test=10, settings=settings)
    real = synthetic.run_values
    names, counts = list(curves), {"runs": 0}
    seeds = len(next(iter(curves.values())))

    def run_values(*arguments: Any) -> Any:
        metrics, arrays, history = real(*arguments)
        index, seed = divmod(counts["runs"], seeds)
        counts["runs"] += 1
        for row, value in zip(history, curves[names[index]][seed], strict=True):
            row["val_elbo"] = value
        return metrics, arrays, history

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "run_values", run_values)
        return write_experiment(folder, names, tasks=("vae",), seeds=seeds, n_test=10, settings=settings)


@pytest.mark.parametrize(
    ("settings", "manifest", "words"),
    [
        (SHORT, {}, "1,000 images × 3 epochs"),
        ({"train_images": 1000}, {}, "1,000 images × 10 epochs"),
        ({"epochs": 1}, {"dataset": {"name": "mnist", "train_images": 55_000}}, "all 55,000 images × 1 epoch"),
        ({"epochs": 30}, {}, "all images × 30 epochs"),
    ],
)
def test_another_budget_is_in_the_title_and_the_first_sentence(
    settings: dict[str, Any], manifest: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = write_experiment(tmp_path, 2, n_test=10, settings=settings, manifest=manifest)
    experiment = reports.load(folder)
    page = plain(reports.build(experiment).read_text(encoding="utf-8"))
    assert page.startswith(f"# cnn2 vs cnn3 on MNIST, {words}\n")
    assert f"<title>cnn2 vs cnn3 on MNIST, {words}</title>" in (folder / "report.html").read_text(encoding="utf-8")
    answer = plain(reports.answer(experiment))
    assert f"(3 paired seeds, {words}, Bernoulli" in answer and answer.count(words) == 1, "once for all tasks"
    assert words in " ".join(reports.terminal_summary(experiment).split())


def test_the_default_budget_is_not_mentioned(tmp_path: Path) -> None:
    """Ten epochs of all images; digits have thirty."""
    assert page_of(experiment(tmp_path / "mnist")).startswith("# cnn2 vs cnn3 on MNIST\n")
    digits = experiment(tmp_path / "digits", dataset="digits", epochs=30)
    assert "epochs" not in plain(reports.answer(digits)) and "×" not in page_of(digits).split("\n")[0]


def test_a_comparison_of_two_reports_is_titled_alike(tmp_path: Path) -> None:
    short, default = experiment(tmp_path / "short", **SHORT), experiment(tmp_path / "default")
    other = shutil.copytree(short, tmp_path / "other")
    for folder in (short, default):
        reports.build(folder)
    shutil.copy(short / "records.csv", other)
    assert render(compare(short, other)).startswith("# cnn2 vs cnn3 on MNIST, 1,000 images × 3 epochs: A against B")
    assert render(compare(short, default)).startswith("# cnn2 vs cnn3 on MNIST: A against B")


STEEP = [[-200.0, -150.0, -120.0], [-201.0, -151.0, -121.0], [-199.0, -149.0, -119.0]]
FLAT = [[-200.0, -110.0, -109.9], [-201.0, -111.0, -111.0], [-199.0, -109.0, -108.9]]


def test_a_curve_that_gains_more_than_the_spread_is_still_rising(tmp_path: Path) -> None:
    folder = experiment(tmp_path, {"cnn2": FLAT, "cnn3": STEEP}, **SHORT)
    gains = {one.arch: one for one in late_gains(reports.load(folder), "vae")}
    assert gains["cnn3"].gain == pytest.approx(30) and gains["cnn3"].spread == pytest.approx(1)
    assert gains["cnn3"].still_improving and not gains["cnn2"].still_improving
    page = page_of(folder)
    assert (
        "Still rising (VAE): over the last epoch the validation ELBO moved more than its standard deviation over seeds "
        "(in brackets): cnn3 +30.0 nats (1.0). More epochs may change these results. The learning rate falls to zero "
        "at the end, which flattens every curve: a flat end is no proof" in page
    )
    assert "Still improving when the training ended: cnn3 (VAE)." in plain(reports.answer(folder))
    both = experiment(tmp_path / "both", {"cnn2": STEEP, "cnn3": STEEP}, **SHORT)
    assert "Still improving when the training ended: all (VAE)." in plain(reports.answer(both))


def test_the_end_is_a_fifth_of_the_epochs(tmp_path: Path) -> None:
    curve = [-200, -150, -130, -120, -118, -117, -116, -115, -112, -110]
    folder = experiment(tmp_path, {"cnn2": [[float(value + shift) for value in curve] for shift in (0, 1, -1)]})
    (found,) = late_gains(reports.load(folder), "vae")
    assert (found.late_epochs, found.gain) == (2, pytest.approx(5.0)) and found.still_improving
    assert "over the last 2 epochs the validation ELBO" in page_of(folder)


def test_a_gain_that_does_not_matter_is_none(tmp_path: Path) -> None:
    """Three seeds that agree by luck make no trifle a finding: the ELBO's margin is half a nat."""
    folder = experiment(tmp_path, {"cnn2": [[-200.0, -110.0, -109.7]] * 3}, **SHORT)
    (found,) = late_gains(reports.load(folder), "vae")
    assert found.spread == 0 and found.gain == pytest.approx(0.3) and not found.still_improving
    assert "Still" not in page_of(folder)


@pytest.mark.parametrize(("epochs", "seeds"), [(1, 3), (2, 3), (3, 1)])
def test_a_history_too_short_or_without_a_spread_says_nothing(epochs: int, seeds: int, tmp_path: Path) -> None:
    folder = experiment(tmp_path, {"cnn2": [curve[-epochs:] for curve in STEEP[:seeds]]}, epochs=epochs)
    page = page_of(folder)
    assert late_gains(reports.load(folder), "vae") == []
    assert "Still" not in page and "flat end" not in page and "## Learning curves" in page


def test_the_schedule_is_that_of_the_runs_or_not_recorded(tmp_path: Path) -> None:
    folder = experiment(tmp_path, **SHORT)
    rule = "linear warm-up{}, then half a cosine down to zero"
    assert rule.format("") + "; how long is not recorded" in page_of(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["schedule"] = {"steps": 156, "warm_up_steps": 39}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert rule.format(" over 39 of 156 steps (25 %)") in page_of(folder)


def test_pages_of_older_protocols_say_what_was_chosen_by_the_test_set(tmp_path: Path) -> None:
    words = "The default learning rate and warm-up of protocol {} had been chosen by test figures."
    assert words.format(3) in page_of(experiment(tmp_path / "3", protocol=3))
    page = page_of(experiment(tmp_path / "4", protocol=4))
    assert "these runs used the test set once, at the end." in page and "had been chosen" not in page
    assert Store(tmp_path / "4" / "runs").records()


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (
            DEFAULT_LR,
            "The learning rate and the warm-up are the defaults, which were chosen by validation, once for all",
        ),
        (0.002, "How the learning rate (0.002) was chosen is not recorded."),
    ],
)
def test_a_page_says_how_its_learning_rate_was_chosen(rate: float, words: str, tmp_path: Path) -> None:
    page = page_of(experiment(tmp_path, lr=rate))
    assert f"these runs used the test set once, at the end. {words}" in page
