"""The calibration as a page (Markdown) and a figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.statistics.estimates import Interval, seeds_needed
from bench.studies.calibration_sim import NOISES

TARGET = (0.93, 0.97)
"""Coverage that passes."""

RATES = {"false_calls": "called (%)", "coverage": "covers 0 (%)", "signflip": "sign-flip (%)"}
"""Columns of an A/A over real repeats that are rates, and how the page heads them."""

RECIPES = {"tuned": "of splits of tuned runs", "common": "of those of runs with the common recipe"}
"""How a sentence calls the rows of a tuned job, by their recipe."""


def percent(value: float, digits: int = 1) -> str:
    """Write a fraction in per cent, without the sign."""
    return f"{100 * value:.{digits}f}"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown, the first column to the left."""
    from tabulate import tabulate

    align = ["left", *["right"] * (len(header) - 1)]
    return tabulate(rows, header, tablefmt="github", colalign=align, disable_numparse=True)


def page(
    calibration: pd.DataFrame,
    powers: pd.DataFrame,
    real: pd.DataFrame | None,
    family: int,
    tuned: pd.DataFrame | None = None,
) -> str:
    """Write table.md: what was simulated, the rates, the power, and what they mean for a reader.

    Args:
        real: the A/A over real repeats, if there is one.
        family: comparisons in a simulated table.
        tuned: the A/A over those of a tuned job, if there is one.
    """
    normal = calibration[calibration["noise"] == "normal"]
    trials = int(normal["trials"].iloc[0])
    error = percent(1.96 * np.sqrt(0.05 * 0.95 / trials), 2)
    shipped = int(normal["shipped_trials"].iloc[0])
    checked = int(calibration["shipped_trials"].sum())
    differ = int(calibration["disagreements"].sum())
    text = f"""# How far the verdicts can be trusted

With normal seeds, 95 % intervals cover the truth in {_range(normal["coverage"])} % of {trials:,} trials, and two names
for the same architecture are called better or worse in {_range(normal["false_single"])} % of single comparisons (the
level is 5 %; simulation error ±{error} points) and in {_range(normal["false_holm"])} % of those in a table of {family}.

![coverage, false calls and power against n](figure.png)

## No difference: coverage and false calls (%)

{_calibration_table(calibration)}

- *alone*: better/worse verdicts of one comparison; *in a table*: per comparison among {family} against one baseline,
  after Holm; *any*: tables with at least one. *shipped*: the rate by `bench.statistics.paired.compare_paired` itself,
  and *sign-flip*, its distribution-free p below 5 %, over the first {shipped:,} trials (good
  to ±1 point; at n = 3 and 5 a sign-flip p cannot fall below 5 %). The other columns use the same arithmetic on whole
  arrays; over {checked:,} single trials of all kinds and the tables sent through both, {differ} verdicts differed.
- *coverage* is that of the plain 95 % interval (`low_95`, `high_95`). The bracket of a verdict in a table is never
  narrower, and leaves out 0 exactly where Holm's test rejects: *any* is the share of tables in which one does so
  though there is no difference.
- No margin is stated here: with one, some of these calls become "equivalent", so the rates can only fall.
- In a true A/A the differences are symmetric however skewed the seeds are, so heavy tails and skewed seeds make the
  t test cautious. The last block is not an A/A: one arm is skewed, the other constant, and the true means agree. There
  the t interval is too short, at n = 30 still. The footnote "rests on roughly normal differences" (n < 6) warns of
  this; at any n, look at the dots when one architecture scatters far more, and more lopsidedly, than the other.

## Power: a true difference of one between-seed standard deviation (% resolved)

{_power_table(powers)}

- The unit is the standard deviation of *one architecture* over seeds. Paired differences have sqrt(2 (1 − ρ)) of it,
  where ρ is the correlation of two architectures over the same seeds: ρ = 0 means that pairing gains nothing, 0.5 that
  half of a seed's luck is shared.
- *alone*: one comparison (exact noncentral t; the simulation agrees within {_gap(powers)} points). *in a table*: one of
  {family}, the others without a difference.
"""
    if real is not None:
        text += _real_section(real)
    if tuned is not None:
        text += _tuned_section(tuned)
    return text + _footer(trials, real is not None, tuned is not None)


