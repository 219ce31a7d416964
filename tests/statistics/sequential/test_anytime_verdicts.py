"""Verdicts that may be looked at after each seed: what they are read from, in families too, and when they stay."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from bench.statistics import paired
from bench.statistics.best import beaten
from bench.statistics.comparisons import comparisons_frame
from bench.statistics.paired import Comparison, compare_paired, holm_family
from bench.statistics.sequential.confidence import anytime_p, confidence_sequence, evidence, half_width

SETTLED = {"better", "worse", "equivalent"}


@pytest.fixture(autouse=True)
def without_sign_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their p takes most of the time of a comparison with many seeds, and decides none that has a spread."""
    monkeypatch.setattr(paired, "sign_flip_p", lambda d: math.nan)


def compare(d: np.ndarray, margin: float | None = None) -> Comparison:
    arm, base = dict(enumerate(map(float, d))), dict.fromkeys(range(len(d)), 0.0)
    return compare_paired(arm, base, margin=margin, anytime=True)


@functools.cache
def compared(differences: bytes) -> Comparison:
    """As `compare`, of what several families hold: looks at the same seeds, or the same rows with another margin."""
    return compare(np.frombuffer(differences))


def family_of(rows: list[np.ndarray], margin: float | None = None) -> list[Comparison]:
    family = {place: compared(row.tobytes()) for place, row in enumerate(rows)}
    return list(holm_family(family, margin=margin).values())


def random_rows(rng: np.random.Generator, fewest: int = 3) -> list[np.ndarray]:
    gaps = rng.choice([0.0, 0.3, 1.0, 3.0, 20.0], int(rng.integers(1, 9)))
    rows = [rng.normal(gap, rng.choice([0.1, 1.0]), int(rng.integers(fewest, 14))) for gap in gaps]
    return rows + [np.full(int(rng.integers(3, 12)), 0.2)] * int(rng.integers(0, 2))


def inside(c: Comparison, margin: float | None) -> bool:
    return margin is not None and c.low >= -margin and c.high <= margin


@pytest.mark.parametrize("margin", [None, 0.5])
def test_a_verdict_is_what_the_printed_interval_shows(margin: float | None) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        for c in family_of(random_rows(rng, fewest=1), margin):
            seen.add(c.verdict)
            assert (c.verdict == "equivalent") == inside(c, margin)
            assert (c.verdict == "better") == (c.low > 0 and not inside(c, margin))
            assert (c.verdict == "worse") == (c.high < 0 and not inside(c, margin))
            assert (c.settled_at is not None) == (c.verdict in SETTLED) and (c.n > 2 or c.verdict == "unresolved")
            if c.std > 0 and math.isfinite(c.low):
                half = half_width(np.array(float(c.n)), np.array(c.std), 1 - c.level)
                assert (c.low, c.high) == pytest.approx((c.difference - half, c.difference + half))
                assert c.low <= c.low_95 + 1e-12 and c.high >= c.high_95 - 1e-12
    assert seen >= {"better", "unresolved"} | ({"equivalent"} if margin else set())


def test_a_family_is_held_to_statsmodels_holm_on_one_over_the_evidence() -> None:
    rng = np.random.default_rng(1)
    rejections, m = [], 5
    for _ in range(80):
        rows = list(rng.normal(rng.choice([0, 1.5, 4], (m, 1)) * rng.integers(0, 2), 1, (m, 8)))
        p = [min(1.0, 1 / math.exp(evidence(d)[-1])) for d in rows]
        rejected, adjusted, *_ = multipletests(p, method="holm", alpha=0.05)
        found = family_of(rows)
        assert [c.verdict != "unresolved" for c in found] == list(rejected)
        assert [c.p_holm for c in found] == pytest.approx(list(adjusted)) and {c.family for c in found} == {m}
        assert [c.p_anytime for c in found] == pytest.approx(p)
        rejections.append(int(rejected.sum()))
    assert set(rejections) >= {0, 1, 2, 3, m}, "every step of Holm's test was met"


@pytest.mark.parametrize("margin", [None, 0.8])
def test_it_is_settled_at_the_fewest_seeds_whose_verdict_is_the_same(margin: float | None) -> None:
    rng = np.random.default_rng(2)
    seen = set()
    rows = [d for _ in range(60) for d in random_rows(rng)] + [np.full(9, 0.2), np.full(9, -2.0), np.zeros(9)]
    rows.append(np.concatenate([[0.3, 0.31, 0.29, 0.3], rng.normal(1.6, 0.1, 20)]))  # first equivalent, then better
    for d in rows:
        c = compare(d, margin)
        if c.verdict in SETTLED:
            alike = [n for n in range(1, len(d) + 1) if compare(d[:n], margin).verdict == c.verdict]
            assert c.settled_at == alike[0]
            seen.add((c.verdict, c.settled_at < len(d)))
    assert {(verdict, True) for verdict in ("better", *(["equivalent"] if margin else []))} <= seen


