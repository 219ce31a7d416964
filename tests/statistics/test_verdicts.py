"""Verdict and printed interval say the same, in a table of comparisons too, and what both claim is so."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from bench.statistics import paired
from bench.statistics.best import beaten
from bench.statistics.judging import holm_steps
from bench.statistics.paired import Comparison, compare_paired, holm_family


@pytest.fixture
def without_seeds_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time of a verdict, and decides nothing."""
    monkeypatch.setattr(paired, "seeds_needed", lambda *arguments, **options: None)


def compare_differences(d: np.ndarray, **options: float | None) -> Comparison:
    return compare_paired(dict(enumerate(map(float, d))), dict.fromkeys(range(len(d)), 0.0), **options)  # type: ignore[arg-type]


def family_of(rows: list[np.ndarray], margin: float | None = None) -> list[Comparison]:
    return list(holm_family(dict(enumerate(map(compare_differences, rows))), margin=margin).values())


def random_rows(rng: np.random.Generator) -> list[np.ndarray]:
    """Differences of a table of up to 15 comparisons, clear, doubtful, none, or of too few seeds."""
    n = int(rng.integers(3, 9))
    gaps = rng.choice([0.0, 0.3, 1.0, 3.0, 20.0], int(rng.integers(1, 16)))
    rows = [rng.normal(gap, rng.choice([0.1, 1.0]), n) for gap in gaps]
    return rows + [rng.normal(0, 1, 1)] * int(rng.integers(0, 2)) + [np.full(n, 0.2)] * int(rng.integers(0, 2))


def inside(c: Comparison, margin: float | None) -> bool:
    return margin is not None and c.low >= -margin and c.high <= margin


@pytest.mark.parametrize("margin", [None, 0.5])
@pytest.mark.usefixtures("without_seeds_needed")
def test_a_verdict_is_what_the_printed_interval_shows(margin: float | None) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        for c in family_of(random_rows(rng), margin):
            seen.add(c.verdict)
            assert (c.verdict == "equivalent") == inside(c, margin)
            assert (c.verdict == "better") == (c.low > 0 and not inside(c, margin))
            assert (c.verdict == "worse") == (c.high < 0 and not inside(c, margin))
            if math.isfinite(c.low):  # never narrower than the 95 % interval by itself
                assert c.low <= c.low_95 + 1e-12 and c.high >= c.high_95 - 1e-12 and c.level >= 0.95
    assert seen == {"better", "worse", "unresolved"} | ({"equivalent"} if margin else set())


@pytest.mark.usefixtures("without_seeds_needed")
def test_an_interval_leaves_out_0_exactly_where_statsmodels_holm_rejects() -> None:
    rng = np.random.default_rng(1)
    rejections, m = [], 6
    for _ in range(60):
        rows = rng.normal(rng.choice([0, 1.5, 4], (m, 1)) * rng.integers(0, 2), 1, (m, 5))
        p = scipy_stats.ttest_1samp(rows, 0, axis=1).pvalue
        rejected = multipletests(p, method="holm", alpha=0.05)[0]
        found = family_of(list(rows))
        assert [c.low > 0 or c.high < 0 for c in found] == list(rejected) == [c.p_holm < 0.05 for c in found]
        half = scipy_stats.t.ppf([(1 + c.level) / 2 for c in found], 4) * scipy_stats.sem(rows, axis=1)
        assert [c.high - c.difference for c in found] == pytest.approx(half)
        rejections.append(int(rejected.sum()))
    assert set(rejections) >= {0, 1, 2, 3, m}, "every step of Holm's test was met"


def test_the_levels_are_the_steps_of_holms_test() -> None:
    a = 0.05
    assert holm_steps([0.001, 0.02, 0.03]) == pytest.approx([a / 3, a / 2, a])
    assert holm_steps([0.03, 0.001, 0.04]) == pytest.approx([a / 2, a / 3, a / 2]), "after a failure the level stays"
    assert holm_steps([0.5, math.nan, 0.02]) == pytest.approx([a, math.nan, a / 2], nan_ok=True)
    assert holm_steps([0.2, 0.3]) == pytest.approx([a / 2, a / 2]) and holm_steps([]) == []


