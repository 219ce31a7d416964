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
