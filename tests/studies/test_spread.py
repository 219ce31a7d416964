"""The spread by source: its numbers against a hand's and scipy's, what it says of them, and tiny trainings."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

import bench
from archs.errors import UserError
from bench.spec.defaults import DEFAULT_EPOCHS, DEFAULT_LATENT, DEFAULT_LR
from bench.studies import spread
from bench.studies.synthetic import spec_of
from bench.studies.trials.children import table_of
from bench.studies.trials.choice import DIVERGED
from bench.studies.trials.sources import ALL, NONE, SOURCES, ULP, SpreadOrder, nudge, rows_of
from bench.studies.trials.spread_numbers import networks_of, ratio_of, spread_of
from bench.studies.trials.spread_page import page
from bench.worker.site import Site
from tests.job.test_job import job

DOCS = Path(__file__).parents[2] / "docs" / "spread"
# the run that all share, and two more of each source
BASE = -100.0
MORE = {
    "weights": (-103.0, -97.0),  # std 3
    "order": (-101.0, -99.0),  # std 1
    "coins": (-101.0, -99.0),
    "split": (-100.0, -100.0),
    "rounding": (-102.0, -98.0),  # std 2
    "all": (-104.0, -96.0),  # std 4
}


def runs(more: dict[str, tuple[float, ...]] = MORE, arch: str = "a") -> pd.DataFrame:
    rows = [(NONE, 0, BASE), *((source, seed, value) for source in more for seed, value in enumerate(more[source], 1))]
    table = pd.DataFrame(rows, columns=["source", "seed", "value"])
    settings = {"epochs": 2, "train_images": 55_000, "batch_size": 128, "lr": 4e-3, "protocol": 3, "metric": "elbo"}
    return table.assign(arch=arch, task="vae", status="finished", **settings)


def test_a_standard_deviation_has_the_chi_square_interval() -> None:
    found = spread_of([1.0, 2.0, 4.0, 7.0])
    assert found.std == pytest.approx(math.sqrt(7))  # mean 3.5: 6.25 + 2.25 + 0.25 + 12.25 = 21, over 3
    assert found.low == pytest.approx(math.sqrt(21 / stats.chi2.ppf(0.975, 3)))
    assert found.high == pytest.approx(math.sqrt(21 / stats.chi2.ppf(0.025, 3)))
    assert math.isnan(spread_of([1.0]).std) and spread_of([0.1 + 0.2] * 3).std == 0


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    found = [spread_of(sample) for sample in draw.normal(0, 2, (4_000, 6))]
    assert np.mean([each.low < 2 < each.high for each in found]) == pytest.approx(0.95, abs=0.01)
    ratios = [ratio_of(a, b) for a, b in zip(found[::2], found[1::2], strict=True)]
    assert np.mean([each.low < 1 < each.high for each in ratios]) == pytest.approx(0.95, abs=0.015)


def test_shares_are_those_of_a_hand() -> None:
    (found,) = networks_of(runs())
    assert [found.spreads[source].std for source in SOURCES] == pytest.approx([3, 1, 1, 0, 2, 4])
    assert {each.n for each in found.spreads.values()} == {3}
    assert found.share_of_sum("weights") == pytest.approx(9 / 15)
    assert found.share_of_all("weights") == pytest.approx(9 / 16)
    assert found.mean == -100 and found.rounding.value == pytest.approx(0.5)
    assert found.rounding.high == pytest.approx(0.5 * math.sqrt(39.0))  # F(0.975; 2, 2) = 39
    assert not found.is_chaotic  # not more than half


def test_the_page_calls_chaotic_what_rounding_alone_spreads() -> None:
    others = [runs({**MORE, "rounding": (-100 - by, -100 + by)}, arch) for by, arch in ((3.0, "b"), (16.0, "c"))]
    text = page(pd.concat([runs(), *others]))
    assert (
        "**Runs are short**, and longer ones may divide otherwise: 2 epochs of 55,000 images" in text
        and "3 runs for each number" in text
    )
    assert " 3.00 [1.56, 18.9] " in text and " 60 % · 56 % " in text and " 0 % · 0 % " in text
    calm, open_, chaotic = (line for line in text.splitlines() if line.startswith("- `"))
    assert "rounding alone spreads by 2.00 nats, all together by 4.00: 0.50 of it [0.08, 3.12]" in calm
    assert "chaotic" not in calm and "Another machine changes a part of what a seed gives, in runs as short" in calm
    assert "`b`: rounding alone spreads by 3.00 nats, all together by 4.00: 0.75 of it" in open_
    assert "chaotic" not in open_ and "(whether above 0.5 is not settled). Another machine may change most" in open_
    assert "all together by 4.00: 4.00 of it [0.64, 24.98]. **This" in chaotic
    assert "chaotic at this recipe: seeds measure it, but another machine gives other numbers" in chaotic
    assert "not settled" not in chaotic
    little = page(runs({**MORE, "rounding": (-100.0001, -99.9999)}))
    assert " < 0.001 " in little and "all together by 4.00: below 0.01 of it. Another machine changes little" in little
    assert "with 3 runs the true variance is 0.3 to 39 times the one found" in little  # 2 / 7.378 and 2 / 0.0506


def test_rounding_can_be_set_beside_seeds_by_itself_in_runs_of_full_length() -> None:
    few = runs({source: MORE[source] for source in ("rounding", "all")}).assign(epochs=10)
    text = page(few)
    assert "Runs are as long as a job's: 10 epochs" in text and "short" not in text and "3 runs for each number" in text
    assert "0.50 of it [0.08, 3.12]" in text and "| rounding alone |" in " ".join(text.split())
    assert "split |" not in text and "share" not in text, "what was not varied is in no table"


def test_a_run_that_diverged_is_named_and_not_counted() -> None:
    table = runs()
    table.loc[1, ["status", "value"]] = [DIVERGED, math.nan]
    (found,) = networks_of(table)
    assert found.diverged == 1 and found.spreads["weights"].n == 2
    assert "1 run diverged and is not counted." in page(table) and "2 to 3 runs for each number" in page(table)


def test_no_spread_is_taken_over_a_mixture() -> None:
    with pytest.raises(UserError, match="the runs of vae differ in lr: no spread over a mixture"):
        page(pd.concat([runs(), runs(arch="b").assign(lr=8e-3)]))


def order(source: str, seed: int, train_images: int | None = None) -> SpreadOrder:
    spec = dataclasses.replace(spec_of("cnn2"), train_images=train_images)
    return SpreadOrder(spec, source, seed, Site("runs", "data"), "elbo")


def test_a_source_alone_has_its_seed() -> None:
    for source in SOURCES:
        found = {part: order(source, 3).seed_of(part) for part in (*SOURCES, ALL)}
        assert found == {part: 3 if source in (part, ALL) else 0 for part in found}


def test_the_split_changes_which_images_there_are_and_not_when_the_others_come() -> None:
    first, own = np.array([4, 2, 0, 1]), np.array([0, 5, 1, 3])  # 4 and 2 are held out, 5 and 3 come in
    assert list(rows_of(order("split", 1), first, own)) == [5, 3, 0, 1]
    assert list(rows_of(order(ALL, 1), first, own)) == [0, 5, 1, 3]
    assert list(rows_of(order("split", 1, 2), first, own)) == [0, 5]
    assert list(rows_of(order("split", 0), first, first)) == list(first)


def test_a_nudge_changes_every_weight_by_a_unit_or_two_of_its_last_place() -> None:
    def parameters(seed: int) -> torch.Tensor:
        torch.manual_seed(0)
        layer = nn.Linear(100, 50)
        nn.init.zeros_(layer.bias)
        nudge(layer, seed)
        return torch.cat([layer.weight.detach().flatten(), layer.bias.detach()]).double()

    before, after = parameters(0), parameters(1)
    assert torch.equal(after[-50:], torch.zeros(50, dtype=torch.double))
    change = (after / before - 1)[:-50].abs()
    assert change.min() > 0.4 * ULP and change.max() < 1.6 * ULP
    assert 0.45 < (after > before).double().mean() < 0.55
    assert not torch.equal(parameters(2), after) and torch.equal(parameters(1), after)


def test_tiny_trainings_go_on_where_they_were_stopped(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    settings = ["--archs", "cnn2", "--dataset", "digits", "--epochs", "1", "--train-images", "256"]
    out = tmp_path / "spread"
    options = [*settings, "--seeds", "2", "--out", str(out)]
    few = ["--sources", "split", "rounding", "all", "weights"]
    assert spread.main([*options, *few]) == 0
    table = pd.read_csv(out / "spread.csv").set_index("source")["value"]
    assert list(table.index) == [NONE, "weights", "split", "rounding", "all"] and table.nunique() == 5
    assert abs(table["rounding"] - table[NONE]) < 0.01 < abs(table["weights"] - table[NONE])

    whole = ["--latent-dim", str(DEFAULT_LATENT)]
    assert job(tmp_path, "--tasks", "vae", *settings, "--seeds", "1", *whole) == 0
    assert table[NONE] == pytest.approx(bench.load(tmp_path / "runs")["elbo"][0], rel=1e-12)

    content = (out / "spread.csv").read_bytes()
    (out / "spread.csv").write_bytes(content[:-5])
    capsys.readouterr()
    assert spread.main([*options, *few]) == 0
    assert "[1/1] cnn2 vae, all 1: " in capsys.readouterr().out and (out / "spread.csv").read_bytes() == content
    assert (out / "figure.png").stat().st_size > 10_000
    (out / "table.md").unlink()
    assert spread.main(["--from", str(out / "spread.csv")]) == 0 and (out / "table.md").is_file()
    assert spread.main([*options, "--sources", "order"]) == 0
    assert "[1/1] cnn2 vae, order 1: " in capsys.readouterr().out
    with pytest.raises(UserError, match=r"holds trainings with epochs 1, now it is 2: they are not mixed"):
        spread.main([*options, "--epochs", "2"])


@pytest.mark.parametrize(
    ("folder", "sources", "epochs"),
    [(DOCS, set(SOURCES), spread.EPOCHS), (DOCS / "full", {"rounding", ALL}, DEFAULT_EPOCHS)],
)
def test_the_committed_pages_show_the_committed_numbers(folder: Path, sources: set[str], epochs: int) -> None:
    found = table_of(folder / "spread.csv", spread.COLUMNS, "--out")
    assert (folder / "table.md").read_text(encoding="utf-8") == page(found)
    assert (folder / "figure.png").stat().st_size > 10_000
    assert set(found["epochs"]) == {epochs} and set(found["lr"]) == {DEFAULT_LR}
    cells = found.groupby(["arch", "source"]).size()  # and the run of seed 0, which all sources share
    assert set(found["source"]) == {NONE, *sources} and (cells.drop(NONE, level="source") + 1 >= 5).all()
    assert set(found["arch"]) == set(spread.ARCHS)


def test_what_is_said_of_the_spread_is_what_was_found() -> None:
    """The shares and the spreads in docs/science.md, from the committed runs."""
    said = " ".join((DOCS.parent / "science.md").read_text(encoding="utf-8").split())
    tables = [table_of(folder / "spread.csv", spread.COLUMNS, "--out") for folder in (DOCS, DOCS / "full")]
    short, full = map(networks_of, tables)
    shares = sorted(round(100 * network.share_of_sum("split")) for network in short)
    assert f"held out is {shares[0]} to {shares[-1]} % of the variance" in said
    found = {network.arch: [network.spreads[source].std for source in ("rounding", ALL)] for network in full}
    assert "{:.2f} nats of cnn3 beside {:.1f} over seeds".format(*found["cnn3"]) in said
    assert "{:.2f} beside {:.2f} of cnn2".format(*found["cnn2"]) in said
    assert found["mlp"][0] < 0.001 and f"0.001 beside {found['mlp'][1]:.1f}" in said