def _range(values: pd.Series) -> str:
    return f"{percent(values.min())}–{percent(values.max())}"


def _gap(powers: pd.DataFrame) -> str:
    return percent((powers["exact"] - powers["simulated"]).abs().max())


def _calibration_table(calibration: pd.DataFrame) -> str:
    header = ["noise between seeds", "n", "coverage", "alone", "in a table", "any", "shipped", "sign-flip"]
    columns = ["coverage", "false_single", "false_holm", "false_family", "shipped_false", "shipped_signflip"]
    rows = [
        [NOISES[row["noise"]], str(row["n"]), *(percent(row[c]) for c in columns)] for _, row in calibration.iterrows()
    ]
    most = calibration["shipped_trials"].max()  # rates of a tenth of the trials would only show simulation error
    rows = [
        row if trials == most else [*row[:6], "", ""]
        for row, trials in zip(rows, calibration["shipped_trials"], strict=True)
    ]
    return markdown(header, rows)


def _power_table(powers: pd.DataFrame) -> str:
    wide = powers.pivot(index="n", columns="rho", values=["exact", "holm"])
    rhos = sorted(powers["rho"].unique())
    header = ["n", *(f"alone, ρ = {r:g}" for r in rhos), *(f"in a table, ρ = {r:g}" for r in rhos)]
    rows = [
        [str(n), *(percent(wide.loc[n, (kind, r)], 0) for kind in ("exact", "holm") for r in rhos)] for n in wide.index
    ]
    return markdown(header, rows)


def _real_table(real: pd.DataFrame, names: tuple[str, ...], rates: dict[str, str]) -> str:
    counts = ("n", "architectures", "runs", "splits")
    rows = [
        [*(r[name] for name in names), *(f"{int(r[c]):,}" for c in counts), *(percent(r[c]) for c in rates)]
        for _, r in real.iterrows()
    ]
    return markdown([*names, *counts, *rates.values()], rows)


def _real_section(real: pd.DataFrame) -> str:
    return f"""
## Real repeats of the same architecture

{_real_table(real, ("task", "metric"), RATES)}

- Each architecture's seeds are split at random into two that differ in name alone, and compared by `compare_paired`.
  Splits of the same runs are not independent: these rates are about these runs, and vary more than the number of
  splits suggests.
"""


def _tuned_section(tuned: pd.DataFrame) -> str:
    trials, archs, dataset, epochs = (_said(tuned[name]) for name in ("trials", "archs", "dataset", "epochs"))
    rates = {recipe: _range(rows["false_calls"]) for recipe, rows in tuned.groupby("recipe")}
    independent = percent(1.96 * np.sqrt(0.05 * 0.95 / tuned["splits"].min()))
    found = [f"{rates[recipe]} % {words}" for recipe, words in RECIPES.items() if recipe in rates]
    return f"""
## Real repeats, each tuned

{_real_table(tuned, ("task", "metric", "recipe"), {**RATES, "error": "error (points)"})}

- Runs of {archs} on {dataset}, {epochs} epochs, `--tune {trials}`. *common*: the recipe that all share, trial 0;
  *tuned*: of each seed the best of {trials} trials by validation, as the report chose it. Two names are called
  different in {" and in ".join(found)}.
- The seeds are split as above. *error*: in 95 of 100 sets of as many normal runs without a difference, the rate of as
  many splits lies so near to 5 % (simulated). For few runs that is more than the ±{independent} of splits that were
  independent, which splits of the same runs are not. {_beyond(tuned)}
- Tested is whether 5 % holds for values that were chosen among trials. A pair here is of two seeds, each with rates of
  its own, where a job's pair has one seed and the same rates: a job's differences scatter no more than these, and its
  intervals are no wider. The rate of false calls is the same matter in both: either arm could be the other, so that
  differences are symmetric.
"""


