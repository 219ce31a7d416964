"""The choice of the recipe: its numbers against a hand's, what it says of them, and a grid of tiny trainings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from archs.errors import UserError
from bench.spec.defaults import DEFAULT_LR, DEFAULT_SEEDS
from bench.statistics.estimates import mean_interval
from bench.studies import recipe
from bench.studies.trials.children import table_of
from bench.studies.trials.choice import DIVERGED, Grid, grid_of
from bench.studies.trials.recipe_figure import draw_figure
from bench.studies.trials.recipe_page import Section, page, sections
from bench.studies.trials.warm_up import schedule_with
from bench.training.schedule import WARM_UP_SHARE, learning_rate

RATES = [1e-3, 4e-3, 1.6e-2]
SCORES = {"a": [(-110, -112), (-100, -104), (-101, -101)], "b": [(-90, -90), (-93, -95), (-99, -97)]}
"""Architecture → for each rate the scores of two seeds. Means: a −111, −102, −101; b −90, −94, −98."""
DOCS = Path(__file__).parents[2] / "docs" / "recipe"
NO_WARM_UPS = pd.DataFrame(columns=list(recipe.COLUMNS["warm_up.csv"]))


def runs(scores: dict[str, list[tuple[float, ...]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arch": arch, "task": "vae", "seed": seed, "lr": rate, "metric": "elbo", "value": value, "epochs": 10,
            "train_images": 55_000, "batch_size": 128, "warm_up": 0.05,
            "status": DIVERGED if math.isnan(value) else "finished",
        }
        for arch, cells in scores.items()
        for rate, cell in zip(RATES, cells, strict=True)
        for seed, value in enumerate(cell)
    )  # fmt: skip


def grid(scores: dict[str, list[tuple[float, ...]]]) -> Grid:
    return grid_of(runs(scores), "lr", RATES)


def test_losses_and_the_rule_are_those_of_a_hand() -> None:
    found = grid(SCORES)
    np.testing.assert_allclose(found.losses, [[10, 1, 0], [0, 4, 8]])
    np.testing.assert_allclose(found.regrets, [5, 2.5, 4])
    np.testing.assert_allclose(found.worst, [10, 4, 8])
    assert found.best == (2, 0) and RATES[found.chosen] == 4e-3
    # a at 4e-3 against 1.6e-2: −1 and 3 over the seeds; mean 1, std √8, t(0.975, 1) = 12.706
    interval = found.loss(0, 1)
    assert (interval.mean, interval.std) == pytest.approx((1.0, math.sqrt(8)))
    assert (interval.low, interval.high) == pytest.approx((1 - 12.7062 * 2, 1 + 12.7062 * 2), abs=1e-3)
    gap = found.gap(1, 1)  # b − a at 4e-3: 7 and 9
    assert (gap.mean, gap.std) == pytest.approx((8.0, math.sqrt(2)))


def test_of_equal_rates_the_smallest_is_taken() -> None:
    assert grid({"a": [(-100, -100), (-90, -90), (-90, -90)]}).chosen == 1


def test_a_run_that_diverged_or_exploded_counts_as_a_network_that_knows_nothing() -> None:
    found = grid({"a": [(-100, -100), (math.nan, -99), (-1e27, -99)]})
    least = -784 * math.log(2)
    np.testing.assert_allclose(found.scores[0], [[-100, -100], [least, -99], [least, -99]])
    np.testing.assert_allclose(found.useless, [[0, 1, 1]])
    assert found.chosen == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.iloc[1:], "a at lr 0.001, seed 0, is missing: no choice from an uneven grid"),
        (lambda table: pd.concat([table, table.iloc[-1:]]), "b at lr 0.016, seed 1, is there 2 times"),
        (lambda table: table.assign(status="failed (no memory)"), "a at lr 0.001, seed 0, has no score: failed (no me"),
        (lambda table: table.assign(epochs=[1, *table["epochs"][1:]]), "the runs of vae differ in epochs"),
    ],
)
def test_nothing_is_chosen_from_an_uneven_grid(change, says: str) -> None:
    with pytest.raises(UserError) as refused:
        sections(change(runs(SCORES)), NO_WARM_UPS)
    assert says in str(refused.value)


def test_the_page_says_how_sure_the_choice_is() -> None:
    text = page(sections(runs(SCORES), NO_WARM_UPS))
    assert (
        "**Peak learning rate in the task vae: 4e-3; averaged over 2 architectures it loses 2.50 nats of validation "
        "ELBO against each one's own best, at worst 4.00 (b).**"
    ) in text
    # per seed a and b together: at 4e-3 −96.5 and −99.5, at 1.6e-2 −100 and −99
    assert "The next, 1.6e-2, loses 4.00: behind by 1.50 [" in text and "which 2 seeds can't tell from nothing" in text
    assert "`a` is best at 1.6e-2, an edge of the grid" in text and "The choice, " not in text
    assert "| **4e-3**             |   2.50 |    4.00 | 1.00 [−24.41, 26.41] |" in text
    lowest = page(sections(runs({"b": SCORES["b"]}), NO_WARM_UPS))
    assert "⚠ The choice, 1e-3, is an edge of the grid" in lowest


def test_the_warm_ups_have_the_architectures_in_the_order_of_the_rates() -> None:
    ended = runs(SCORES).sort_values("arch", ascending=False)
    warm_ups = ended.assign(warm_up=ended["lr"].map({1e-3: 0.0, 4e-3: 0.05, 1.6e-2: 0.2}), lr=4e-3)
    rates, warm_up = sections(runs(SCORES), warm_ups)
    assert warm_up.grid.archs == rates.grid.archs == ("a", "b") and warm_up.names == ("none", "5 %", "20 %")
    np.testing.assert_allclose(warm_up.grid.scores, rates.grid.scores)


def test_warm_ups_that_lack_a_run_are_left_out_with_a_word(capsys: pytest.CaptureFixture) -> None:
    warm_ups = runs(SCORES).assign(warm_up=lambda table: table["lr"], lr=4e-3).iloc[:-1]
    assert len(sections(runs(SCORES), warm_ups)) == 1
    assert "WARNING: the warm-ups are left out: b at warm_up 0.016, seed 1, is missing" in capsys.readouterr().err


def test_the_page_names_the_seed_that_the_choice_hangs_on() -> None:
    text = page(sections(runs({"a": [(-100, -90), (-96, -96), (-99, -99)]}), NO_WARM_UPS))
    assert (
        "Peak learning rate in the task vae: 1e-3" in text
        and "The smallest loss is that of 1e-3; without seed 1 that of 4e-3 would be." in text
    )


def test_the_shortest_warm_up_is_taken_that_the_seeds_do_not_tell_from_the_best() -> None:
    # two seeds behind the best: 2.0 and 2.1, mean 2.05 > 12.706 · 0.05; 1 and 3, mean 2 < 12.706 · 1
    scores = [(-102.0, -102.1), (-101.0, -103.0), (-100.0, -100.0)]
    warm_ups = runs({"a": scores}).assign(warm_up=lambda table: table["lr"].map({1e-3: 0.4, 4e-3: 0.5, 1.6e-2: 0.6}))
    rates, chosen = sections(runs(SCORES), warm_ups.assign(lr=4e-3))
    assert chosen.names[chosen.chosen] == "50 %" and rates.chosen == rates.grid.chosen
    text = page([rates, chosen])
    assert "**Warm-up in the task vae: 50 %; a it loses 2.00 nats" in text
    assert "The smallest loss, 0.00, is that of 60 %: ahead by 2.00 [" in text
    assert "The next shorter, 40 %: behind 60 % by 2.05 [1.41, 2.69] nats." in text
    noisy = grid({"a": [(-100.0, -200.0), (-102.0, -102.1), (-100.0, -100.0)]})
    assert noisy.first_untold == 2, "the first of all can't be told from anything, but the second can"


def test_another_warm_up_is_that_of_the_block_alone() -> None:
    with schedule_with(0.0):
        assert learning_rate(0, 1_000, 1.0) == 1.0
    with schedule_with(0.2):
        assert [learning_rate(step, 1_000, 1.0) for step in (0, 99, 199)] == [0.005, 0.5, 1.0]
    assert learning_rate(199, 1_000, 1.0) == 0.5


def draw_where_there_is_none(found: Sequence[Section], path: Path) -> None:
    """Draw a study's figure once: it takes longer than what the study does when it goes on."""
    if not path.exists():
        draw_figure(found, path)