@pytest.mark.usefixtures("without_seeds_needed")
def test_a_result_is_not_called_by_an_interval_that_its_verdict_denies() -> None:
    """The published grid printed "−28.8 [−43.5, −14.1] ?": 95 % by itself beside a verdict of thirteen."""
    rng = np.random.default_rng(0)
    clear = np.array([-34.9, -22.0, -29.4])
    c = family_of([clear, *rng.normal(0, 5, (12, 3))])[0]
    assert c.verdict == "unresolved" and c.low < 0 < c.high and c.low_95 < c.high_95 < 0
    assert compare_differences(clear).verdict == "worse"


@pytest.mark.usefixtures("without_seeds_needed")
def test_the_error_rates_are_those_promised() -> None:
    """With m = 4: no difference; all differences large; all just as large as the margin, and clear."""
    rng = np.random.default_rng(2)
    tables, m, n = 800, 4, 5
    excluded = equal = 0
    held: list[bool] = []
    for _ in range(tables):
        noise = rng.normal(0, 1, (m, n))
        excluded += any(c.low > 0 or c.high < 0 for c in family_of(list(noise)))
        held += [c.low <= 60 <= c.high for c in family_of(list(noise + 60))]
        equal += any(c.verdict == "equivalent" for c in family_of(list(noise + 60), margin=60))
    assert excluded / tables < 0.05 + 3 * math.sqrt(0.05 * 0.95 / tables)
    assert np.mean(held) > 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(held))
    expected = 1 - (1 - 0.025 / m) ** m  # at the steps of Holm's test it would be about 1 - 0.975^m
    assert abs(equal / tables - expected) < 4 * math.sqrt(expected / tables)


def test_without_a_spread_there_is_an_interval_only_where_there_is_a_verdict() -> None:
    five, six = compare_differences(np.full(5, 0.1)), compare_differences(np.full(6, 0.1))
    assert five.verdict == "unresolved" and math.isnan(five.low) and math.isnan(five.level)
    assert (five.low_95, five.high_95) == (five.difference, five.difference)
    assert six.verdict == "better" and six.low == six.high == six.difference
    same = compare_differences(np.zeros(3), margin=0.5)
    assert same.verdict == "equivalent" and same.low == same.high == 0


def arms_of(values: np.ndarray) -> dict[int, dict[int, float]]:
    return {i: dict(enumerate(map(float, row))) for i, row in enumerate(values)}


@pytest.mark.parametrize("higher", [True, False])
def test_beaten_is_scipys_paired_test_of_every_pair(higher: bool) -> None:
    rng = np.random.default_rng(3)
    for k in (2, 3, 6):
        values = rng.normal(rng.choice([0, 2, 5], (k, 1)), 1, (k, 4))
        found = beaten(arms_of(values), higher_is_better=higher)
        for i in range(k):
            others = [j for j in range(k) if j != i and (values[j].mean() > values[i].mean()) == higher]
            p = {j: scipy_stats.ttest_rel(values[i], values[j]).pvalue for j in others}
            assert sorted(found[i]) == [j for j in others if p[j] < 0.05 / (k - 1)]


def test_the_best_arm_is_rarely_beaten_by_luck() -> None:
    rng = np.random.default_rng(4)
    tables, k = 1500, 5
    lost = np.mean([bool(beaten(arms_of(rng.normal(0, 1, (k, 4))))[0]) for _ in range(tables)])
    assert 0.005 < lost < 0.025 + 3 * math.sqrt(0.025 * 0.975 / tables)


def test_beaten_knows_margins_equal_differences_and_missing_seeds() -> None:
    base = {i: 0.01 * i for i in range(6)}
    better = {i: value + 0.3 + 0.001 * (i % 2) for i, value in base.items()}
    assert beaten({"a": better, "b": base}) == {"a": [], "b": ["a"]}
    assert beaten({"a": better, "b": base}, margin=0.5) == {"a": [], "b": []}
    shifted = {i: value + 1 for i, value in base.items()}
    assert beaten({"a": shifted, "b": base})["b"] == ["a"]
    few = {i: base[i] for i in range(3)}
    assert beaten({"a": shifted, "b": few})["b"] == [], "three equal differences show nothing"
    assert beaten({"a": better, "b": {0: math.nan, 9: 1.0}, "c": {}}) == {"a": [], "b": [], "c": []}
    assert beaten({"a": better}) == {"a": []}
