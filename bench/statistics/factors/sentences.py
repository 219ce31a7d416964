"""Says in English what a factor analysis shows, in sentences that claim no more than the intervals do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from bench.statistics.estimates import ALPHA
from bench.statistics.factors.effects import conditional_effects, interactions, main_effects
from bench.statistics.factors.grid import tidy
from bench.statistics.factors.variance import variance_shares

MOST_MORE_DIGITS = 4
"""Decimals that an interval may have beyond those of its metric."""
MOST_IN_HEADLINE = 2
"""Effects that a headline names."""


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of one metric are printed."""

    unit: str = ""
    scale: float = 1.0
    """Factor from the raw value to the shown one."""

    digits: int = 1
    """Decimals shown."""

    def signed(self, value: float) -> str:
        """Return a difference, which always carries its sign: '+2.1' or '−2.1'."""
        text = f"{value * self.scale:+.{self.digits}f}"
        zero = float(text) == 0
        return text[1:] if zero else text.replace("-", "−")

    def unsigned(self, value: float) -> str:
        """Return the end of an interval: '2.1' or '−2.1'."""
        return self.signed(value).removeprefix("+")

    def interval(self, low: float, high: float) -> str:
        """Return an interval: '[1.6, 2.7]'."""
        return f"[{self.unsigned(low)}, {self.unsigned(high)}]"

    def amount(self, row: pd.Series) -> str:
        """Return an effect with its interval, if it has one: '+2.1 nats [1.6, 2.7]'.

        If 0 is outside the interval there are as many more decimals as it takes for neither end to be shown as 0.
        """
        unit = f" {self.unit}" if self.unit else ""
        if row["n"] < 2:
            return f"{self.signed(row['effect'])}{unit}"
        low, high = row["low"], row["high"]
        for more in range(MOST_MORE_DIGITS + 1):
            form = replace(self, digits=self.digits + more)
            if not low * high > 0 or all(form.signed(end)[0] in "+−" for end in (low, high)):
                break
        return f"{form.signed(row['effect'])}{unit} {form.interval(low, high)}"


def sentences(
    df: pd.DataFrame,
    response: str,
    factors: Sequence[str],
    *,
    unit: str = "",
    scale: float = 1.0,
    digits: int = 1,
    margin: float | None = None,
    block: str = "seed",
    pairs: pd.DataFrame | None = None,
) -> list[str]:
    """Return what the grid shows: a sentence per factor in the response's unit, the interactions, shares of variance.

    An effect "is worth" something only if its Holm-adjusted p is below 5 %, and "does not matter" only if its interval
    lies inside a stated margin. With one seed there are point estimates and no claim.

    Args:
        df: a row per run.
        response: the column that is analysed.
        factors: the columns of the design choices.
        unit: of the shown values.
        scale: factor from raw values to shown ones.
        digits: decimals shown.
        margin: the difference that doesn't matter, in the raw unit; None if there is none.
        block: the column of the seeds.
        pairs: what `interactions` returns for the same arguments, if the caller has it already.
    """
    form = NumberFormat(unit, scale, digits)
    factors = [f for f in factors if df[f].nunique() > 1] if set(factors) <= set(df.columns) else factors
    effects = main_effects(df, response, factors, block)
    effects = effects[effects["n"] > 0]
    if effects.empty:
        return ["No two runs of the grid differ in one factor alone: there is no effect to estimate."]
    shares = variance_shares(df, response, factors, block)
    found = []
    if effects["n"].max() == 1:
        found.append("One seed: these are point estimates, with no interval and no verdict.")
    found += [_main_sentence(rows, form, margin) for _, rows in effects.groupby("factor", sort=False)]
    pairs = interactions(df, response, factors, block) if pairs is None else pairs
    found += _interaction_sentences(df, response, factors, pairs, shares, form, margin, block)
    return [*found, _shares_sentence(shares, runs=len(tidy(df, response, factors, block)))]


