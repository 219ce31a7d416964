"""Say what few labels were enough for: what the other images were worth, who collapsed, and what choices had seen."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.spec.defaults import DEFAULT_CLASSIFICATION_WEIGHT, DEFAULT_LR
from bench.spec.few_labels import PATTERN
from bench.spec.metrics import ACTIVE_VARIANCE
from bench.statistics.settings import setting_text
from reports.findings.experiment import Experiment
from reports.findings.few_labels import ALIKE, ERROR, Cell, Comparison, FewLabels, Method, live_dimensions
from reports.findings.ranking import VERDICT_MARKS
from reports.markup.blocks import Table
from reports.markup.escape import md
from reports.wording.formatting import NO_VALUE, difference, mean_sd, natural_list, number, plural
from reports.wording.notes import MARKS_EXPLAINED
from reports.wording.phrases import FIRST_CHOSEN_BY_VALIDATION
from reports.wording.seed_counts import mark_of_fewer

MOST_NAMED = 4
"""Architectures whose numbers a sentence gives; of more the table has them."""
SOURCE = "Kingma et al. 2014, table 1"


def error_table(experiment: Experiment, few: FewLabels) -> Table:
    """Return a row per number of labels and architecture: the error by each method, and what other images took off."""

    def error(method: Method, cell: Cell) -> str:
        found = method.interval(cell)
        if found is None:
            return NO_VALUE
        verdict = few.versus.get((method.label, cell))
        mark = "same network" if cell in method.repeated else verdict.verdict if verdict is not None else None
        failed = sum(value != value for value in method.errors[cell].values())
        fewer = mark_of_fewer(found.n, failed, experiment.seeds, experiment.seeds)
        return mean_sd(ERROR, found.mean, found.std) + (f" {VERDICT_MARKS[mark]}" if mark else "") + fewer

    rows = []
    for count in few.numbers:
        for cell in (cell for cell in few.cells if cell.labels == count):
            errors = (error(method, cell) for method in few.methods)
            differences = (_difference(cells.get(cell)) for cells in few.worth.values())
            rows.append((f"{count:,}", cell.arch, *errors, *differences))
        known = [method.published.get(count) for method in few.methods]
        if experiment.dataset == "mnist" and any(known):
            cells = [f"{found[0]:.2f} ± {found[1]:.2f}" if found else NO_VALUE for found in known]
            rows.append((f"{count:,}", "published", *cells, *(NO_VALUE for _ in few.worth)))
    heads = ("labels", "architecture", *(f"{method.label} ↓ (%)" for method in few.methods))
    heads += tuple(f"{one} − {other} (points)" for one, other in few.worth)
    return Table(heads, tuple(rows), "rl" + "r" * (len(heads) - 2), name="semi_supervised")


def _difference(row: Comparison | None) -> str:
    if row is None or not row.n or not math.isfinite(row.difference):
        return NO_VALUE
    return difference(ERROR, row.difference, row.low_95, row.high_95)


def introduction(experiment: Experiment, few: FewLabels) -> str:
    """Say what the methods are, and what their published numbers are of."""
    numbers = natural_list([f"{count:,}" for count in few.numbers], 8)
    text = f"Test error with {numbers} labelled images, as many of each class; the other training images come without."
    ways = []
    for method in few.methods:
        if method.is_of_codes:
            shown = "the codes of the labelled images alone" if method.is_alone else "the codes of all training images"
            ways.append(f"*{md(method.label)}*: {'the classifier of M2' if method.is_alone else 'M2'} on {shown}")
        else:
            summary = experiment.declared.tasks[method.task].summary.partition(";")[0]
            ways.append(f"*{md(method.label)}*: {md(summary)}")
    text += f" {'; '.join(ways)}."
    if experiment.dataset == "mnist" and any(
        count in method.published for method in few.methods for count in few.numbers
    ):
        return f"{text} Published: {SOURCE}, other networks and trainings, ± as printed there."
    return f"{text} No published number for this data set and these numbers of labels is known here."


def how_to_read(experiment: Experiment, few: FewLabels) -> str:
    """Say what ±, marks and brackets in the table are; empty for one seed."""
    seeds = max(
        (found.n for method in few.methods for cell in few.cells if (found := method.interval(cell))), default=0
    )
    if seeds < 2:
        return "One seed: no interval, no verdict."
    text = "± is the standard deviation over seeds"
    if few.versus:
        tests = max(row.family for row in few.versus.values())
        decided = sum(row.verdict in ("better", "worse") for row in few.versus.values())
        text += (
            f"; against {md(experiment.baseline)}, method by method: {MARKS_EXPLAINED} (Holm's method at 5 % over the "
            f"{plural(tests, 'comparison')} of this table, {decided} decided: one family, so stricter than at the top)"
        )
    if few.worth:
        text += "; brackets are 95 % t intervals of the paired difference over seeds, each for its row alone"
    return f"{text}."


def worth(few: FewLabels) -> str:
    """Say in one sentence what the images without a label were worth, with the fewest; empty where nothing says so."""
    compared = {cell.labels for cells in few.worth.values() for cell, row in cells.items() if row.n}
    count, found = min(compared, default=0), []
    for (method, alone), cells in few.worth.items():
        own = {cell.arch: row for cell, row in cells.items() if cell.labels == count and row.n}
        shown = [f"{_difference(row)} ({md(arch)})" for arch, row in list(own.items())[:MOST_NAMED]]
        if shown:
            more = f" and {len(own) - MOST_NAMED} more in the table" if len(own) > MOST_NAMED else ""
            found.append(f"{md(method)} less {md(alone)} is {natural_list(shown)}{more}")
    if not found:
        return ""
    interval = ", seed by seed with 95 % intervals" if "[" in found[0] else ""
    return (
        f"**What the images without a label were worth** with {count:,} labels, in points of test error (below 0: they "
        f"helped){interval}: {'; '.join(found)}."
    )


def collapsed(experiment: Experiment, few: FewLabels) -> Iterator[str]:
    """Yield who reads every image alike, and whose codes have few dimensions that live."""
    for method in few.methods:
        named = []
        for cell in few.cells:
            if seeds := method.alike(cell):
                which = natural_list([str(seed) for seed in seeds], 6)
                named.append(
                    f"{md(cell.arch)} with {cell.labels:,} labels ({'seeds' if len(seeds) > 1 else 'seed'} {which})"
                )
        if named:
            yield (
                f"Collapse ({md(method.label)}): every image is read alike, or no better than that "
                f"({number(100 * (1 - ALIKE), 1)} % right at most), by {natural_list(named, 6)}."
            )
    for task in dict.fromkeys(method.task for method in few.methods if method.is_of_codes):
        yield from _live(experiment, task)


def _live(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield how many dimensions of the codes live, and whose are few."""
    live = live_dimensions(experiment, task)
    if not live:
        return
    size = float(experiment.runs.loc[experiment.runs["task"] == task, "latent_dim"].max())
    shown = [f"{md(arch)} {number(count, 1)}" for arch, count in live.items()]
    none = [md(arch) for arch, count in live.items() if count == 0]
    few = [md(arch) for arch, count in live.items() if 0 < count < size / 2]
    text = (
        f"Dimensions of the {md(experiment.label(task))}'s code whose mean varies over the images (standard deviation "
        f"above {math.sqrt(ACTIVE_VARIANCE):g}), of {size:.0f}: {natural_list(shown, 12)}."
    )
    if none:
        text += f" Collapse of the code, none alive: {natural_list(none, 6)}."
    if few:
        text += f" Partial collapse, fewer than half alive: {natural_list(few, 6)}."
    yield text


