"""The calibration with looks as a page (Markdown)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping

import pandas as pd

from bench.statistics.sequential.confidence import FIRST_LOOK, PRECISION
from bench.studies.calibration_page import markdown, percent
from bench.studies.looks.families import MOST
from bench.studies.looks.figure import draw_figure
from bench.studies.looks.frames import FIXED, LOOKS, PATIENCE, as_shipped
from bench.studies.looks.noises import NOISES
from bench.studies.looks.stopping import CHECKED

__all__ = ["draw_figure", "page"]

WIDTH = 118
"""Of a line of text, in characters."""


def page(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write table.md from the study's tables."""
    errors = tables["errors.csv"].set_index("noise")
    settling, families, choice = (tables[f"{name}.csv"] for name in ("settling", "families", "choice"))
    command = "`python -m bench.studies.looks.calibration"
    trials = f"{int(errors['trials'].iloc[0]):,}"
    parts = [
        "# How far verdicts can be trusted that are looked at after each seed",
        _flow(_opening(errors, settling, trials)),
        "![false calls, shapes of differences and seeds to settle](figure.png)",
        "## The true mean is 0: called different (%)",
        _errors_table(errors),
        _bullets(_of_errors(errors, families)),
        "## When a verdict settles, and what is reported then",
        _settling_table(settling),
        _bullets(_of_settling(settling)),
        "## Five comparisons under Holm, seeds until all are settled",
        _families_table(families),
        _bullets(_of_families()),
        "## The choice of prior and first look",
        _choice_table(choice),
        _bullets(_of_choice(choice)),
        f"Rebuild: {command} --out docs/calibration/looks` ({trials} trials a row, seeded).\n"
        f"Page and figure of the tables as they are:\n{command} --from docs/calibration/looks`.",
    ]
    return "\n\n".join(parts) + "\n"


def _flow(text: str, indent: str = "") -> str:
    """Break a paragraph into lines anew."""
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(_flow(f"- {text}", "  ") for text in texts)


def _opening(errors: pd.DataFrame, settling: pd.DataFrame, trials: str) -> str:
    normal = errors.loc["normal"]
    others = [name for name, noise in NOISES.items() if noise.symmetric and name != "two modes"]
    rows = {row["effect"]: row for _, row in _plain(settling).iterrows()}
    medians, once = ([rows[effect][name] for effect in (1.0, 2.0, 5.0)] for name in ("median", "fixed"))
    return f"""
        Looked at after each seed from {FIRST_LOOK} to {LOOKS}, two names for one architecture with normal differences
        are called different in {percent(normal["by_50"])} % of {trials} trials; by the 95 % t interval, which promises
        5 % for one look, in {percent(normal["naive"])} %. With other symmetric differences it is
        {_span(errors.loc[others, "by_50"])} %, unless they lie in two narrow modes: then
        {percent(errors.loc["two modes", "by_50"])} %. Where differences are lopsided, as those of unlike architectures
        may be, it is up to {percent(errors["by_50"].max())} %: no test of means survives that, nor does a t test that
        looks once. Sureness costs a few seeds: half of true differences of 1, 2 and 5 standard deviations (sd) of a
        difference are settled by {_counts(medians)} seeds, where a t test that looks once needs {_counts(once)} for
        80 % power."""


