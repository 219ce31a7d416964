"""The calibration with looks as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.studies.calibration_page import percent
from bench.studies.looks.frames import FIXED, LOOKS
from bench.studies.looks.noises import NOISES


def draw_figure(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw false calls against looks, false calls by the shape of differences, and when verdicts settle."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    errors, curves = tables["errors.csv"].set_index("noise"), tables["curves.csv"]
    sns.set_theme(style="whitegrid", palette="colorblind", rc={"axes.titlesize": 11, "axes.titleweight": "bold"})
    colours = sns.color_palette("colorblind")
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(16, 5.2), layout="constrained", width_ratios=(1, 1.25, 1.1)
    )

    lines = {str(kind): part for kind, part in curves.groupby("kind")}
    for kind, words, colour in (
        ("naive", "95 % t interval", colours[3]),
        ("false", "confidence sequence", colours[0]),
    ):
        left.plot(lines[kind]["n"], 100 * lines[kind]["share"], color=colour, label=words)
    left.axhline(5, color="0.4", linewidth=1, linestyle="--")
    left.set(xlabel="seeds, looked at after each", ylabel="called different by then (%)", ylim=(0, None))
    last = {kind: percent(lines[kind]["share"].iloc[-1]) for kind in ("naive", "false")}
    left.set_title(
        f"Equals, normal differences: {last['false']} % called\ndifferent, not {last['naive']}, by {LOOKS} seeds"
    )
    left.legend(fontsize=9)

    shown = [*(name for name in NOISES if NOISES[name].symmetric), *(n for n in NOISES if not NOISES[n].symmetric)]
    for name, words, colour, marker in (
        ("naive", "95 % t interval, each look", colours[3], "x"),
        ("fixed", f"95 % t interval, once, {FIXED} seeds", "0.45", "s"),
        ("by_50", "confidence sequence, each look", colours[0], "o"),
    ):
        values = [100 * errors.loc[noise, name] for noise in shown]
        middle.scatter(values, range(len(shown)), color=colour, marker=marker, label=words, zorder=3)
    middle.axvline(5, color="0.4", linewidth=1, linestyle="--")
    split = sum(NOISES[name].symmetric for name in shown) - 0.5
    middle.axhline(split, color="0.4", linewidth=1)
    middle.text(60, split - 0.1, "symmetric", ha="right", va="bottom", fontsize=9, color="0.3")
    middle.text(60, split + 0.1, "lopsided", ha="right", va="top", fontsize=9, color="0.3")
    middle.set_yticks(range(len(shown)), [NOISES[name].words.split(":")[0] for name in shown], fontsize=9)
    middle.invert_yaxis()
    middle.set(xlabel=f"called different by {LOOKS} seeds (%), true mean 0", xlim=(0, 61))
    middle.set_title("Means of lopsided differences\nneed more than a test of means")
    middle.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.44))

    for kind, style in (("effect", "-"), ("margin", "--")):
        for size, part in lines[kind].groupby("size"):
            word = "true difference" if kind == "effect" else "none, margin"
            right.plot(
                part["n"],
                100 * part["share"],
                style,
                color=colours[(0.5, 1.0, 2.0, 5.0).index(size)],
                label=f"{word} {size:g} sd",
            )
    right.axhline(50, color="0.4", linewidth=1, linestyle=":")
    right.set(xlabel="seeds, looked at after each", ylabel="settled by then (%)", ylim=(0, 101))
    median = {size: part["n"][part["share"] >= 0.5].min() for size, part in lines["effect"].groupby("size")}
    right.set_title(f"Half are settled by {median[1.0]:.0f}, {median[2.0]:.0f}, {median[5.0]:.0f} seeds\nat 1, 2, 5 sd")
    right.legend(fontsize=9, loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)
