"""Runs that collapsed, and the verdict without them, in the table of comparisons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.statistics.comparisons import comparisons_frame
from bench.statistics.robustness.collapse import collapsed_seeds

NOISE = (0.1, -0.2, 0.05, 0.3, -0.1, -0.15, 0.2, -0.05, 0.12, -0.08)


def runs(arch: str, values: list[float], task: str = "vae", **columns: Any) -> pd.DataFrame:
    metric = "elbo" if task == "vae" else "accuracy"
    frame = {"arch": arch, "task": task, "seed": range(len(values)), "status": "finished", metric: values, **columns}
    return pd.DataFrame(frame)


def vae(levels: dict[str, list[float]]) -> pd.DataFrame:
    return pd.concat([runs(arch, values) for arch, values in levels.items()], ignore_index=True)


def row(frame: pd.DataFrame, arch: str = "b") -> dict[str, Any]:
    return dict(comparisons_frame(frame, "a").set_index("arch").loc[arch])


def test_a_run_without_an_active_dimension_collapsed() -> None:
    own = runs("b", [-105.0, -104.0, -206.0, -106.0], active_units=[20.0, 12.0, 0.0, math.nan])
    assert collapsed_seeds(own, "elbo") == (2,)
    assert collapsed_seeds(own.assign(kl_units=[20.0, 0.0, 3.0, 0.0]), "elbo") == (2, 3)  # of the last only KL is known
    assert collapsed_seeds(runs("b", [-105.0, -206.0]), "elbo") == ()  # worse, and more than half-way from even odds


def test_a_run_that_gained_less_than_half_of_the_others_collapsed() -> None:
    assert collapsed_seeds(runs("b", [0.98, 0.10, 0.97, 0.5, 0.98], "classifier"), "accuracy") == (1, 3)
    assert collapsed_seeds(runs("b", [0.98, 0.10, 0.97, 0.6, 0.98], "classifier"), "accuracy") == (1,)
    assert collapsed_seeds(runs("b", [-105.0, -104.0, -560.0]), "elbo") == (2,)
    assert collapsed_seeds(runs("b", [-560.0, -559.0, -700.0]), "elbo") == ()  # none has learned anything
    assert collapsed_seeds(runs("b", [0.12, 0.16, 0.10, 0.14], "classifier"), "accuracy") == ()
    assert collapsed_seeds(runs("b", [0.1, 0.9], "classifier"), "other") == ()


def test_a_collapse_stays_in_every_number_and_is_left_out_beside() -> None:
    base = [-101.0] * 10
    mine = [-100.0 + luck for luck in NOISE]
    mine[3] = -600.0
    found = row(vae({"a": base, "b": mine}))
    d = np.array(mine) - np.array(base)
    rest = np.delete(d, 3)
    assert (found["n"], found["difference"], found["verdict"]) == (10, pytest.approx(d.mean()), "unresolved")
    assert (found["outliers"], found["collapsed"], found["collapsed_baseline"]) == ((3,), (3,), ())
    assert (found["won"], found["lost"], found["median"]) == (9, 1, pytest.approx(np.median(d)))
    half = 2.306004135 * rest.std(ddof=1) / 3  # t of 8 degrees of freedom
    assert (found["n_without"], found["verdict_without"]) == (9, "better")
    expected = (rest.mean(), rest.mean() - half, rest.mean() + half)
    assert (found["difference_without"], found["low_without"], found["high_without"]) == pytest.approx(expected)


def test_the_baselines_collapse_is_in_every_comparison() -> None:
    base = [-101.0 + luck for luck in NOISE]
    base[0] = -580.0
    found = row(vae({"a": base, "b": [-100.0 - luck for luck in NOISE]}))
    assert (found["collapsed"], found["collapsed_baseline"], found["n_without"]) == ((), (0,), 9)


def test_the_verdict_without_is_judged_among_the_same_comparisons() -> None:
    levels = {"a": [-101.0] * 10, "b": [-100.0 + luck for luck in NOISE], "c": [-90.0 - luck for luck in NOISE]}
    levels["b"][3] = -600.0
    table = comparisons_frame(vae(levels), "a").set_index("arch")
    rest = np.delete(np.array(levels["b"]) + 101, 3)
    half = 2.306004135 * rest.std(ddof=1) / 3  # c has the smaller p, so that b is held to 5 % at its step
    assert table.loc["b", "high_without"] - table.loc["b", "difference_without"] == pytest.approx(half)
    assert pd.isna(table.loc["c", "verdict_without"]) and pd.isna(table.loc["c", "n_without"])


def test_a_network_that_always_collapses_has_nothing_left_out() -> None:
    alive = runs("a", [-105.0, -106.0, -104.5, -105.5], active_units=[9.0] * 4)
    frame = pd.concat([alive, runs("b", [-206.0, -205.0, -206.5, -207.0], active_units=[0.0] * 4)], ignore_index=True)
    found = row(frame)
    assert found["collapsed"] == (0, 1, 2, 3) and found["verdict_without"] is None and pd.isna(found["n_without"])


def test_seeds_that_leave_nothing_give_no_verdict() -> None:
    first = runs("a", [-105.0, -206.0], active_units=[9.0, 0.0])
    frame = pd.concat([first, runs("b", [-206.0, -105.0], active_units=[0.0, 9.0])], ignore_index=True)
    found = row(frame)
    assert (found["n_without"], found["verdict_without"]) == (0, "unresolved") and math.isnan(found["low_without"])