def headline(effects: pd.DataFrame, form: NumberFormat, margin: float | None = None) -> str:
    """Say in one sentence which steps of a factor are worth most; empty where no effect has an interval.

    'decoder cnn2→cnn3 is worth −17.7 nats [−20.3, −15.0], encoder cnn2→cnn3 −4.4 nats [−5.7, −3.1] (each a mean over
    2 matched cells).'

    Args:
        effects: as `main_effects` returns them.
        form: of the numbers.
        margin: the difference that doesn't matter, in the raw unit; None if there is none.
    """
    effects = effects[effects["n"] > 1]
    if effects.empty:
        return ""
    effects = effects.iloc[effects["effect"].abs().argsort(kind="stable")[::-1]]
    readings = [effect_verdict(row, margin) for _, row in effects.iterrows()]
    worth = effects[[reading == "resolved" for reading in readings]]
    if worth.empty and set(readings) == {"negligible"}:
        return f"no step of a factor matters: the effect of each is inside ±{form.unsigned(margin or 0)} {form.unit}."
    if worth.empty:
        first = effects.iloc[0]
        largest = f"{_step(first)}, {form.amount(first)}"
        return f"no effect of a factor is resolved{_corrected(first)}; the largest is {largest}."
    named = worth.iloc[:MOST_IN_HEADLINE]
    (_, first), *others = named.iterrows()
    parts = [
        f"{_step(first)} is worth {form.amount(first)}",
        *(f"{_step(row)} {form.amount(row)}" for _, row in others),
    ]
    more = len(worth) - len(named)
    further = f"; {more} more {'is' if more == 1 else 'are'} resolved" if more else ""
    return f"{', '.join(parts)}{_over_cells(named)}{further}."


def effect_verdict(row: pd.Series, margin: float | None = None) -> str:
    """Return an effect's verdict: 'negligible' (inside the margin), 'resolved', 'unresolved' or 'one seed'."""
    if row["n"] < 2:
        return "one seed"
    if margin is not None and -margin <= row["low"] and row["high"] <= margin:
        return "negligible"
    return "resolved" if row["p_holm"] < ALPHA else "unresolved"


def _shares_sentence(shares: pd.DataFrame, runs: int) -> str:
    """Say what the sum of squares is due to.

    'Of the variance over all 24 runs: depth 78 %, kernel 12 %, depth × kernel 6 %; seed 1 %, residual 3 %. These are
    shares of squares, in which an effect of twice the size counts four times.'
    """
    if shares["share"].isna().any():
        return "All runs of the grid have the same value: there is no variance to explain."
    named = shares[shares["kind"].isin(["main", "interaction"])].sort_values("share", ascending=False, kind="stable")
    named = named[(named["kind"] == "main") | (named["share"] >= 0.005)]
    rest = shares[~shares["kind"].isin(["main", "interaction"]) & (shares["share"].abs() >= 0.005)]
    parts, tail = (
        [f"{term} {_percent(share)}" for term, share in zip(rows["term"], rows["share"], strict=True)]
        for rows in (named, rest)
    )
    found = ", ".join(parts) + (f"; {', '.join(tail)}" if tail else "")
    return (
        f"Of the variance over all {runs} runs: {found}. These are shares of squares, in which an effect of twice the "
        "size counts four times."
    )


def _percent(share: float) -> str:
    """Return a share as '78 %'."""
    return f"{share:.0%}".replace("%", " %").replace("-", "−") if abs(share) >= 0.005 else "under 1 %"


def _main_sentence(rows: pd.DataFrame, form: NumberFormat, margin: float | None) -> str:
    """Say what a factor's steps are worth.

    'kernel 3→5 is worth +2.1 nats [1.6, 2.7]; 5→7 is not resolved with 3 seeds: +0.2 nats [−0.1, 0.5].'
    """
    parts = [f"{r['from_level']}→{r['to_level']} {_claim(r, form, margin)}" for _, r in rows.iterrows()]
    return f"{rows.iloc[0]['factor']} {'; '.join(parts)}{_over_cells(rows)}."


def _step(row: pd.Series) -> str:
    """Name a step of a factor: 'kernel 3→5'."""
    return f"{row['factor']} {row['from_level']}→{row['to_level']}"