def choices(experiment: Experiment) -> str:
    """Say how many labels the choices behind these numbers saw."""
    rates = sorted(set(experiment.runs["lr"]))
    text = "No run was stopped early or chosen by its result, and the labels of validation images decided "
    if any(PATTERN.fullmatch(name) for name in map(str, experiment.runs)):
        text += (
            "one thing, once for all: M1+M2's number of passes, batch size and rate were chosen by the validation "
            "error of seed 0 with 100 labels, which saw the labels of 5,000 images."
        )
    else:
        text += "nothing here."
    if rates == [DEFAULT_LR] and experiment.runs["protocol"].min() >= FIRST_CHOSEN_BY_VALIDATION:
        text += (
            " The default learning rate and warm-up were not chosen on these tasks, but by the validation ELBO of "
            "VAEs, which sees no label."
        )
    else:
        text += f" How the learning rate ({', '.join(f'{rate:g}' for rate in rates)}) was chosen is not recorded."
    runs = experiment.runs.reindex(columns=["task", "classification_weight"]).dropna()
    for weight in sorted(set(runs["classification_weight"])):
        own = dict.fromkeys(runs.loc[runs["classification_weight"] == weight, "task"].map(experiment.task_run))
        names = [md(experiment.label(task)) for task in own]
        of = (
            "the authors'"
            if weight == DEFAULT_CLASSIFICATION_WEIGHT
            else "not the authors'; how it was chosen is not recorded"
        )
        text += (
            f" In {natural_list(names)} the labelled images' mean cross-entropy weighs {setting_text(weight)} beside "
            f"the mean bound per image: {of}."
        )
    return text
