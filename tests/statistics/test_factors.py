"""Factor analysis: effects that are known, holes in the grid, and statsmodels' ANOVA."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from archs.errors import UserError
from bench.statistics.factors import (
    NumberFormat,
    conditional_effects,
    headline,
    interactions,
    main_effects,
    sentences,
    variance_shares,
)
from bench.statistics.factors.grid import complete_part

FACTORS = ["depth", "kernel", "stride"]


def grid(seeds: int = 3, noise: float = 0.2, drop: tuple[tuple[str, str, str], ...] = ()) -> pd.DataFrame:
    """depth 2/3/10 x kernel 3/5 x stride 1/2; kernel is worth 2 nats, stride 3 nats but only at depth 2."""
    rng = np.random.default_rng(7)
    rows = []
    for depth, kernel, stride in itertools.product(("10", "2", "3"), ("3", "5"), ("1", "2")):
        for seed in range(seeds):
            elbo = -110 - float(depth) + 2.0 * (kernel == "5") + 3.0 * (depth == "2" and stride == "2")
            elbo += 0.5 * seed + noise * rng.normal()
            if (depth, kernel, stride) not in drop:
                rows.append([depth, kernel, stride, seed, "finished", elbo])
    return pd.DataFrame(rows, columns=[*FACTORS, "seed", "status", "elbo"])


HOLES = (("3", "5", "2"), ("10", "3", "1"), ("10", "3", "2"))


def test_main_effects_are_the_paired_t_of_matched_cells() -> None:
    df = grid(drop=HOLES)
    row = main_effects(df, "elbo", FACTORS).set_index("factor").loc["kernel"]
    cells = [("2", "1"), ("2", "2"), ("3", "1")]  # depth, stride with both kernels
    per_seed = []
    for seed in range(3):
        value = df[df["seed"] == seed].set_index(FACTORS)["elbo"]
        per_seed.append(np.mean([value[d, "5", s] - value[d, "3", s] for d, s in cells]))
    theirs = scipy_stats.ttest_1samp(per_seed, 0)
    low, high = theirs.confidence_interval(0.95)
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((np.mean(per_seed), low, high))
    assert row["p"] == pytest.approx(theirs.pvalue) and (row["n"], row["cells"]) == (3, 3)


def test_without_noise_the_effects_are_exact_even_with_holes() -> None:
    df = grid(noise=0.0, drop=HOLES)
    found = main_effects(df, "elbo", FACTORS).set_index(["factor", "from_level", "to_level"])
    assert found.index.tolist()[:2] == [("depth", "2", "3"), ("depth", "3", "10")]  # numbers in order, not words
    assert found.loc[("kernel", "3", "5"), "effect"] == pytest.approx(2.0)
    assert found.loc[("depth", "3", "10"), "effect"] == pytest.approx(-7.0)
    # depth 2→3 over the cells (3,1), (3,2), (5,1): the stride bonus of 3 nats is lost in one of them
    assert found.loc[("depth", "2", "3"), "effect"] == pytest.approx(-1 - 3 / 3)
    # A difference that repeats exactly has no spread: sign-flip p, no verdict at n = 3.
    assert (found["std"] == 0).all() and (found["p"] == 0.25).all()


def test_a_naive_marginal_mean_would_be_wrong_here() -> None:
    df = grid(noise=0.0, drop=HOLES)
    naive = df.groupby("kernel")["elbo"].mean()
    assert abs((naive["5"] - naive["3"]) - 2.0) > 0.5


def test_interactions_are_differences_of_differences() -> None:
    df = grid(noise=0.0)
    found = interactions(df, "elbo", FACTORS).set_index(["factor_a", "from_a", "factor_b", "from_b"])["effect"]
    assert found["depth", "2", "stride", "1"] == pytest.approx(-3.0)
    assert found["depth", "3", "stride", "1"] == pytest.approx(0.0, abs=1e-9)
    assert found["kernel", "3", "stride", "1"] == pytest.approx(0.0, abs=1e-9)
    noisy = grid()
    row = interactions(noisy, "elbo", FACTORS).iloc[-1]  # kernel x stride over three depths
    wide = noisy.pivot(index="seed", columns=FACTORS, values="elbo")
    blocks = [wide[d, "5", "2"] - wide[d, "3", "2"] - wide[d, "5", "1"] + wide[d, "3", "1"] for d in ("2", "3", "10")]
    per_seed = sum(blocks) / 3
    low, high = scipy_stats.ttest_1samp(per_seed, 0).confidence_interval(0.95)
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((per_seed.mean(), low, high))
    assert row["cells"] == 3


def test_a_block_that_does_not_exist_has_no_effect() -> None:
    row = (
        interactions(grid(drop=HOLES), "elbo", FACTORS)
        .set_index(["factor_a", "from_a", "factor_b"])
        .loc[("depth", "3", "kernel")]
    )
    assert row["cells"] == 0 and row["n"] == 0 and math.isnan(row["effect"]) and math.isnan(row["p_holm"])


def test_conditional_effects_hold_one_factor() -> None:
    found = conditional_effects(grid(noise=0.0), "elbo", FACTORS, "stride", "depth").set_index("by_level")["effect"]
    assert found.to_dict() == pytest.approx({"2": 3.0, "3": 0.0, "10": 0.0}, abs=1e-9)


def test_a_failed_run_takes_its_cell_and_an_unfinished_seed_goes_as_a_whole() -> None:
    df = grid()
    lost = (df["depth"] == "2") & (df["kernel"] == "3") & (df["stride"] == "1") & (df["seed"] == 1)
    df.loc[lost, "status"] = "failed"
    row = main_effects(df, "elbo", FACTORS).set_index("factor").loc["kernel"]
    assert (row["n"], row["cells"], row["cells_dropped"], row["seeds_dropped"]) == (3, 5, 1, ())
    partial = df[(df["seed"] < 2) | ((df["depth"] == "3") & (df["stride"] == "1"))]
    row = main_effects(partial[partial["status"] == "finished"], "elbo", FACTORS).set_index("factor").loc["kernel"]
    assert (row["n"], row["cells"], row["seeds_dropped"]) == (2, 5, (2,))


def test_complete_part_prefers_to_keep_seeds() -> None:
    rows, columns = complete_part(np.array([[1.0, math.nan], [math.nan, 1.0], [1.0, 1.0]]))
    assert rows.tolist() == [False, False, True] and columns.tolist() == [True, True]
    rows, columns = complete_part(np.array([[math.nan]]))
    assert rows.sum() * columns.sum() == 0


@pytest.mark.parametrize("drop", [(), (("3", "5", "2"),), (("3", "5", "2"), ("2", "3", "1"))])
def test_variance_shares_are_statsmodels_type_two(drop: tuple[tuple[str, str, str], ...]) -> None:
    from statsmodels.formula.api import ols  # here: the two take more than half a second
    from statsmodels.stats.anova import anova_lm

    df = grid(noise=1.0, drop=drop)
    found = variance_shares(df, "elbo", FACTORS).set_index("term")
    model = ols("elbo ~ (C(depth) + C(kernel) + C(stride))**2 + C(seed)", df).fit()
    theirs = anova_lm(model, typ=2)
    names = {f: f"C({f})" for f in [*FACTORS, "seed"]}
    names |= {f"{a} × {b}": f"C({a}):C({b})" for a, b in itertools.combinations(FACTORS, 2)}
    for ours, term in names.items():
        assert found.loc[ours, "sum_sq"] == pytest.approx(theirs.loc[term, "sum_sq"], rel=1e-8)
        assert found.loc[ours, "df"] == theirs.loc[term, "df"]
    left = found.loc[["higher interactions", "residual"]].sum()
    assert left["sum_sq"] == pytest.approx(theirs.loc["Residual", "sum_sq"])
    assert left["df"] == theirs.loc["Residual", "df"]
    saturated = ols("elbo ~ C(cell) + C(seed)", df.assign(cell=df["depth"] + df["kernel"] + df["stride"])).fit()
    assert found.loc["residual", "sum_sq"] == pytest.approx(saturated.ssr)
    total = ((df["elbo"] - df["elbo"].mean()) ** 2).sum()
    assert found["share"].sum() == pytest.approx(1.0) and found["sum_sq"].sum() == pytest.approx(total)
    assert ("shared (unbalanced)" in found.index) == bool(drop)


def test_variance_shares_by_hand_and_of_nothing() -> None:
    df = pd.DataFrame({"a": list("xxyy"), "seed": [0, 1, 0, 1], "elbo": [0.0, 1.0, 4.0, 5.0]})
    found = variance_shares(df, "elbo", ["a"]).set_index("term")["share"]
    assert found.to_dict() == pytest.approx({"a": 16 / 17, "seed": 1 / 17, "residual": 0.0})
    assert variance_shares(df.assign(elbo=3.0), "elbo", ["a"])["share"].isna().all()


def test_one_seed_gives_estimates_and_claims_nothing() -> None:
    df = grid(seeds=1)
    found = main_effects(df, "elbo", FACTORS)
    assert found["effect"].notna().all() and found[["low", "high", "p", "p_holm"]].isna().all().all()
    text = sentences(df, "elbo", FACTORS, unit="nats")
    assert "One seed: these are point estimates, with no interval and no verdict." in text
    assert not any(word in " ".join(text) for word in ("worth", "[", "resolved", "matter"))


def test_sentences_say_what_was_built_in() -> None:
    text = sentences(grid(seeds=5, noise=0.05), "elbo", FACTORS, unit="nats", margin=0.5)
    assert text[0].startswith("depth 2→3 is worth −2.5 nats [") and "explains" not in " ".join(text)
    assert text[-1].startswith("Of the variance over all 60 runs: depth ")
    assert any(s.startswith("kernel 3→5 is worth +2.0 nats [") for s in text)
    assert any(s.startswith("stride 1→2 matters only at depth 2: +3.0 nats [") for s in text)
    without_margin = sentences(grid(seeds=5, noise=0.05), "elbo", FACTORS, unit="nats")
    assert any(s.startswith("stride 1→2 is resolved only at depth 2: ") for s in without_margin)


def test_sentences_do_not_claim_noise() -> None:
    rng = np.random.default_rng(11)
    df = grid(seeds=3).assign(elbo=rng.normal(size=36))
    text = " ".join(sentences(df, "elbo", FACTORS, unit="nats"))
    assert "worth" not in text and "not resolved with 3 seeds" in text
    assert "No two-way interaction is resolved; the largest is " in text


def test_crossings_have_names_for_levels_and_signs_are_typeset() -> None:
    values = {("cnn2", "cnn2"): 0.9873, ("cnn2", "cnn3"): 0.9773, ("cnn3", "cnn2"): 0.9872, ("cnn3", "cnn3"): 0.9772}
    rows = [[e, d, s, v + 1e-4 * s + 1e-5 * (s == 1) * (d == "cnn3")] for (e, d), v in values.items() for s in range(4)]
    df = pd.DataFrame(rows, columns=["encoder", "decoder", "seed", "accuracy"])
    text = sentences(df, "accuracy", ["encoder", "decoder"], unit="points", scale=100, digits=2, margin=0.001)
    assert text[-1].startswith(
        "Of the variance over all 16 runs: decoder 100 %, encoder under 1 %. These are shares of "
    )
    assert any(s.startswith("decoder cnn2→cnn3 is worth −1.00 points [−1.00, −1.00]") for s in text)
    assert any(s.startswith("encoder cnn2→cnn3 does not matter: −0.01 points") for s in text)
    given = df.assign(encoder=pd.Categorical(df["encoder"], ["cnn3", "cnn2"]))
    assert main_effects(given, "accuracy", ["encoder", "decoder"]).iloc[0]["from_level"] == "cnn3"


def crossing(seeds: int = 6, spread: float = 0.5, encoder: float = -4.0, decoder: float = -16.0) -> pd.DataFrame:
    """A crossing without interaction; what a seed adds to an effect sums to 0 over the seeds."""
    wobble = spread * np.linspace(-1, 1, seeds)
    rows = [
        [e, d, seed, -100 + (encoder + wobble[seed]) * (e == "b") + (decoder - wobble[seed]) * (d == "b")]
        for e, d, seed in itertools.product("ab", "ab", range(seeds))
    ]
    return pd.DataFrame(rows, columns=["encoder", "decoder", "seed", "elbo"])


def test_effects_come_in_their_unit_and_shares_with_what_they_are_shares_of() -> None:
    """Effects of 16 and 4 nats are 80 and 20 % of a gap of 20 nats, but 94 and 6 % of the squares between the cells."""
    df, factors = crossing(), ["encoder", "decoder"]
    text = sentences(df, "elbo", factors, unit="nats")
    half = scipy_stats.t.ppf(0.975, 5) * np.std(0.5 * np.linspace(-1, 1, 6), ddof=1) / math.sqrt(6)
    assert text[0] == (
        f"encoder a→b is worth −4.0 nats [−{4 + half:.1f}, −{4 - half:.1f}] (a mean over 2 matched cells)."
    )
    total = ((df["elbo"] - df["elbo"].mean()) ** 2).sum()
    share = 24 * (16 / 2) ** 2 / total
    assert text[-1].startswith(f"Of the variance over all 24 runs: decoder {share:.0%}, encoder ".replace("%", " %"))
    assert "an effect of twice the size counts four times" in text[-1]
    found = headline(main_effects(df, "elbo", factors), NumberFormat("nats"))
    assert found == (
        f"decoder a→b is worth −16.0 nats [−{16 + half:.1f}, −{16 - half:.1f}], encoder a→b −4.0 nats "
        f"[−{4 + half:.1f}, −{4 - half:.1f}] (each a mean over 2 matched cells)."
    )


def test_a_headline_claims_no_more_than_the_effects() -> None:
    def of(df: pd.DataFrame, margin: float | None = None) -> str:
        return headline(main_effects(df, "elbo", [f for f in df if f not in ("seed", "elbo")]), form, margin)

    form = NumberFormat("nats")
    assert of(crossing(seeds=1)) == "", "one seed: no interval, no claim"
    noise = of(crossing(encoder=0.1, decoder=0.2, spread=9))
    assert noise.startswith("no effect of a factor is resolved; the largest is decoder a→b, +0.2 nats [")
    same = of(crossing(encoder=0.1, decoder=0.1, spread=0.01), margin=0.5)
    assert same == "no step of a factor matters: the effect of each is inside ±0.5 nats."
    many = headline(main_effects(grid(seeds=5, noise=0.05), "elbo", FACTORS), form)
    assert many.startswith("depth 3→10 is worth −7.0 nats [") and many.endswith("; 2 more are resolved.")


def test_an_effect_that_only_the_correction_unresolves_says_so() -> None:
    """Its interval leaves out 0, and no reader can see why it is not resolved."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(2, 2, 2, 4))
    rows = [[*cell, -100 + 1.0 * (cell[0] == 1) + noise[cell]] for cell in np.ndindex(2, 2, 2, 4)]
    df = pd.DataFrame(rows, columns=["x", "y", "w", "seed", "elbo"])
    found = main_effects(df, "elbo", ["x", "y", "w"])
    (row,) = [row for _, row in found.iterrows() if row["p"] < 0.05 <= row["p_holm"]]
    text = " ".join(sentences(df, "elbo", ["x", "y", "w"], unit="nats"))
    assert f"{row['factor']} 0→1 is not resolved with 4 seeds, corrected for the number of effects: " in text
    assert text.count("corrected for") == 1


def test_a_grid_without_a_matched_pair_says_so() -> None:
    df = pd.DataFrame([["2", "3", 0, 1.0], ["3", "5", 0, 2.0]], columns=["depth", "kernel", "seed", "elbo"])
    assert sentences(df, "elbo", ["depth", "kernel"]) == [
        "No two runs of the grid differ in one factor alone: there is no effect to estimate."
    ]
    assert (main_effects(df, "elbo", ["depth", "kernel"])["n"] == 0).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="column 'kernal' is not in the grid's frame; did you mean 'kernel'"):
        main_effects(grid(), "elbo", ["depth", "kernal"])
    with pytest.raises(UserError, match="more than one run at depth=10, kernel=3, seed=0: expected one, list every"):
        main_effects(grid(), "elbo", ["depth", "kernel"])