def _of_errors(errors: pd.DataFrame, families: pd.DataFrame) -> list[str]:
    checked, tables = int(2 * len(CHECKED) * errors["shipped"].sum()), int(families["shipped"].sum())
    differ = int(errors["disagreements"].sum() + families["disagreements"].sum())
    falls, normal, ties = (errors.loc[name] for name in ("one collapses", "normal", "unlike ties"))
    return [
        f"""*by n*: at any look up to n seeds. *at {LOOKS}*: by the interval of {LOOKS} seeds, whatever was said
        before. *t, each look*: by the 95 % t interval at any look up to {LOOKS}. *t, once*: by it at {FIXED} seeds
        alone. *denied*: the mean of {LOOKS} seeds lies outside an interval of fewer seeds. So it would lie outside the
        one that is reported, if that were cut down to what all before leave open, as it is not.""",
        """*≈*: another question of the same shapes: called equivalent at any look, with a margin 1 % below the true
        difference of one sd (of *ties of unlike arms*, of 0.4 images).""",
        """The first block could be of two names for one architecture: either could be the other, so that differences
        are symmetric. Heavy tails make the test cautious. **Two narrow modes** don't: three or four differences in one
        of them look as if they hardly scattered. A t test that looks once, at 3 seeds, is misled in a
        quarter of cases too: 2 / 2³. A verdict of fewer than 6 seeds "rests on roughly normal differences", here
        too.""",
        f"""The second block has true means that agree, and a typical seed that doesn't. An arm that falls in one seed
        of ten looks better in most short runs: what wasn't seen is in no mean. Whoever goes on to {LOOKS} seeds is told
        otherwise ({percent(falls["last"])} % are still called different), since an interval is that of all seeds at
        hand, with the collapse. Cut down to what all before leave open, it would deny its own mean in
        {percent(falls["outside"])} %, and in {percent(normal["outside"])} % of normal differences.""",
        f"""*ties*: where a metric moves in coarse steps, three differences of 0 are no equivalence. Equal differences
        say nothing before there are as many as coins that fall alike with a chance below 5 % (6). So
        {percent(ties["equivalent"])} % of these are wrong.""",
        f"""{checked:,} verdicts of single comparisons and those of {tables} families were asked of `compare_paired` and
        `holm_family` too, which are shipped: {differ} were others than by the arithmetic on arrays.""",
    ]


def _of_settling(settling: pd.DataFrame) -> list[str]:
    normal = settling[settling["noise"] == "normal"]
    rows = {row["effect"]: row for _, row in _plain(settling).iterrows()}
    bias = _listed(f"{rows[effect]['bias']:.2f}" for effect in (0.5, 1.0, 2.0, 5.0))
    half = rows[0.5]["bias_called"] + 0.5
    return [
        f"""Without a margin a verdict settles when the interval leaves out 0, with one also when it lies inside
        ±margin. Units are sd of a difference. *90 %*: seeds by which nine of ten are settled. Empty: more than
        {PATIENCE}. *t, once*: seeds of a t test that looks once, for 80 % power.""",
        f"""The other columns are of what is reported when seeds end: at the verdict, or at {MOST} seeds without one.
        *wrong*: a wrong side, different without a difference, or equivalent outside the margin. *held*: intervals that
        hold the truth, in at least {percent(normal["covered"].min())} % with normal differences; 95 % t intervals of
        the same seeds (*t held*) do in {_span(normal["t_covered"])} %.""",
        f"""*bias*: the reported difference less the true one, in sd. Whoever stops when it is clear stops at a lucky
        moment: on average by {bias} sd for true differences of 0.5, 1, 2 and 5 sd. *called*: of those alone that were
        called different. Of half an sd only the lucky ones are, within {MOST} seeds, and they report {half:.2f} sd.
        Fresh seeds have no such bias.""",
    ]


def _of_families() -> list[str]:
    return [
        f"""Seeds are added to the open comparisons until all are settled, or have {MOST}; settled ones get no more.
        Normal differences that share a baseline. *any wrong*: families with any wrong verdict, at whichever round; in
        the next two columns, a true difference of 0 called different, and one outside the margin called equivalent."""
    ]


def _of_choice(choice: pd.DataFrame) -> list[str]:
    used, cells = as_shipped(choice), choice.set_index(["precision", "first"])
    bolder, bold = cells.loc[(0.5, FIRST_LOOK)], cells.loc[(0.2, FIRST_LOOK)]
    later, late = cells.loc[(PRECISION, 4)], cells.loc[(PRECISION, 6)]
    return [
        f"""c² is the precision of the prior on the effect size, 1 over its variance. First: called different by
        {LOOKS} seeds though there is no difference (%). Then the median number of seeds to a verdict; *1 sd, 90 %*: by
        which
        nine of ten are settled; *of 5*: at 5 % / 5, the first step of Holm's test on five; *of 50*: at 5 % / 49, as in
        a race of fifty; *≈*: to "equivalent" with this margin, without a difference. In use: c² = {PRECISION:g}, first
        look at {FIRST_LOOK}.""",
        f"""A larger c² finds small differences sooner (0.5: {_seeds(bolder["one"])} seeds for 1 sd instead of
        {_seeds(used["one"])}) and large ones later ({_seeds(bolder["five"])} instead of {_seeds(used["five"])} for
        5 sd), among many too: 10 sd of fifty take {_seeds(bold["of_fifty"])} with 0.2,
        {_seeds(bolder["of_fifty"])} with 0.5 and
        {_seeds(used["of_fifty"])} with {PRECISION:g}. Between architectures large ones are common, and a race is made
        of them.""",
        f"""A first look at 4 would halve what two narrow modes do ({percent(later["two_modes"])} instead of
        {percent(used["two_modes"])} %), and cost a seed where one comparison is of more than about 8 sd
        ({_seeds(later["ten"])} instead of {_seeds(used["ten"])} for 10 sd). One at 6 would bound it
        ({percent(late["two_modes"])} %) and take 6 seeds where {_seeds(used["five"])} do. Neither helps much where an
        arm falls in a seed of ten ({percent(late["one_collapses"])} instead of {percent(used["one_collapses"])} %).""",
    ]


