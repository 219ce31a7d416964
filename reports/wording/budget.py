"""Say with what recipe the runs were trained, how long, where that is not the default, and whether it was enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.spec.defaults import DEFAULT_EPOCHS, EPOCHS
from bench.spec.metrics import Metric
from reports.findings.experiment import Experiment
from reports.findings.learning import LATE_SHARE, LateGain, late_gains
from reports.findings.matching import FLOPS, Matching, matching
from reports.findings.ranking import Ranking
from reports.findings.speed_ratios import had_company
from reports.markup.blocks import Table
from reports.markup.escape import md
from reports.wording.formatting import NO_VALUE, decimals_for, natural_list, number, plural, ratio, signed, significant
from reports.wording.speeds import BUSY, COULD_HAVE_COMPANY, DISTURBED

EQUAL_COMPUTE = "Equal compute"
"""The heading of the section on it."""
OPERATIONS = ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"), (1.0, "FLOP"))
SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
"""Factor and unit, the largest first."""
TIMED_BUSY = f"{DISTURBED} {BUSY}; to time the steps, and train, anew, remove the folder step\\_seconds of the store."
FLAT_IS_NO_PROOF = (
    "The learning rate falls to zero at the end, which flattens every curve: a flat end is no proof that a longer "
    "training would gain nothing."
)


def page_title(manifest: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return the title of a report, with the budget where that is not the default; plain text."""
    title, spent = str(manifest.get("title", "report")), budget(manifest, runs)
    return f"{title}, {spent}" if spent else title