def _over_cells(rows: pd.DataFrame) -> str:
    """Say in parentheses over how many matched cells effects are means; empty where they are of one."""
    fewest, most = int(rows["cells"].min()), int(rows["cells"].max())
    if most == 1:
        return ""
    kind = "a mean" if len(rows) == 1 else "each a mean"
    return f" ({kind} over {most if fewest == most else f'{fewest} to {most}'} matched cells)"


def _claim(row: pd.Series, form: NumberFormat, margin: float | None) -> str:
    """Say what an effect is known to be worth; the correction is named where the interval alone would decide."""
    amount = form.amount(row)
    corrected = _corrected(row)
    return {
        "one seed": f"is {amount}",
        "negligible": f"does not matter: {amount}, inside ±{form.unsigned(margin or 0)}",
        "resolved": f"is worth {amount}",
        "unresolved": f"is not resolved with {row['n']} seeds{corrected}: {amount}",
    }[effect_verdict(row, margin)]


def _corrected(row: pd.Series) -> str:
    """Name the correction for the number of effects where an interval of one alone leaves out 0."""
    return ", corrected for the number of effects" if row["low"] > 0 or row["high"] < 0 else ""


def _interaction_sentences(
    df: pd.DataFrame,
    response: str,
    factors: Sequence[str],
    table: pd.DataFrame,
    shares: pd.DataFrame,
    form: NumberFormat,
    margin: float | None,
    block: str,
) -> list[str]:
    """Return a sentence per pair of factors with a resolved interaction; if none is, one that says so."""
    table = table[table["n"] > 0]
    if table.empty or table["n"].max() < 2:
        return []
    table = table.assign(reading=[effect_verdict(row, margin) for _, row in table.iterrows()])
    share = dict(zip(shares["term"], shares["share"], strict=True))
    found = []
    for a, b in combinations(factors, 2):
        rows = table[(table["factor_a"] == a) & (table["factor_b"] == b) & (table["reading"] == "resolved")]
        if rows.empty:
            continue
        strongest = rows.iloc[int(rows["effect"].abs().argmax())]
        # The factor that explains less is the subject: "stride matters only at depth 2", not the reverse.
        subject, by, step = (a, b, "a") if share[a] <= share[b] else (b, a, "b")
        within = conditional_effects(df, response, factors, subject, by, block)
        of_step = (within["from_level"] == strongest[f"from_{step}"]) & (within["to_level"] == strongest[f"to_{step}"])
        found.append(_conditional_sentence(within[of_step & (within["n"] > 0)], form, margin))
    if not found:
        top = table.iloc[int(table["effect"].abs().argmax())]
        name = f"{top['factor_a']} × {top['factor_b']}"
        found = [f"No two-way interaction is resolved{_corrected(top)}; the largest is {name}, {form.amount(top)}."]
    return found


def _conditional_sentence(rows: pd.DataFrame, form: NumberFormat, margin: float | None) -> str:
    """Say what a step is worth within each level of another factor.

    'stride 1→2 matters only at depth 2: +3.0 nats [2.5, 3.5] at depth 2, +0.1 nats [−0.2, 0.3] at depth 3.'

    "Matters only" needs every other level inside the margin; without that it reads "is resolved only" or "depends on".
    """
    subject = _step(rows.iloc[0])
    by = rows.iloc[0]["by"]
    readings = [effect_verdict(row, margin) for _, row in rows.iterrows()]
    listed = ", ".join(f"{form.amount(row)} at {by} {row['by_level']}" for _, row in rows.iterrows())
    yes = [row["by_level"] for (_, row), r in zip(rows.iterrows(), readings, strict=True) if r == "resolved"]
    if len(yes) == 1 and len(rows) > 1:
        others = [r for r in readings if r != "resolved"]
        verb = "matters only" if all(r == "negligible" for r in others) else "is resolved only"
        return f"{subject} {verb} at {by} {yes[0]}: {listed}."
    return f"What {subject} is worth depends on {by}: {listed}."