def _span(rates: pd.Series) -> str:
    return f"{percent(rates.min())} to {percent(rates.max())}"


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}"


def _counts(values: Iterable[float]) -> str:
    return _listed(map(_seeds, values))


def _seeds(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0f}"


def _sd(value: float) -> str:
    return "" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # no −0.00


def _plain(settling: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of normal differences without a margin."""
    return settling[(settling["noise"] == "normal") & settling["margin"].isna()]


def _errors_table(errors: pd.DataFrame) -> str:
    columns = {
        "by_10": "by 10",
        "by_30": "by 30",
        "by_50": f"by {LOOKS}",
        "last": f"at {LOOKS}",
        "outside": "denied",
        "naive": "t, each look",
        "fixed": "t, once",
        "equivalent": "≈",
    }
    rows = []
    for symmetric, words in ((True, "*symmetric*"), (False, "*lopsided*")):
        rows.append([words, *[""] * len(columns)])
        for name, row in errors.iterrows():
            if NOISES[str(name)].symmetric == symmetric:
                rows.append([NOISES[str(name)].words, *(percent(row[c]) for c in columns)])
    return markdown(["differences", *columns.values()], rows)


def _settling_table(settling: pd.DataFrame) -> str:
    header = ["true difference", "margin", "median", "90 %", "t, once", f"by {MOST} (%)", "wrong (%)", "held (%)"]
    header += ["t held (%)", "bias", "called"]
    rows = []
    for _, row in settling.iterrows():
        shape = "" if row["noise"] == "normal" else f", {NOISES[row['noise']].words}"
        margin = "" if math.isnan(row["margin"]) else f"{row['margin']:g}"
        counts = [_seeds(row[name]) for name in ("median", "most", "fixed")]
        rates = [percent(row[name]) for name in ("by_30", "wrong", "covered", "t_covered")]
        rows.append([f"{row['effect']:g}{shape}", margin, *counts, *rates, _sd(row["bias"]), _sd(row["bias_called"])])
    return markdown(header, rows)


def _families_table(families: pd.DataFrame) -> str:
    header = ["five comparisons", "any wrong (%)", "called different (%)", "called equivalent (%)"]
    header += [f"settled by {MOST} (%)", "all five (%)", "seeds, mean", "most seeds, median"]
    rates = ("wrong", "wrong_different", "wrong_equivalent", "settled", "all_settled")
    rows = [
        [row["scenario"], *(percent(row[name]) for name in rates), f"{row['seeds']:.1f}", _seeds(row["rounds"])]
        for _, row in families.iterrows()
    ]
    return markdown(header, rows)


def _choice_table(choice: pd.DataFrame) -> str:
    rates = {
        "normal": "normal",
        "t3": "t, 3 df",
        "two_modes": "two modes",
        "exponential": "exponential",
        "one_collapses": "one falls",
    }
    seeds = {
        "half": "0.5 sd",
        "one": "1 sd",
        "one_most": "1 sd, 90 %",
        "two": "2 sd",
        "five": "5 sd",
        "ten": "10 sd",
        "of_five": "5 sd of 5",
        "of_fifty": "10 sd of 50",
        "inside_one": "≈ 1 sd",
        "inside_two": "≈ 2 sd",
        "inside_five": "≈ 5 sd",
    }
    rows = []
    for _, row in choice.iterrows():
        cells = [f"{row['precision']:g}, {row['first']:.0f}", *(percent(row[c]) for c in rates)]
        cells += [_seeds(row[c]) for c in seeds]
        in_use = row["precision"] == PRECISION and row["first"] == FIRST_LOOK
        rows.append([f"**{cell}**" for cell in cells] if in_use else cells)
    return markdown(["c², first look", *rates.values(), *seeds.values()], rows)