def test_a_tiny_grid_is_trained_once_and_the_warm_up_at_what_it_chose(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.studies.trials.recipe_figure.draw_figure", draw_where_there_is_none)
    out, store = tmp_path / "recipe", tmp_path / "runs"
    options = [
        "--archs", "cnn2", "--dataset", "digits", "--epochs", "2", "--train-images", "512", "--seeds", "1",
        "--rates", "1e-3", "8e-3", "--runs-dir", str(store), "--out", str(out),
    ]  # fmt: skip
    assert recipe.main(options) == 0
    table = pd.read_csv(out / "recipe.csv")
    last = bench.load(store, "history").query("epoch == 2").set_index("run_id")["val_elbo"]
    np.testing.assert_allclose(table["value"], [last[run_id] for run_id in table["run_id"]], rtol=1e-14)
    assert "peak learning rate in the task vae: 8e-3" in capsys.readouterr().out
    first = {path: path.stat().st_mtime_ns for path in store.glob("*/record.json")}
    assert recipe.main(options) == 0
    assert {path: path.stat().st_mtime_ns for path in store.glob("*/record.json")} == first

    (out / "figure.png").unlink()  # of the rates alone
    assert recipe.main([*options, "--warm-up", "--warm-ups", "0.4", "0.75"]) == 0
    warm_ups = pd.read_csv(out / "warm_up.csv")
    own = dict(zip(warm_ups["warm_up"], warm_ups["value"], strict=True))
    assert own[0.4] == table["value"][1] and abs(own[0.75] - own[0.4]) > 0.1
    assert "[1/1] cnn2 vae seed 0, warm-up 75 %: " in capsys.readouterr().out  # the other is the run of the grid
    content = (out / "warm_up.csv").read_bytes()
    (out / "warm_up.csv").write_bytes(content[:-5])  # killed while it wrote the last row
    assert recipe.main([*options, "--warm-up", "--warm-ups", "0.4", "0.75"]) == 0
    assert (out / "warm_up.csv").read_bytes() == content
    with pytest.raises(UserError, match="holds trainings with epochs 2, now it is 3: they are not mixed"):
        recipe.main([*options, "--epochs", "3", "--warm-up"])
    assert (out / "figure.png").stat().st_size > 10_000 and "## Warm-up: vae" in (out / "table.md").read_text()
    (other := tmp_path / "other").mkdir()
    table.iloc[:1].to_csv(other / "recipe.csv", index=False)
    (other / "figure.png").touch()
    more = ["--warm-up", "--warm-ups", "0.4", "--lr", "8e-3", "--out", str(other)]
    assert recipe.main([*options, *more]) == 0  # trained by itself, a job's warm-up gives a job's score
    assert pd.read_csv(other / "warm_up.csv")["value"][0] == pytest.approx(table["value"][1], rel=1e-14)
    (out / "table.md").unlink()
    assert recipe.main(["--from", str(out / "recipe.csv")]) == 0 and (out / "table.md").is_file()


@pytest.mark.parametrize("folder", [DOCS, DOCS / "again"])
def test_the_committed_pages_show_the_committed_numbers(folder: Path) -> None:
    rates, warm_ups = (table_of(folder / name, columns, "--out") for name, columns in recipe.COLUMNS.items())
    found = sections(rates, warm_ups)
    assert (folder / "table.md").read_text(encoding="utf-8") == page(found)
    assert [section.what for section in found] == ["peak learning rate", "warm-up"][: 2 if folder == DOCS else 1]
    for section in found:
        assert section.grid.archs == recipe.ARCHS and len(section.grid.seeds) >= DEFAULT_SEEDS
        assert not section.grid.is_edge(section.chosen)
    assert (folder / "figure.png").stat().st_size > 10_000


def test_the_defaults_are_what_the_committed_numbers_choose() -> None:
    """The rate at the former warm-up, the warm-up at that rate, and that rate once more at the new warm-up."""
    first, again = (
        table_of(each / "recipe.csv", recipe.COLUMNS["recipe.csv"], "--out") for each in (DOCS, DOCS / "again")
    )
    _, warm_up = sections(first, table_of(DOCS / "warm_up.csv", recipe.COLUMNS["warm_up.csv"], "--out"))
    assert warm_up.grid.settings[warm_up.chosen] == WARM_UP_SHARE and set(again["warm_up"]) == {WARM_UP_SHARE}
    for folder in (DOCS, DOCS / "again"):
        assert recipe.chosen_rate(folder / "recipe.csv") == DEFAULT_LR


def test_what_the_choice_changes_is_what_science_md_says() -> None:
    """Rate 4e-3 and warm-up 5 % against 8e-3 and 40 %, validation ELBO, paired over the seeds."""
    rates, warm_ups = (pd.read_csv(DOCS / name) for name in recipe.COLUMNS)
    before, after = (
        table[(table["lr"] == rate) & (table["warm_up"] == share)].pivot_table("value", "seed", "arch")
        for table, rate, share in ((rates, 4e-3, 0.05), (warm_ups, 8e-3, 0.4))
    )
    gained = after - before
    text = (DOCS.parent / "science.md").read_text(encoding="utf-8").replace("\n", " ")
    for arch, said in {
        "cnn2": "cnn2 +{} nats [{}, {}]", "cnn3": "cnn3 +{} [{}, {}]", "mlp": "the mlp +{} [{}, {}]",
    }.items():  # fmt: skip
        found = mean_interval(gained[arch].to_numpy())
        assert said.format(*(f"{value:.1f}" for value in (found.mean, found.low, found.high))) in text
    gap = mean_interval((gained["cnn3"] - gained["cnn2"]).to_numpy())
    assert f"{gap.mean:.1f} nats [{gap.low:.1f}, {gap.high:.1f}] of what protocols 1 to 3 showed" in text
