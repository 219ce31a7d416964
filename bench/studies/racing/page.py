"""The simulated races as a page (Markdown) and a figure."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from bench.statistics.sequential.one_sided import log_evidence_below
from bench.studies.racing.scenarios import COLLAPSE_CHANCE, COLLAPSE_DEPTH, NOISES, SYMMETRIC, TRUTHS
from bench.studies.trials.words import markdown

LEVEL = 0.05


def percent(value: float, digits: int = 1) -> str:
    """Write a fraction in per cent, without the sign; empty if there is none."""
    return "" if np.isnan(value) else f"{100 * value:.{digits}f}"


def signed(value: float) -> str:
    """Write a bias."""
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def page(table: pd.DataFrame) -> str:
    """Write table.md: what was simulated, and what it shows."""
    long = table[table["most"] == table["most"].max()]
    plain = _plain(table)
    parts = [
        "# What a race for the best arm is worth",
        _summary(table),
        "![the best thrown out, runs used, and bias of the winner's number](figure.png)",
        "## What is raced\n\n" + _raced(table),
        "## The promise (%)\n\n" + _promise(long),
        "## What it costs\n\n" + _costs(plain),
        "## The winner's number\n\n" + _curse(plain),
        "## Other ways to spend as many runs (% that end with the best arm)\n\n" + _alternatives(table),
        _footer(table),
    ]
    return "\n\n".join(parts) + "\n"


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the races of normal seeds without a margin."""
    return table[(table["noise"] == "normal") & (table["margin"] == 0)]


def _summary(table: pd.DataFrame) -> str:
    is_tame = table["noise"].isin(SYMMETRIC)
    tame, hard = table[is_tame], table[~is_tame]
    plain = _plain(table)
    equal, ahead = plain[plain["truth"] == "equal"], plain[(plain["truth"] == "one best") & (plain["arms"] == 10)]
    cost = {gap: rows.set_index("most")["share"] for gap, rows in ahead.groupby("gap")}
    most = int(plain["most"].max())
    gaps = " and ".join(f"{percent(cost[gap][most], 0)} % where it leads by {gap:g}" for gap in (1.0, 2.0))
    error = max(table["fresh_error"].max(), table["difference_error"].max())
    fresh = max(table["fresh"].abs().max(), table["fresh_difference"].abs().max())
    led = hard[hard["truth"] != "equal"]
    worst, least = led["thrown_out"].max(), led["gap"].min()
    return fill(
        f"The best arm is thrown out of at most {percent(tame['thrown_out'].max())} % of races with symmetric "
        f"differences (allowed: {percent(LEVEL, 0)} %). **It is out of up to {percent(hard['thrown_out'].max())} % "
        "where the others' seeds are lopsided or collapse now and then and all means are equal**: like any test of "
        "means by a few seeds the race does not keep its promise there, though nothing is lost; where the best leads "
        f"by {least:g} stds of a paired difference or more it is out of up to {percent(worst)} %. Of a grid of ten "
        f"arms and {most} seeds a race takes {gaps} stds of a paired "
        "difference, and nearly all where the arms are equal. The winner's own mean is too high by up to "
        f"{equal['own'].max():.2f} stds between seeds (equal arms); on fresh seeds it is off by at most {fresh:.2f}, "
        f"which is simulation (standard error up to {error:.2f})."
    )


def fill(text: str) -> str:
    """Break a paragraph into lines."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def _raced(table: pd.DataFrame) -> str:
    most = ", ".join(f"{n:g}" for n in sorted(table["most"].unique()))
    counts = " and ".join(f"{rows['races'].min():,.0f} races of {arms:g} arms" for arms, rows in table.groupby("arms"))
    checked, differ = (int(table[name].sum()) for name in ("checked", "disagreements"))
    share, depth, above = (f"{x:g}" for x in (100 * COLLAPSE_CHANCE, COLLAPSE_DEPTH, COLLAPSE_CHANCE * COLLAPSE_DEPTH))
    return f"""- {counts} of each kind, by the rules of
  `bench.statistics.sequential.race`: three seeds of each arm, then one more for each that is still racing, until one is
  left, nobody left can be better than the leader by more than the margin, or there are as many as the most seeds:
  {most}. {checked:,} races were run by the shipped function too; {differ} ended otherwise.
- *Gap*: from the best to the others, or from each to the next of a ladder, in stds of a paired difference, as the
  *margin* is. ρ: correlation of two arms over the seeds. Arms have a std between seeds of 1, but for what follows.
