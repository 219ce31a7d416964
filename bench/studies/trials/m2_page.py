"""The validation errors of M2's variants as a page (Markdown) and a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.statistics.comparisons import mean_interval
from bench.studies.trials.choice import DIVERGED
from bench.studies.trials.m2_variants import DEFAULT
from bench.studies.trials.words import counted, markdown

Cell = tuple[str, int, pd.Series]
"""A variant, its epochs, and its validation errors in % by seed."""


def cells_of(runs: pd.DataFrame) -> Iterator[tuple[str, list[Cell]]]:
    """Yield each architecture with its variants, the default one first and then the best first."""
    kept = runs[runs["status"] != DIVERGED]
    for arch, own in kept.groupby("arch", sort=False):
        cells = [
            (str(variant), int(epochs), 100 * (1 - rows.set_index("seed")["value"]))
            for (variant, epochs), rows in own.groupby(["variant", "epochs"], sort=False)
        ]
        yield str(arch), sorted(cells, key=lambda cell: (cell[0] != DEFAULT, float(cell[2].mean())))


def page(runs: pd.DataFrame) -> str:
    """Write table.md."""
    first, lost = runs.iloc[0], int((runs["status"] == DIVERGED).sum())
    parts = [
        "# What M2 needs to learn from few labels",
        f"{int(first['labels']):,} labelled images of {int(first['train_images']):,}, batches of "
        f"{int(first['batch_size'])} and the labelled ones, {int(first['latent_dim'])} latent dimensions, protocol "
        f"{int(first['protocol'])}. A variant names what it does otherwise than a job by default: the weight of "
        "classification, the peak learning rate (lr), the standard deviation of the weights at the start (init), the "
        "authors' prior on the weights, the share of the steps over which the bounds come in (ramp), the epochs.",
        "Errors are of the validation images, whose labels any choice made here has seen; no test image was read."
        + (f" {counted(lost, 'training')} diverged and {'is' if lost == 1 else 'are'} left out." if lost else ""),
        "![validation error of each variant](figure.png)",
    ]
    for arch, cells in cells_of(runs):
        base = cells[0][2] if cells[0][0] == DEFAULT else None
        rows = [[f"`{name}`", str(epochs), *columns(errors, base)] for name, epochs, errors in cells]
        header = ["variant", "epochs", "validation error (%)", "by seed", f"less that of `{DEFAULT}` (points)"]
        parts += [f"## {arch}", markdown(header, rows)]
    parts.append("Rendered again: `python -m bench.studies.m2 --from FILE`, the m2.csv beside this page.")
    return "\n\n".join(parts) + "\n"


def columns(errors: pd.Series, base: pd.Series | None) -> list[str]:
    """Return a row's mean, its seeds and its difference from the default, paired by seed."""
    by_seed = ", ".join(f"{value:.1f}" for _, value in sorted(errors.items()))
    if base is None or errors is base:
        return [f"{errors.mean():.1f}", by_seed, "–"]
    found = mean_interval((errors - base).dropna().to_numpy(dtype=float))
    interval = f" [{found.low:+.1f}, {found.high:+.1f}]" if np.isfinite(found.low) else ""
    difference = f"{found.mean:+.1f}{interval}".replace("-", "−") if found.n else "–"
    return [f"{errors.mean():.1f}", by_seed, difference]


def draw_figure(runs: pd.DataFrame, path: Path) -> None:
    """Draw a dot for each training and a line at the mean of its variant, a panel per architecture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind", rc={"axes.titlesize": 10, "axes.labelsize": 9})
    panels = list(cells_of(runs))
    most = max(len(cells) for _, cells in panels)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(7.5 * len(panels), 0.3 * most + 1.2), layout="constrained", squeeze=False
    )
    for (arch, cells), axis in zip(panels, axes[0], strict=True):
        for y, (_, _, errors) in enumerate(cells):
            axis.plot(errors, np.full(len(errors), y), "o", ms=5, alpha=0.7, color="C0")
            axis.plot([errors.mean()] * 2, [y - 0.3, y + 0.3], color="0.1", lw=1.5)
        names = [name if len({c[1] for c in cells}) == 1 else f"{name} ({epochs} epochs)" for name, epochs, _ in cells]
        axis.set_yticks(range(len(cells)), names, fontsize=8)
        axis.set_ylim(len(cells) - 0.5, -0.5)
        axis.tick_params(axis="x", labelsize=8)
        axis.set_xlabel("validation error (%)")
        axis.set_title(f"{arch}: a dot per seed, a line at their mean", loc="left")
    figure.savefig(path, dpi=120)
    plt.close(figure)