def _beyond(tuned: pd.DataFrame) -> str:
    """Say how many rates lie above 5 % by more than their error."""
    beyond = int((tuned["false_calls"] > 0.05 + tuned["error"]).sum())
    return f"{beyond or 'None'} of the {len(tuned)} rates above {'are' if beyond > 1 else 'is'} higher by more."


def _said(values: pd.Series) -> str:
    """Return the values of a column as text, several with "and" between them."""
    return " and ".join(dict.fromkeys(map(str, values)))


def _footer(trials: int, real: bool, tuned: bool) -> str:
    records = " --records records.csv" if real else ""
    command = f"python -m bench.studies.calibration --out docs/calibration{records}"
    alone = "`python -m bench.studies.calibration --from docs/calibration --records records.csv`"
    of_tuned = (
        f"The last table alone, from the records of tuned jobs, without simulating anew:\n{alone}.\n" if tuned else ""
    )
    return f"\nRebuild: `{command}` ({trials:,} trials a row, seeded).\n{of_tuned}"


def draw_figure(calibration: pd.DataFrame, powers: pd.DataFrame, path: Path) -> None:
    """Draw coverage, false calls and power against n; the titles state what the numbers show."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind", rc={"axes.titlesize": 11, "axes.titleweight": "bold"})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.8), layout="constrained")
    shown = calibration.assign(
        **{
            "noise between seeds": calibration["noise"].map(NOISES),
            "coverage": 100 * calibration["coverage"],
            "alone": 100 * calibration["false_single"],
        }
    )
    normal = calibration[calibration["noise"] == "normal"]
    style = {"x": "n", "hue": "noise between seeds", "style": "noise between seeds", "markers": True, "dashes": False}
    left.axhspan(100 * TARGET[0], 100 * TARGET[1], color="0.9", label="93–97 %")
    sns.lineplot(shown, y="coverage", ax=left, **style)
    left.set_ylim(87, 98)
    left.set(ylabel="intervals that hold the truth (%)")
    left.set_title(f"95 % intervals cover {_range(normal['coverage'])} %\nwith normal seeds")
    middle.axhline(5, color="0.4", linewidth=1, linestyle="--")
    sns.lineplot(shown, y="alone", ax=middle, legend=False, **style)
    middle.set(ylabel="better/worse without a difference (%)", ylim=(0, None))
    middle.set_title(f"One comparison errs in {_range(normal['false_single'])} %\nwith normal seeds (level 5 %)")
    colours = sns.color_palette("colorblind")
    for colour, (rho, part) in zip(colours[4:], powers.groupby("rho"), strict=False):
        right.plot(part["n"], 100 * part["exact"], "-o", color=colour, label=f"ρ = {rho:g}, alone")
        right.plot(part["n"], 100 * part["holm"], "--s", color=colour, label=f"ρ = {rho:g}, one of five", mfc="white")
    right.axhline(80, color="0.4", linewidth=1, linestyle=":")
    right.set(ylabel="resolved (%)", ylim=(0, 101))
    low, high = (_needed(rho) for rho in sorted(powers["rho"].unique(), reverse=True))
    right.set_title(f"A difference of one seed std needs\n{low} to {high} seeds for 80 % power")
    right.legend(fontsize=9)
    for axis in (left, middle, right):
        axis.set_xscale("log")
        ticks = sorted(set((powers if axis is right else calibration)["n"]))
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.set_xlabel("paired seeds, n")
    handles, labels = left.get_legend_handles_labels()
    left.get_legend().remove()
    figure.legend(handles, labels, fontsize=9, ncols=5, loc="outside lower left")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _needed(rho: float) -> int | None:
    """Return the smallest n with 80 % power for a difference of one seed std, in a comparison that stands alone."""
    difference = Interval(1.0, np.sqrt(2 * (1 - rho)), 2, np.nan, np.nan)
    return seeds_needed(difference)