- *Noise*: heavy tails are t with 5 degrees of freedom; skewed seeds are rarely very bad (exponential); a steady arm
  scatters a tenth. A collapse is a seed that is {depth} stds worse, which {share} % are. The true mean of an arm holds
  its collapses, so that in other seeds it is {above} std above it."""


def _promise(long: pd.DataFrame) -> str:
    rows = [
        [*_kind(row), *(percent(row[name]) for name in ("thrown_out", "broken", "right"))] for _, row in long.iterrows()
    ]
    error = 100 * 2 * np.sqrt(LEVEL * (1 - LEVEL) / long["races"].min())
    head = [*KIND, "best thrown out", "promise broken", "winner is the best"]
    return f"""{markdown(head, rows)}

- At most {long["most"].iloc[0]:g} seeds; with fewer the first two are smaller. *Best thrown out*: of arms that are
  alike, of which each is the best, the mean over all; else of the one whose noise is not the others'. *Promise broken*:
  the best is better than the winner by more than the margin, and not listed as open. Good to ±{error:.1f} points.
- What rows with collapses show is no fault of the many looks: no test of means sees what has not happened yet, and a
  collapse in one seed of ten is not seen in {percent(0.9**10, 0)} % of sets of ten seeds."""


def _costs(plain: pd.DataFrame) -> str:
    mosts = sorted(plain["most"].unique())
    rows = []
    for _, part in plain.groupby(["arms", "truth", "gap", "rho"], sort=False):
        of = part.set_index("most")
        shares = [percent(of.loc[most, "share"], 0) for most in mosts]
        alone = [percent(of.loc[most, "alone"], 0) for most in mosts]
        last = of.loc[mosts[-1]]
        rows.append([*_kind(last), *shares, *alone, f"{last['seeds']:g}", f"{last['left']:.1f}"])
    head = [*KIND, *(f"runs, {most:g}" for most in mosts), *(f"alone, {most:g}" for most in mosts)]
    return f"""{markdown([*head, "seeds", "left"], rows)}

- *Runs*: in % of the full grid of that many seeds. *Alone*: % of races in which one arm is left. *Seeds* of the winner
  (median) and arms *left* at the end (mean), of at most {mosts[-1]:g} seeds.
- An arm is out when the evidence against it, averaged over the others, comes to {1 / LEVEL:g}. Three differences are
  never evidence of more than {largest_evidence(3):.0f}, four of {largest_evidence(4):.0f}: after three seeds whoever is
  far behind a third of the others can be out, after four whoever is far behind one of at most
  {largest_evidence(4) * LEVEL:.0f} others."""


def largest_evidence(n: int) -> float:
    """Return the evidence of n differences that all but agree."""
    return float(np.exp(log_evidence_below(np.array([float(n)]), np.array([-1e9])))[0])


def _curse(plain: pd.DataFrame) -> str:
    mosts = [plain["most"].min(), plain["most"].max()]
    rows = []
    for _, part in plain.groupby(["arms", "truth", "gap", "rho"], sort=False):
        of = part.set_index("most")
        cells = [signed(of.loc[most, name]) for name in ("own", "fresh", "difference", "fresh_difference")
                 for most in mosts]  # fmt: skip
        rows.append([*_kind(part.iloc[0]), *cells])
    head = [f"{name}, {most:g}" for name in ("race", "fresh", "Δ race", "Δ fresh") for most in mosts]
    return f"""{markdown([*KIND, *head], rows)}

- How far a number lies above the true one on average, in stds between seeds. *Race*: the winner's mean over its seeds
  in the race of at most {mosts[0]:g} or {mosts[1]:g} seeds; *fresh*: over five seeds that had no part in it. *Δ*: the
  winner's mean difference to the baseline, an arm like any other, over the seeds that both have (where the winner is
  another arm).
- Where one arm is clearly the best nothing is selected by luck, and the winner's mean is right; its difference to an
  arm that was thrown out after few seeds is not, since it is thrown out when its luck is bad."""


def _alternatives(table: pd.DataFrame) -> str:
    mosts = sorted(table["most"].unique())
    rows = []
    for _, part in table[table["right"].notna()].groupby(
        ["arms", "truth", "gap", "rho", "noise", "margin"], sort=False
    ):
        of = part.set_index("most")
        cells = [f"{of.loc[mosts[-1], 'runs']:,.0f}"]
        for most in mosts:
            cells += [percent(of.loc[most, name], 0) for name in ("right", "halving", "grid")]
        rows.append([*_kind(part.iloc[0]), *cells])
    head = [f"{name}, {most:g}" for most in mosts for name in ("race", "halving", "grid")]
    return f"""{markdown([*KIND, "runs", *head], rows)}

- *Halving*: successive halving (Karnin, Koren and Somekh 2013) with as many runs as the race of at most so many seeds
  takes on average, in ⌈log₂ m⌉ rounds. *Grid*: the same runs in equal numbers for every arm; the best mean wins.
