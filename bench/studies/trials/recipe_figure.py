"""The choice of the recipe as a figure: scores and losses against each setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bench.studies.trials.recipe_page import RATE, Section
from bench.studies.trials.words import counted

SHOWN_BELOW_BEST = {"nats": 30.0, "%": 3.0}
"""Unit → how far below the worst of the architectures' best a score may be to be in the figure."""


def draw_figure(found: Sequence[Section], path: Path) -> None:
    """Draw for each section the scores, with bands from the worst seed to the best, and the losses of the means."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind", rc={"axes.titlesize": 10, "axes.labelsize": 9})
    figure, rows = plt.subplots(
        len(found), 2, figsize=(11, 4.0 * len(found) + 0.6), layout="constrained", squeeze=False
    )
    for section, (left, right) in zip(found, rows, strict=True):
        grid, scale = section.grid, section.metric.scale
        x = np.array(grid.settings if section.what == RATE else range(len(grid.settings)), dtype=float)
        for a, arch in enumerate(grid.archs):
            colour = sns.color_palette("colorblind")[a % 10]
            low, high = scale * grid.scores[a].min(axis=1), scale * grid.scores[a].max(axis=1)
            left.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
            left.plot(x, scale * grid.means[a], "-o", ms=4, lw=1.3, color=colour)
            right.plot(x, scale * grid.losses[a], "-o", ms=4, lw=1.3, color=colour, label=arch)
        right.plot(x, scale * grid.regrets, "-s", color="black", ms=5, lw=2.2, label="mean loss: the rule")
        cut = ", lower ones cut off" if _cut_off(left, section) else ""
        _loss_axis(right, scale * float(grid.losses.max()))
        for axis in (left, right):
            axis.axvline(x[section.chosen], color="0.3", lw=1, ls="--", zorder=0)
            if section.what == RATE:
                axis.set_xscale("log")
            axis.set_xticks(x, section.names, fontsize=8)
            axis.minorticks_off()
            axis.set_xlabel(f"{section.what} (dashed: the choice)")
            axis.tick_params(axis="y", labelsize=8)
        left.set_ylabel(f"validation {section.metric.label} ({section.metric.unit})")
        right.set_ylabel(f"loss against the own best ({section.metric.unit_of_difference})")
        left.set_title(f"{section.task}: mean and range over {counted(len(grid.seeds), 'seed')}{cut}", loc="left")
        least = section.names[section.chosen]
        right.set_title(
            f"{least} loses least on average"
            if section.chosen == grid.chosen
            else f"{least}: the shortest not told from the best",
            loc="left",
        )
    handles, labels = rows[0][1].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=3, loc="outside lower center", frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _cut_off(axis: Axes, section: Section) -> bool:
    """Cut off what is far below every architecture's best; return whether there is such."""
    scores, scale = section.metric.scale * section.grid.scores, section.metric.scale
    floor = scale * float(section.grid.means.max(axis=1).min()) - SHOWN_BELOW_BEST[section.metric.unit]
    if scores.min() >= floor:
        return False
    axis.set_ylim(floor, scores.max() + 0.05 * (scores.max() - floor))
    return True


def _loss_axis(axis: Axes, most: float) -> None:
    """Set an axis of losses that is linear up to 1, where the choice is, and logarithmic beyond."""
    axis.set_yscale("symlog", linthresh=1.0)
    axis.set_ylim(-0.3, max(1.1, 1.3 * most))
    ticks = [tick for tick in (0, 0.25, 0.5, 0.75, 1, 2, 5, 10, 20, 50, 100, 200, 500) if tick <= max(1, 1.3 * most)]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