def budget(manifest: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return on how many images runs were trained for how many epochs, such as "1,000 images × 3 epochs".

    Empty where both are the data set's defaults, or the runs do not say.

    Args:
        manifest: of their report.
        runs: a row per run, of one data set.
    """
    if runs.empty or not {"epochs", "train_images", "dataset"} <= set(runs):
        return ""
    matched = matching(manifest)
    epochs = [matched.epochs] if matched else sorted({int(count) for count in runs["epochs"].dropna()})
    equal = at_equal(matched)
    images = sorted(set(runs["train_images"].astype(float).fillna(math.inf)))  # infinity stands for all
    usual = EPOCHS.get(str(runs["dataset"].iloc[0]), DEFAULT_EPOCHS)
    if not epochs or (images == [math.inf] and epochs == [usual]):
        return equal
    known = (manifest.get("dataset") or {}).get("train_images")
    every = f"all {known:,}" if isinstance(known, int) else "all"
    counts = [every if count == math.inf else f"{count:,.0f}" for count in (images[0], images[-1])]
    span = " to ".join(dict.fromkeys(counts))
    length = plural(epochs[0], "epoch") if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]} epochs"
    return f"{span} images × {length} of the baseline, {equal}" if matched else f"{span} images × {length}"


def at_equal(matched: Matching | None) -> str:
    """Say what was equal for all architectures, where that was not their epochs: "at equal training FLOPs"."""
    return f"at equal training {'FLOPs' if matched.by == FLOPS else 'time'}" if matched else ""


def amount(value: float, matched: Matching) -> str:
    """Format what a training costs, such as "12.3 TFLOP" or "61.2 s"."""
    return _with_unit(value, OPERATIONS if matched.by == FLOPS else SECONDS)


def unit_of(value: float, matched: Matching) -> tuple[float, str]:
    """Return factor and unit in which what a training costs is shown."""
    return _unit_of(value, OPERATIONS if matched.by == FLOPS else SECONDS)


def _unit_of(value: float, units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    return next(((factor, unit) for factor, unit in units if value >= factor), units[-1])


def _with_unit(value: float, units: Sequence[tuple[float, str]]) -> str:
    factor, unit = _unit_of(value, units)
    return f"{significant(value / factor)} {unit}" if math.isfinite(value) else NO_VALUE


def of_a_run(experiment: Experiment, task: str) -> str:
    """Say what a run of a task costs, where that was matched: "12.3 TFLOP per VAE run"; empty else."""
    matched, share = experiment.matching, experiment.shares(task).get(experiment.baseline)
    if matched is None or share is None:
        return ""
    what = "" if matched.by == FLOPS else " of training steps"
    return f"{amount(share.total, matched)}{what} per {md(experiment.label(task))} run"


def about_match(experiment: Experiment) -> str:
    """Say under the comparison table what was matched; empty where all have the same epochs."""
    matched = experiment.matching
    if matched is None:
        return ""
    what = "FLOPs" if matched.by == FLOPS else "time"
    return (
        f"Equal training {what}: each architecture has as many training steps as cost what the baseline's "
        f"{plural(matched.epochs, 'epoch')} {'does' if matched.epochs == 1 else 'do'} (*{EQUAL_COMPUTE}*)."
    )


def how_matched(experiment: Experiment, matched: Matching) -> str:
    """Say what a step's cost is and what is not in it."""
    base = md(experiment.baseline)
    epochs, s = plural(matched.epochs, "epoch"), "s" if matched.epochs == 1 else ""
    ends = "Warm-up and decay of the learning rate end where an architecture's own steps end."
    left_out = "The validation after each epoch, the evaluation and the loading of data are not in it."
    noted = f"*In training* is what a run took, mean over seeds{_company(experiment)}."
    if matched.by == FLOPS:
        return (
            f"Each architecture is trained for as many steps as cost what the {epochs} of {base} cost{s}: the "
            "operations of matrix products and convolutions, forward and backward, counted from its layers. "
            f"{left_out} {ends} Equal operations need not take equal time. {noted}"
        )
    busy = (
        f" {TIMED_BUSY}" if any(one.disturbed for shares in matched.shares.values() for one in shares.values()) else ""
    )
    return (
        f"Each architecture is trained for as many steps as take as long as the {epochs} of {base}: a training step "
        f"was timed before the training, one thing at a time and in turns with one of {base}. × is the median over "
        f"rounds, and decides: the seconds of a step are × times those of {base}.{busy} {left_out} {ends} {noted}"
    )


def _company(experiment: Experiment) -> str:
    """Say that other runs could go on beside a run, as far as that is so."""
    return f", {COULD_HAVE_COMPANY}" if any(map(had_company, experiment.finished)) else ""


def shares_table(experiment: Experiment, matched: Matching) -> Table:
    """Return a row per architecture and task: cost of a step, steps, epochs, the whole, and what a run took."""
    runs = experiment.runs[experiment.runs["status"] == "finished"]
    seconds = runs.groupby(["task", "arch"])["train_seconds"].mean()
    rows = [
        (
            arch,
            experiment.label(task),
            amount(share.cost, matched) + (f" {DISTURBED}" if share.disturbed else ""),
            ratio(share.ratio),
            number(share.steps, 0),
            number(share.epochs, 0) if share.epochs.is_integer() else significant(share.epochs),
            amount(share.total, matched),
            _with_unit(float(seconds.get((task, arch), math.nan)), SECONDS),
        )
        for task in experiment.tasks
        for arch in experiment.order
        if (share := experiment.shares(task).get(arch)) is not None
    ]
    headers = ("architecture", "task", "a step", "× baseline", "steps", "epochs", "a run", "in training")
    return Table(headers, tuple(rows), "llrrrrrr", name="equal_compute")


def one_recipe(experiment: Experiment, *, compact: bool = False) -> str:
    """Say that one recipe was used for all, and which; empty if each was tuned.

    Args:
        compact: whether it is for the terminal, whose reader has just chosen it or has the page.
    """
    if experiment.tuning is not None:
        return ""
    runs, several = experiment.runs, len(experiment.order) > 1
    rates, sizes = (sorted(set(runs[name].dropna())) for name in ("lr", "batch_size"))
    if len(rates) != 1 or len(sizes) != 1:
        return ""
    if compact:
        return "One recipe for all; `--tune` tunes each." if several else ""
    recipe = f"Adam at a peak learning rate of {rates[0]:g}, batches of {int(sizes[0]):,}"
    if not several:
        return f"Its recipe: {recipe}; `--tune` tunes it."
    has_verdicts = any(len(one.distinct) > 1 and not one.one_seed for one in experiment.rankings.values())
    asked = "whether the verdicts hold when each is tuned, `--tune` asks" if has_verdicts else "`--tune` tunes each"
    return f"One recipe for all: {recipe}; {asked}."


def still_improving(experiment: Experiment) -> str:
    """Say which architectures that the verdicts are about had not come to rest; empty if all had, or it can't be said.

    The verdicts are about the leader, who can't be told from it, who comes next, and the baseline.
    """
    parts = []
    for task, ranking in experiment.rankings.items():
        concerned = {*ranking.order[:2], *ranking.rivals, ranking.baseline}
        archs = [one.arch for one in late_gains(experiment, task) if one.still_improving and one.arch in concerned]
        if archs:
            names = "all" if len(archs) == len(ranking.order) else natural_list([md(arch) for arch in archs], 2)
            parts.append(f"{names} ({md(experiment.label(task))})")
    return f"Still improving when the training ended: {', '.join(parts)}." if parts else ""


def about_late_gains(experiment: Experiment) -> str:
    """Say of each task how much the curves still rose at the end, and what that means; empty if it can't be said."""
    found = {task: late_gains(experiment, task) for task in experiment.rankings}
    sentences = [
        _rising(experiment.rankings[task], [one for one in gains if one.still_improving])
        for task, gains in found.items()
        if any(one.still_improving for one in gains)
    ]
    return " ".join([*sentences, FLAT_IS_NO_PROOF]) if any(found.values()) else ""


def _rising(ranking: Ranking, gains: list[LateGain]) -> str:
    """Say what these architectures gained at the end, and that more epochs may change their place."""
    late, metric = gains[0].late_epochs, ranking.metric
    span = "the last epoch" if late == 1 else f"the last {late} epochs"
    if len({one.late_epochs for one in gains}) > 1:
        span = f"the last {100 * LATE_SHARE:.0f} % of its epochs"
    word = "falling" if metric.higher_is_better is False else "rising"
    listed = natural_list([_gain(metric, one) for one in gains], 6)
    return (
        f"**Still {word}** ({md(ranking.description.label)}): over {span} the validation {md(metric.label)} moved more "
        f"than its standard deviation over seeds (in brackets): {listed}. More epochs may change these results."
    )


def _gain(metric: Metric, one: LateGain) -> str:
    """Format a gain as the change of the metric, with the spread over seeds: "cnn3 +5.2 (0.8) nats"."""
    sign = -1 if metric.higher_is_better is False else 1
    spread = one.spread * metric.scale
    digits = decimals_for(spread, metric.digits)
    unit = f" {metric.unit_of_difference}" if metric.unit_of_difference else ""
    return f"{md(one.arch)} {signed(sign * one.gain * metric.scale, digits)}{unit} ({number(spread, digits)})"
