"""The spread of each source as a page (Markdown) and a figure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.spec.defaults import DEFAULT_EPOCHS
from bench.spec.metrics import METRICS, Metric
from bench.studies.trials.sources import ALL, PARTS, SOURCES
from bench.studies.trials.spread_numbers import CHAOTIC, Network, Spread, networks_of, spread_of
from bench.studies.trials.words import counted, markdown, rate_name

LITTLE = 0.1
"""A ratio of standard deviations that is called so."""

Task = tuple[str, Metric, pd.DataFrame, list[Network]]


def tasks_of(runs: pd.DataFrame) -> Iterator[Task]:
    """Yield each task with its metric, its runs and its networks.

    Raises:
        UserError: its runs have several settings.
    """
    for task, own in runs.groupby("task", sort=False):
        for name in ("epochs", "train_images", "batch_size", "lr", "protocol"):
            if own[name].nunique() > 1:
                raise UserError(f"the runs of {task} differ in {name}: no spread over a mixture")
        yield str(task), METRICS[str(own["metric"].iloc[0])], own, networks_of(own)


def page(runs: pd.DataFrame) -> str:
    """Write table.md."""
    parts = [
        "# What the spread over seeds is made of",
        "Each source of randomness is varied while all others are those of seed 0; *all together* is what seeds do. "
        "*Split*: which images are held out; the others come at the same steps, so that the order stays. *Rounding "
        "alone*: initial weights multiplied by 1 ± 2⁻²³ at random signs, which changes nothing but rounding, as "
        "another machine, another version of a library or another number of threads does. The score is always taken on "
        "the same binarised test images with the same evaluation noise.",
        "![standard deviation by source and architecture](figure.png)",
    ]
    for task, metric, own, networks in tasks_of(runs):
        parts += [f"## {task}", *_section(metric, own, networks)]
    parts.append("Rendered again: `python -m bench.studies.spread --from FILE`, the spread.csv beside this page.")
    return "\n\n".join(parts) + "\n"


def _section(metric: Metric, own: pd.DataFrame, networks: list[Network]) -> list[str]:
    first = own.iloc[0]
    sizes = sorted({spread.n for network in networks for spread in network.spreads.values() if spread.n > 1}) or [1]
    size = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    length = "Runs are as long as a job's"
    if _is_short(own):
        length = "**Runs are short**, and longer ones may divide otherwise"
    unit = metric.unit_of_difference
    varied = _varied(own)
    header = ["network", *(SOURCES[source] for source in varied)]
    rows = [[f"`{n.arch}`", *(_spread(n.spreads[source], metric) for source in varied)] for n in networks]
    lost = sum(network.diverged for network in networks)
    diverged = f" {counted(lost, 'run')} diverged and {'is' if lost == 1 else 'are'} not counted." if lost else ""
    return [
        f"{length}: {counted(first['epochs'], 'epoch')} of {int(first['train_images']):,} images in batches of "
        f"{int(first['batch_size'])}, peak learning rate {rate_name(first['lr'])}, protocol {int(first['protocol'])}. "
        f"{size} runs for each number; the run of seed 0 is one of each.{diverged}",
        f"Standard deviation of the test {metric.label} ({unit}) with its 95 % chi-square interval, which takes scores "
        "as normal:",
        markdown(header, rows),
        *(_shares(networks, sizes[0]) if set(PARTS) <= set(varied) else ()),
        "\n".join(f"- {_finding(network, metric, _is_short(own))}" for network in networks),
    ]


def _varied(runs: pd.DataFrame) -> list[str]:
    """Return the sources that were varied, in their order."""
    return [source for source in SOURCES if source in set(runs["source"])]


def _shares(networks: list[Network], runs: int) -> list[str]:
    """Divide the variance among the sources.

    Args:
        runs: of each source.
    """
    shares = [
        [f"`{n.arch}`", *(f"{_percent(n.share_of_sum(s))} · {_percent(n.share_of_all(s))}" for s in PARTS)]
        for n in networks
    ]
    return [
        "Variance of each source as a share of the sum of the five · of the variance of all together. Sources may "
        "interact, so the shares of the latter need not add to 100 %, and what changes anything changes the rounding "
        f"of all that follows: a chaotic network shows the spread of rounding in every column. {_roughness(runs)}",
        markdown(["network", *PARTS.values()], shares),
    ]


def _is_short(runs: pd.DataFrame) -> bool:
    """Whether the runs have fewer epochs than those of a job."""
    return bool(runs["epochs"].iloc[0] < DEFAULT_EPOCHS)


def _roughness(runs: int) -> str:
    """Say how well so many runs tell a variance."""
    if runs < 2:
        return "Some have too few runs to have a spread."
    unit = spread_of(np.arange(float(runs)))
    low, high = (unit.low / unit.std) ** 2, (unit.high / unit.std) ** 2
    return f"Shares are rough: with {runs} runs the true variance is {low:.1f} to {high:,.0f} times the one found."


def _number(value: float, metric: Metric) -> str:
    """Write a standard deviation with two digits that count, as far as the third decimal."""
    scaled = value * metric.scale
    if 0 < scaled < 0.001:
        return "< 0.001"
    return f"{scaled:.3f}" if scaled < 0.1 else f"{scaled:.2f}" if scaled < 10 else f"{scaled:.1f}"


def _spread(spread: Spread, metric: Metric) -> str:
    if spread.n < 2:
        return "–"
    if spread.std == 0:
        return "0"
    if spread.high * metric.scale < 0.001:
        return "< 0.001"
    return f"{_number(spread.std, metric)} [{_number(spread.low, metric)}, {_number(spread.high, metric)}]"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else "< 1 %"


def _finding(network: Network, metric: Metric, short: bool) -> str:
    """Say whether the training of a network is chaotic at this recipe.

    Rounding needs time to grow: that it changes little is said of runs of this length alone.
    """
    rounding, together, ratio = network.spreads["rounding"], network.spreads[ALL], network.rounding
    if np.isnan(ratio.value):
        return f"`{network.arch}`: too few runs, or none that differ, to set rounding beside seeds."
    said = (
        f"`{network.arch}`: rounding alone spreads by {_number(rounding.std, metric)} {metric.unit_of_difference}, all "
        f"together by {_number(together.std, metric)}: "
        + (f"{ratio.value:.2f} of it [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.high > 0.01 else "below 0.01 of it")
    )
    if network.is_chaotic:
        return (
            f"{said}. **This network's training is chaotic at this recipe: seeds measure it, but "
            "another machine gives other numbers.**"
        )
    open_question = "" if ratio.high < CHAOTIC else f" (whether above {CHAOTIC:g} is not settled)"
    changes = "changes little" if ratio.value < LITTLE else "changes a part"
    if ratio.value > CHAOTIC:
        changes = "may change most"
    return f"{said}{open_question}. Another machine {changes} of what a seed gives" + (
        ", in runs as short as these: rounding grows with their length." if short else "."
    )


def draw_figure(runs: pd.DataFrame, path: Path) -> None:
    """Draw the standard deviations with their intervals, a panel per task; one of exactly 0 is named, not drawn."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind", rc={"axes.titlesize": 10, "axes.labelsize": 9})
    tasks = list(tasks_of(runs))
    widest = max(len(networks) for *_, networks in tasks)
    figure, axes = plt.subplots(
        len(tasks), 1, figsize=(max(6.5, 2.2 * widest), 3.8 * len(tasks) + 0.4), layout="constrained", squeeze=False
    )
    colours = [*sns.color_palette("colorblind")[: len(PARTS)], (0.1, 0.1, 0.1)]
    offsets = np.linspace(-0.3, 0.3, len(SOURCES))
    for (task, metric, own, networks), axis in zip(tasks, axes[:, 0], strict=True):
        for colour, offset, (source, name) in zip(colours, offsets, SOURCES.items(), strict=True):
            if source not in _varied(own):
                continue
            drawn = [(x + offset, network.spreads[source]) for x, network in enumerate(networks)]
            drawn = [(x, spread) for x, spread in drawn if spread.std > 0]
            at, std = [x for x, _ in drawn], np.array([spread.std for _, spread in drawn]) * metric.scale
            ends = np.array([(spread.low, spread.high) for _, spread in drawn]).reshape(-1, 2).T * metric.scale
            bars = np.abs(ends - std)
            marker = {"all": "D", "rounding": "s"}.get(source, "o")
            axis.errorbar(at, std, yerr=bars, fmt=marker, ms=5, capsize=2, lw=1.2, color=colour, label=name)
        axis.set_yscale("log")
        axis.set_xticks(range(len(networks)), [_broken(network.arch) for network in networks], fontsize=8)
        axis.set_xlim(-0.5, len(networks) - 0.5)
        for x in range(len(networks) - 1):
            axis.axvline(x + 0.5, color="0.85", lw=0.8)
        axis.grid(axis="x", visible=False)
        axis.tick_params(axis="y", labelsize=8)
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_ylabel(f"std of the test {metric.label} ({metric.unit_of_difference})")
        first = own.iloc[0]
        budget = f"{counted(first['epochs'], 'epoch')} of {int(first['train_images']):,} images"
        length = "short runs" if _is_short(own) else "runs"
        axis.set_title(f"{task}: spread by source, {length} of {budget}, 95 % intervals", loc="left")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=3, loc="outside lower center", frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _broken(arch: str) -> str:
    """Break a long name after its colon and its commas."""
    return arch.replace(":", ":\n", 1).replace(",", ",\n")