- *Runs*: of the race of at most {mosts[-1]:g} seeds.
- The race's share {_compared(table)}.
- Halving is told its budget beforehand and stops there, whether or not anything is clear; it says of no arm that it is
  worse. A race finds out by itself how many runs it takes, and what it says of its losers holds."""


def _compared(table: pd.DataFrame) -> str:
    """Say how the race's share of best winners compares with the others' at equal runs."""
    known = table[table["right"].notna()]
    said = []
    for name, words in (("halving", "halving's"), ("grid", "the grid's")):
        low, high = (round(100 * value) for value in ((known["right"] - known[name]).agg(["min", "max"])))
        said.append(f"less {words} is {low} to {high} points".replace("-", "−"))
    return ", ".join(said)


def _kind(row: pd.Series) -> list[str]:
    """Return the first cells of a row: what is raced, the noise, the correlation, how many arms."""
    gap = f", gap {row['gap']:g}" if row["gap"] else ""
    margin = f", margin {row['margin']:g}" if row["margin"] else ""
    return [TRUTHS[row["truth"]] + gap + margin, NOISES[row["noise"]], f"{row['rho']:g}", f"{row['arms']:g}"]


KIND = ["races", "noise", "ρ", "arms"]
"""The head of these cells."""


def _footer(table: pd.DataFrame) -> str:
    return (
        "Made by `python -m bench.studies.racing.simulate --out docs/racing`; rendered again by `--from docs/racing`."
    )


def draw_figure(table: pd.DataFrame, path: Path) -> None:
    """Draw how often the best is thrown out, the runs used against the gap, and the bias of the winner's number."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16, 5), layout="constrained", width_ratios=(1.25, 1, 1))
    _draw_promise(left, table)
    _draw_costs(middle, table)
    _draw_curse(right, table)
    for axis in (left, middle, right):
        axis.title.set_fontweight("bold")
        axis.title.set_fontsize(11)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_promise(axis, table: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    long = table[(table["most"] == table["most"].max()) & (table["margin"] == 0) & (table["arms"] == 10)]
    worst = long.groupby("noise", sort=False)["thrown_out"].max().mul(100)
    names = [NOISES[noise] for noise in worst.index]
    bars = axis.barh(names[::-1], worst[::-1], color=["C3" if value > 5 else "C0" for value in worst[::-1]])
    axis.bar_label(bars, fmt="%.1f", padding=3)
    axis.axvline(100 * LEVEL, color="0.3", linestyle="--", linewidth=1)
    axis.set(xlabel="races of ten in which the best is thrown out (%)", xlim=(0, 1.15 * max(worst.max(), 6)))
    held = int((worst <= 100 * LEVEL).sum())
    axis.set_title(f"The best stays with {held} of {len(worst)} kinds of noise\n(the worst gap of each; allowed: 5 %)")


def _draw_costs(axis, table: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    plain = _plain(table)
    ahead = plain[(plain["truth"] == "one best") | ((plain["truth"] == "equal") & (plain["rho"] == 0.5))]
    for colour, (most, part) in enumerate(ahead.groupby("most")):
        for arms, rows in part.groupby("arms"):
            rows = rows.sort_values("gap")
            style = "-o" if arms == ahead["arms"].min() else "--s"
            label = f"at most {most:g} seeds, {arms:g} arms"
            axis.plot(rows["gap"], 100 * rows["share"], style, color=f"C{colour}", label=label, markersize=5)
    axis.set(xlabel="lead of the best (stds of a paired difference)", ylabel="runs used (% of the full grid)")
    axis.set_ylim(0, 135)
    axis.set_yticks(range(0, 101, 20))
    axis.legend(fontsize=8, ncols=2, loc="upper center")
    axis.set_title("A race saves what the lead allows\n(normal seeds)")


def _draw_curse(axis, table: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    plain = _plain(table)
    ahead = plain[(plain["truth"] == "one best") | ((plain["truth"] == "equal") & (plain["rho"] == 0.5))]
    mosts = (ahead["most"].min(), ahead["most"].max())
    for colour, arms in enumerate(sorted(ahead["arms"].unique())):
        for style, most in zip(("-o", "--o"), mosts, strict=True):
            rows = ahead[(ahead["arms"] == arms) & (ahead["most"] == most)].sort_values("gap")
            label = f"in a race of {arms:g} arms, at most {most:g} seeds"
            axis.plot(rows["gap"], rows["own"], style, color=f"C{colour}", label=label, markersize=5)
            axis.plot(rows["gap"], rows["fresh"], "x", color="0.2")
    axis.plot([], [], "x", color="0.2", label="five fresh seeds of the winner")
    axis.axhspan(-0.1, 0.1, color="0.9")
    axis.set(xlabel="lead of the best (stds of a paired difference)")
    axis.set(ylabel="winner's mean less the true one (stds between seeds)")
    axis.legend(fontsize=8)
    axis.set_title("The winner's own number is too\nhigh, fresh seeds are right")
