"""The table of comparisons: pairing, failures, Holm's family, and how mistakes are worded."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from archs.errors import UserError
from bench.statistics.comparisons import COLUMNS, comparisons_frame


def records() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for arch, gap in (("base", 0.0), ("far", -35.0), ("near", 0.05), ("broken", 0.0)):
        for seed in range(4):
            failed = arch == "broken" or (arch == "near" and seed == 2)
            elbo = math.nan if failed else -107 + gap + seed + rng.normal(0, 0.3)
            rows.append([arch, "vae", seed, "failed" if failed else "finished", elbo, math.nan])
    rows += [["far", "classifier", 0, "finished", math.nan, 0.98]]
    return pd.DataFrame(rows, columns=["arch", "task", "seed", "status", "elbo", "accuracy"])


def test_the_frame_pairs_counts_failures_and_adjusts_within_its_table() -> None:
    df = records()
    found = comparisons_frame(df, "base")
    assert list(found.columns) == COLUMNS
    assert list(found["arch"]) == ["far", "near", "broken"] and set(found["metric"]) == {"elbo"}
    far, near, broken = (row for _, row in found.iterrows())
    assert far["verdict"] == "worse" and far["n"] == 4 and far["n_failed"] == 0
    assert (near["n"], near["dropped"], near["n_failed"]) == (3, (2,), 1)
    assert (broken["n"], broken["verdict"], broken["n_failed"]) == (0, "unresolved", 4)
    wide = df[df["arch"].isin(["far", "base"])].pivot_table(index="seed", columns="arch", values="elbo")
    assert far["p_t"] == pytest.approx(scipy_stats.ttest_rel(wide["far"], wide["base"]).pvalue)
    expected = multipletests([far["p_t"], near["p_t"]], method="holm")[1]  # the one without a test doesn't count
    assert [far["p_holm"], near["p_holm"]] == pytest.approx(expected) and math.isnan(broken["p_holm"])


def test_a_failed_run_with_a_number_is_still_not_a_value() -> None:
    df = records()
    df.loc[(df["arch"] == "far") & (df["seed"] == 1), "status"] = "failed"
    far = comparisons_frame(df, "base").iloc[0]
    assert (far["n"], far["dropped"], far["n_failed"]) == (3, (1,), 1)


def test_metrics_margins_and_directions_can_be_stated() -> None:
    df = records().assign(seconds=lambda d: d["elbo"])
    found = comparisons_frame(df, "base", ["elbo", "seconds"], {"elbo": 100.0}, directions={"seconds": False})
    verdicts = found.set_index(["metric", "arch"])["verdict"]
    assert verdicts["elbo", "far"] == "equivalent" and verdicts["seconds", "far"] == "better"
    # A metric without values in a task has no rows; "base" never ran the classifier.
    assert set(comparisons_frame(df, "base", ["accuracy"])["task"]) == set()
    assert len(comparisons_frame(df, "far", ["accuracy"])) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baseline": "bose"}, "baseline 'bose' is not among the architectures run; did you mean 'base'?"),
        ({"metrics": ["elbow"]}, "metric 'elbow' is not in the records; did you mean 'elbo'?"),
        ({"metrics": ["seed"]}, "metric 'seed' has no better direction"),
        ({"margins": {"elbo": -1.0}}, "margin -1.0 of 'elbo': expected a number >= 0"),
    ],
)
def test_mistakes_are_named(change: dict, message: str) -> None:
    with pytest.raises(UserError) as caught:
        comparisons_frame(records(), **{"baseline": "base", **change})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_two_runs_of_one_seed_are_refused() -> None:
    with pytest.raises(UserError, match="more than one finished vae run for seed 0"):
        comparisons_frame(pd.concat([records(), records().head(1)]), "base")


def crossings(task: str, seeds: int = 6, **columns: object) -> pd.DataFrame:
    """Runs of cnn2, cnn3 and their crossings, in which the classifier of `A+B` repeats that of A to the last bit."""
    rows = []
    for arch in ("cnn2", "cnn3", "cnn2+cnn3", "cnn3+cnn2"):
        rng = np.random.default_rng([74, ["cnn2", "cnn3"].index(arch[:4])])
        values = 0.98 + rng.normal(0.001 * (arch[:4] == "cnn3"), 0.0008, seeds)
        rows += [[arch, task, seed, "finished", values[seed], values[seed]] for seed in range(seeds)]
    return pd.DataFrame(rows, columns=["arch", "task", "seed", "status", "accuracy", "elbo"]).assign(**columns)


def test_one_network_is_one_member_of_its_family() -> None:
    """A p of 0.025 is better by itself; with two copies of the networks it was 0.075, and unresolved."""
    df = crossings("classifier")
    found = comparisons_frame(df, "cnn2").set_index("arch")
    alone = comparisons_frame(df[df["arch"].isin(["cnn2", "cnn3"])], "cnn2").set_index("arch").loc["cnn3"]
    assert 0.05 / 3 < alone["p_t"] < 0.05, "with three comparisons it would be unresolved"
    pd.testing.assert_series_equal(found.loc["cnn3"].drop("same_as"), alone.drop("same_as"))
    assert alone["verdict"] == "better" and alone["family"] == 1 and pd.isna(alone["same_as"])
    for crossing, of in (("cnn2+cnn3", "cnn2"), ("cnn3+cnn2", "cnn3")):
        row = found.loc[crossing]
        assert (row["verdict"], row["same_as"], row["family"]) == ("same network", of, 0)
        assert math.isnan(row["p_holm"]) and math.isnan(row["low"]) and row["n"] == 6 and not row["normal_assumption"]
    assert found.loc["cnn3+cnn2", "difference"] == alone["difference"]


def test_equal_numbers_do_not_make_one_network() -> None:
    """As VAEs the decoders differ; and a task may use a decoder that it does not need, which shows in the sizes."""
    assert set(comparisons_frame(crossings("vae"), "cnn2")["family"]) == {3}
    sizes = [len(arch) for arch in crossings("classifier")["arch"]]
    used = comparisons_frame(crossings("classifier", params_total=sizes), "cnn2")
    assert set(used["family"]) == {3} and "same network" not in set(used["verdict"])
    assert "same network" in set(comparisons_frame(crossings("classifier", params_total=5.0), "cnn2")["verdict"])


def test_a_crossing_stands_for_an_architecture_that_has_no_result() -> None:
    df = crossings("classifier")
    without = df[df["arch"] != "cnn3"]
    row = comparisons_frame(without, "cnn2").set_index("arch").loc["cnn3+cnn2"]
    assert row["verdict"] == "better" and pd.isna(row["same_as"])
    df.loc[df["arch"] == "cnn3", "status"] = "failed"
    found = comparisons_frame(df, "cnn2").set_index("arch")
    assert found.loc["cnn3+cnn2", "verdict"] == "better" and found.loc["cnn3", "n"] == 0
    based = comparisons_frame(without, "cnn2+cnn3").set_index("arch")
    assert based.loc["cnn2", "same_as"] == "cnn2+cnn3" and based.loc["cnn3+cnn2", "verdict"] == "better"


def test_an_unresolved_row_says_how_few_and_how_many_seeds_are_open() -> None:
    row = comparisons_frame(crossings("classifier", seeds=4), "cnn2").set_index("arch").loc["cnn3"]
    assert row["verdict"] == "unresolved" and 4 < row["seeds_fewest"] <= row["seeds_needed"] <= row["seeds_most"]
    resolved = comparisons_frame(crossings("classifier"), "cnn2").set_index("arch").loc["cnn3"]
    assert resolved[["seeds_needed", "seeds_fewest", "seeds_most"]].isna().all()
