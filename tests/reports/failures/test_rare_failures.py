"""A collapse in one seed of ten, and what a page says of it: counted, shown, in every number, and left out beside."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import reports
from reports.figures.seeds import Panel, draw
from reports.findings.collapses import collapses
from reports.findings.experiment import load
from reports.sections import results
from reports.wording.robustness.beside_means import STANDING_OUT
from tests.audit.conftest import undrawn
from tests.reports.synthetic import grid_names, write_experiment

COLLAPSED = {"elbo": -206.0, "kl": 0.01, "reconstruction": 205.99, "active_units": 0.0, "kl_units": 0.0}
Case = Callable[[str], Path]


def one_of_ten(arch: str, seed: int) -> dict[str, float]:
    return COLLAPSED if (arch, seed) == ("cnn3", 3) else {}


def baseline_in_one(arch: str, seed: int) -> dict[str, float]:
    return COLLAPSED if (arch, seed) == (grid_names(14)[0][0], 1) else {}


def outlier(arch: str, seed: int) -> dict[str, float]:
    return {"elbo": -112.0} if (arch, seed) == ("cnn3", 5) else {}


CASES = {
    "a collapse": {"archs": 2, "seeds": 10, "gap": -1.5, "tasks": ("vae", "classifier"), "metrics_of": one_of_ten},
    "an outlier that changes a verdict": {"archs": 2, "seeds": 8, "gap": -1.2, "tasks": ("vae",),
                                          "metrics_of": outlier},
    "an outlier that changes none": {"archs": 2, "seeds": 8, "gap": 35.0, "tasks": ("vae",), "spread": 1.0,
                                     "metrics_of": lambda arch, seed: {"elbo": -185.0} if (arch, seed) == ("cnn3", 5)
                                     else {}},
    "nothing remarkable": {"archs": 2, "seeds": 3, "tasks": ("vae",)},
    "always": {"archs": 2, "seeds": 3, "tasks": ("vae",),
               "metrics_of": lambda arch, seed: COLLAPSED if arch == "cnn3" else {}},
    "better without a code": {"archs": 2, "seeds": 4, "gap": -1.5, "tasks": ("vae",),
                              "metrics_of": lambda arch, seed: {**COLLAPSED, "elbo": -95.0, "reconstruction": 94.99}
                              if (arch, seed) == ("cnn3", 3) else {}},
    "one seed": {"archs": 2, "seeds": 1, "tasks": ("vae",)},
    "many": {"archs": 14, "seeds": 4, "tasks": ("vae",), "metrics_of": baseline_in_one},
}  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = write_experiment(tmp_path_factory.mktemp("case"), **CASES[name])
            with undrawn():
                reports.build(made[name])
        return made[name]

    return make


def page(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8")


def first_paragraph(folder: Path) -> str:
    return page(folder).split("\n\n")[1]


def how_sure(folder: Path) -> str:
    (found,) = re.findall(r"^## How sure.*?(?=^## )", page(folder), re.MULTILINE | re.DOTALL)
    return found


def test_the_first_paragraph_counts_a_collapse_and_says_how_far_and_what_would_be_without(case: Case) -> None:
    answer = first_paragraph(case("a collapse"))
    assert re.search(
        r"\*\*Collapsed in some seeds\*\*, which count in every number: cnn3 \(VAE\) in 1 of 10 seeds, "
        r"10\d\.\d nats worse than in the others\.",
        answer,
    )
    assert re.search(
        r"Without seeds that collapsed or are outliers cnn3 would be better than cnn2 \(VAE, with them not "
        r"resolvable\): \+1\.\d nats \[\d\.\d, \d\.\d\]\.",
        answer,
    )


def test_every_other_number_is_of_all_seeds(case: Case) -> None:
    folder = case("a collapse")
    runs = pd.read_csv(folder / "records.csv").query("task == 'vae'").pivot(index="seed", columns="arch", values="elbo")
    row = pd.read_csv(folder / "comparisons.csv").set_index("task").loc["vae"]
    assert row["difference"] == pytest.approx((runs["cnn3"] - runs["cnn2"]).mean())
    assert row["difference_without"] == pytest.approx((runs["cnn3"] - runs["cnn2"]).drop(3).mean())
    assert f"−{-runs['cnn3'].mean():.1f} ± {runs['cnn3'].std():.1f}" in page(folder)


def test_the_page_names_the_seed_its_rate_and_what_is_not_protected(case: Case) -> None:
    text = how_sure(case("a collapse"))
    assert "cnn3 (VAE) in 1 of 10 seeds (seed 3), 0.25 to 45 %" in text
    assert "may happen in up to 26 % of all seeds (10 seeds)" in text
    assert "not protected against rare failures" in text
    assert re.search(r"\| VAE +\| cnn3 +\| seed 3 \(cnn3 collapsed, outlier\): −10\d\.\d nats +\|", text)
    assert re.search(r"\| VAE +\| cnn3 .*\| +9 of 10 \|", text)
    assert "More skewed" not in text  # the seed that makes it so has been named


def test_programs_find_the_same(case: Case) -> None:
    vae, classifier = json.loads((case("a collapse") / "answer.json").read_text(encoding="utf-8"))["comparisons"]
    assert (vae["verdict"], vae["verdict_without"], vae["n_without"]) == ("unresolved", "better", 9)
    assert (vae["collapsed"], vae["collapsed_baseline"], vae["outliers"]) == ([3], [], [3])
    assert (vae["won"], vae["lost"], vae["tied"]) == (9, 1, 0)
    assert vae["unseen_failure"] == pytest.approx(1 - 0.05**0.1)
    assert classifier["verdict_without"] is None and classifier["difference_without"] is None


def test_an_outlier_is_in_the_first_paragraph_only_if_a_verdict_hangs_on_it(case: Case) -> None:
    start = "Without seeds that collapsed or are outliers"
    changing, harmless = case("an outlier that changes a verdict"), case("an outlier that changes none")
    assert f"{start} cnn3 would be better than cnn2 (VAE, with them not resolvable)" in first_paragraph(changing)
    assert "Collapsed" not in first_paragraph(changing) + how_sure(changing)
    assert start not in page(harmless)
    assert re.search(r"seed 5 \(outlier\): −4\d\.\d nats +\| .* ▼ +\| .* ▼ +\|", how_sure(harmless))


def test_a_page_where_nothing_stands_out_says_only_what_was_not_seen(case: Case) -> None:
    folder = case("nothing remarkable")
    assert "it may happen in up to 63 % of all seeds (3 seeds)." in how_sure(folder)
    assert "ollapsed" not in page(folder) and STANDING_OUT.split(".")[0] not in page(folder)
    assert "<details><summary>Beside the means: medians and seeds won</summary>" in page(folder)


def test_what_always_collapses_is_no_rare_failure(case: Case) -> None:
    assert "Posterior collapse (VAE)" in page(case("always"))
    assert "Collapsed in some seeds" not in page(case("always")) and "stand out" not in page(case("always"))


def test_a_code_that_nothing_uses_can_be_the_better_choice(case: Case) -> None:
    answer = first_paragraph(case("better without a code"))
    assert re.search(r"cnn3 \(VAE\) in 1 of 4 seeds, \d+\.\d nats better than in the others\.", answer)


def test_one_seed_has_no_such_words(case: Case) -> None:
    text = page(case("one seed"))
    assert "is not excluded" not in text and "seeds won" not in text


def test_a_long_table_is_folded_and_a_long_sentence_counts(case: Case) -> None:
    folder = case("many")
    assert "<details><summary>All 13 comparisons with such seeds</summary>" in how_sure(folder)
    answer = first_paragraph(folder)
    assert "of 13 verdicts that have such seeds would change" in answer
    assert len(re.findall(r"with them not resolvable", answer)) <= 3


def test_a_collapsed_run_is_a_cross_in_the_figure(case: Case) -> None:
    experiment = load(case("a collapse"))
    (found,) = (one for task in experiment.rankings for one in collapses(experiment, task))
    ranking = experiment.rankings["vae"]
    summary = experiment.summary.query("task == 'vae' and metric == 'elbo'")
    runs = experiment.runs.query("task == 'vae'")
    panel = Panel("", "", ranking.metric, runs, summary, crossed=frozenset({(found.arch, found.seeds[0])}))
    dots, crosses = draw([panel], ("cnn2", "cnn3"), {"cnn2": "#000000", "cnn3": "#ff0000"}).axes[0].collections[:2]
    assert len(dots.get_offsets()) == 19 and [x for x, _ in crosses.get_offsets()] == [-206.0]
    seen: list[Panel] = []
    writer = SimpleNamespace(write=lambda name, alt, draw, panels, *more: seen.extend(panels))
    context: Any = SimpleNamespace(experiment=experiment, colours={}, figures=writer)
    list(results.blocks(context))
    assert [each.crossed for each in seen] == [{("cnn3", 3)}, set()]
    assert "each × a run that collapsed" in page(case("a collapse"))
    assert "each ×" not in page(case("nothing remarkable"))


def test_the_rate_is_clopper_and_pearsons(case: Case) -> None:
    experiment = load(case("a collapse"))
    (found,) = (one for task in experiment.rankings for one in collapses(experiment, task))
    low, high = found.rate
    assert 1 - (1 - low) ** 10 == pytest.approx(0.025)  # that one or more of ten would fail
    assert (1 - high) ** 10 + 10 * high * (1 - high) ** 9 == pytest.approx(0.025)  # that one or none would
    assert math.isclose(found.shortfall, 102.5, abs_tol=1.0)