@pytest.mark.parametrize("margin", [None, 0.8])
def test_what_is_settled_stays_so_while_only_the_others_get_seeds(margin: float | None) -> None:
    """Its p stays; those of others that fall below it loosen its step of Holm's test, and never tighten it."""
    rng = np.random.default_rng(3)
    settled = 0
    for _ in range(60):
        gaps = rng.choice([0.0, 0.5, 1.0, 2.0, 6.0], int(rng.integers(2, 7)))
        d = rng.normal(gaps[:, None], 1, (len(gaps), 14))
        n, before = [3] * len(gaps), ["unresolved"] * len(gaps)
        while max(n) < 14 and "unresolved" in before:
            found = family_of([row[:k] for row, k in zip(d, n, strict=True)], margin)
            for old, c in zip(before, found, strict=True):
                assert old in ("unresolved", c.verdict)
                settled += old != "unresolved"
            before = [c.verdict for c in found]
            n = [k + (verdict == "unresolved") for k, verdict in zip(n, before, strict=True)]
    assert settled > 100


def test_more_seeds_of_what_is_settled_may_take_the_verdict_back() -> None:
    clear = np.array([1.0, 1.1, 0.9, 1.05])
    assert compare(clear).verdict == "better"
    collapsed = compare(np.append(clear, -9.0))
    assert collapsed.verdict == "unresolved" and collapsed.low < collapsed.difference < 0
    small = 0.6 + np.array([-0.1, 0.1, 0.0, 0.1, -0.1, 0.0, 0.1, -0.1, 0.0, 0.05])
    verdicts = [compare(small[:n], margin=0.8).verdict for n in range(1, 11)]
    assert verdicts[0] == "unresolved" and "better" in verdicts and verdicts[-1] == "equivalent"
    assert verdicts == sorted(verdicts, key=["unresolved", "better", "equivalent"].index)


def test_identical_results_are_equivalent_from_six_seeds_on_and_never_different() -> None:
    assert [compare(np.zeros(n), margin=0.5).verdict for n in (2, 3, 5, 6, 20)] == ["unresolved"] * 3 + [
        "equivalent"
    ] * 2
    for n in (3, 6, 20):
        c = compare(np.zeros(n))
        assert c.verdict == "unresolved" and c.seeds_needed is None
    assert compare(np.zeros(4), margin=0.5).seeds_needed == 6


def test_equal_differences_are_better_from_six_seeds_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [compare(np.full(n, 0.5)).verdict for n in (3, 5, 6)] == ["unresolved", "unresolved", "better"]
    five, six = compare(np.full(5, 0.5)), compare(np.full(6, 0.5))
    assert math.isnan(five.low) and math.isnan(five.level) and five.seeds_needed == 6
    assert six.low == six.high == 0.5 and six.settled_at == 6


def test_seeds_without_a_value_are_dropped_and_their_order_is_nothing() -> None:
    rng = np.random.default_rng(4)
    base = dict(enumerate(map(float, rng.normal(size=9))))
    arm = {seed: value + 1 + 0.2 * float(rng.normal()) for seed, value in base.items()}
    whole = compare_paired(arm, base, anytime=True)
    shuffled = compare_paired(dict(reversed(arm.items())), base, anytime=True)
    assert whole == shuffled
    holes = compare_paired({**arm, 2: math.nan, 5: math.inf, 11: 1.0}, base, anytime=True)
    kept = [seed for seed in arm if seed not in (2, 5)]
    few = compare_paired({s: arm[s] for s in kept}, {s: base[s] for s in kept}, anytime=True)
    assert dataclasses.replace(holes, dropped=()) == few and holes.dropped == (2, 5, 11) and holes.n == 7


@pytest.mark.parametrize("scale", [1e-100, 1e-9, 1e9, 1e100])
def test_the_unit_does_not_matter(scale: float) -> None:
    d = np.random.default_rng(5).normal(1.5, 1, 9)
    found, plain = compare(scale * d, margin=0.3 * scale), compare(d, margin=0.3)
    assert found.verdict == plain.verdict and found.settled_at == plain.settled_at
    assert (found.low / scale, found.high / scale) == pytest.approx((plain.low, plain.high))
    mirrored = compare(-d, margin=0.3)
    assert (mirrored.verdict, mirrored.low, mirrored.settled_at) == ("worse", -plain.high, plain.settled_at)


def test_lower_is_better_turns_the_verdict_and_not_the_interval() -> None:
    d = np.random.default_rng(5).normal(1.5, 1, 9)
    arm, base = dict(enumerate(map(float, d))), dict.fromkeys(range(9), 0.0)
    found = compare_paired(arm, base, higher_is_better=False, anytime=True)
    assert found.verdict == "worse" and found.low > 0 and found.settled_at == compare(d).settled_at


def test_a_number_of_seeds_settled_beforehand_is_judged_as_ever() -> None:
    d = np.random.default_rng(6).normal(1, 1, 6)
    arm, base = dict(enumerate(map(float, d))), dict.fromkeys(range(6), 0.0)
    fixed, anytime = compare_paired(arm, base), compare_paired(arm, base, anytime=True)
    assert not fixed.anytime and math.isnan(fixed.p_anytime) and fixed.settled_at is None
    assert fixed.high - fixed.low < anytime.high - anytime.low
    assert (fixed.p_t, fixed.difference, fixed.std) == (anytime.p_t, anytime.difference, anytime.std)


@pytest.mark.parametrize("higher", [True, False])
def test_beaten_at_any_look_is_the_p_of_every_pair(higher: bool) -> None:
    rng = np.random.default_rng(7)
    seen = close = 0
    for k in (2, 3, 6) * 6:
        values = rng.normal(rng.choice([0, 2, 5], (k, 1)), 1, (k, 6))
        arms = {i: dict(enumerate(map(float, row))) for i, row in enumerate(values)}
        found = beaten(arms, higher_is_better=higher, anytime=True)
        for i in range(k):
            others = [j for j in range(k) if j != i and (values[j].mean() > values[i].mean()) == higher]
            p = {j: anytime_p(values[i] - values[j]) for j in others}
            assert sorted(found[i]) == [j for j in others if p[j] < 0.05 / (k - 1)]
            seen += len(found[i])
            close += sum(0.05 / (k - 1) < p[j] < 0.05 for j in others)
    assert seen > 10 and close > 3


def test_beaten_at_any_look_knows_margins_equal_differences_and_missing_seeds() -> None:
    base = {i: 0.01 * i for i in range(8)}
    better = {i: value + 0.3 + 0.001 * (i % 2) for i, value in base.items()}
    assert beaten({"a": better, "b": base}, anytime=True) == {"a": [], "b": ["a"]}
    assert beaten({"a": better, "b": base}, margin=0.5, anytime=True) == {"a": [], "b": []}
    shifted = {i: value + 1 for i, value in base.items()}
    assert beaten({"a": shifted, "b": base}, anytime=True)["b"] == ["a"]
    five = {i: base[i] for i in range(5)}
    assert beaten({"a": shifted, "b": five}, anytime=True)["b"] == [], "five equal differences show nothing"
    assert beaten({"a": better, "b": {0: math.nan, 9: 1.0}, "c": {}}, anytime=True) == {"a": [], "b": [], "c": []}


def test_a_table_of_records_is_judged_at_any_look_if_it_is_asked() -> None:
    rng = np.random.default_rng(8)
    luck = rng.normal(size=7)
    rows = [
        {"arch": arch, "task": "vae", "seed": seed, "status": "finished", "elbo": gap + luck[seed] + rng.normal()}
        for arch, gap in (("cnn2", -100.0), ("cnn3", -90.0), ("mlp", -100.0))
        for seed in range(7)
    ]
    table = comparisons_frame(pd.DataFrame(rows), "cnn2", anytime=True).set_index("arch")
    assert table["anytime"].all() and (table["family"] == 2).all()
    assert table.loc["cnn3", "verdict"] == "better" and table.loc["mlp", "verdict"] == "unresolved"
    assert table.loc["cnn3", "settled_at"] <= 7 and pd.isna(table.loc["mlp", "settled_at"])
    assert table.loc["mlp", "seeds_needed"] > 7 and table[["seeds_fewest", "seeds_most"]].isna().all(axis=None)
    fixed = comparisons_frame(pd.DataFrame(rows), "cnn2")
    assert not fixed["anytime"].any() and fixed[["p_anytime", "settled_at"]].isna().all(axis=None)


def test_each_look_has_the_interval_that_its_seeds_alone_have() -> None:
    d = np.random.default_rng(9).normal(1, 1, 12)
    for look in confidence_sequence(d, 0.05):
        c = compare(d[: look.n])
        assert (look.low, look.high) == pytest.approx((c.low_95, c.high_95)) and look.low < c.difference < look.high
