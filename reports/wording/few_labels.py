"""Say what few labels were enough for: what the other images were worth, who collapsed, and what choices had seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from bench.spec.defaults import DEFAULT_CLASSIFICATION_WEIGHT, DEFAULT_LR
from bench.spec.few_labels import PATTERN
from bench.spec.metrics import ACTIVE_VARIANCE
from bench.statistics.settings import none_for_missing, setting_text
from reports.findings.experiment import Experiment
from reports.findings.few_labels import ALIKE, ERROR, Cell, Comparison, FewLabels, Method, live_dimensions
from reports.findings.ranking import VERDICT_MARKS
from reports.markup.blocks import Table
from reports.markup.escape import md
from reports.wording.formatting import NO_VALUE, difference, mean_sd, natural_list, number, plural
from reports.wording.notes import MARKS_EXPLAINED, SAME_NETWORK
from reports.wording.phrases import FIRST_CHOSEN_BY_VALIDATION, mark_of_fewer, seeds_in_words
from reports.wording.stopping.intervals import interval_kind

MOST_NAMED = 4
"""Architectures whose numbers a sentence gives; of more the table has them."""
SOURCE = "Kingma et al. 2014, table 1"


def error_table(experiment: Experiment, few: FewLabels) -> Table:
    """Return a row per number of labels and architecture: the error by each method, and what other images took off."""

    def error(method: Method, cell: Cell) -> str:
        found = method.interval(cell)
        failed = sum(value != value for value in method.errors.get(cell, {}).values())
        if found is None:
            return f"failed ({failed} of {failed})" if failed else NO_VALUE
        text, verdict = mean_sd(ERROR, found.mean, found.std), few.versus.get((method.label, cell))
        if cell in method.repeated:
            text += f" {VERDICT_MARKS['same network']} {method.repeated[cell]}"
        elif verdict is not None:
            text += f" {VERDICT_MARKS[verdict.verdict]}"
        return text + mark_of_fewer(found.n, failed, experiment.seeds, experiment.asked)

    def compared(row: Comparison | None) -> str:
        fewer = "" if row is None or not row.n else mark_of_fewer(row.n, 0, experiment.seeds, experiment.asked)
        return _difference(row) + fewer

    rows = []
    for count in few.numbers:
        for cell in (cell for cell in few.cells if cell.labels == count):
            errors = (error(method, cell) for method in few.methods)
            differences = (compared(cells.get(cell)) for cells in few.worth.values())
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
    text = f"Test error with {numbers} labelled images, equally many of each class; the other training images come "
    text += "without a label."
    ways = []
    for method in few.methods:
        if method.is_of_codes:
            shown = "the labelled images alone" if method.is_alone else "all training images"
            by = "the classifier of M2" if method.is_alone else "M2"
            ways.append(f"*{md(method.label)}*: {by} on the {md(experiment.label(method.task))}'s codes of {shown}")
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
    """Say what ±, marks and brackets in the table are."""
    counts = {found.n for method in few.methods for cell in few.cells if (found := method.interval(cell))}
    same = f"; {SAME_NETWORK}" if any(method.repeated for method in few.methods) else ""
    if max(counts) < 2:
        return f"One seed: no interval, no verdict{' (?)' if few.versus else ''}{same}."
    text = f"± is the standard deviation over {seeds_in_words(count for count in counts if count > 1)}"
    if min(counts) < experiment.seeds:
        those = f"{experiment.seeds}" if experiment.anytime else f"the {experiment.seeds} that were asked for"
        text += f" (a cell of fewer than {those} says so)"
    if few.versus:
        text += f"; against {md(experiment.baseline)} by the same method with as many labels: {MARKS_EXPLAINED}"
        text += _family(experiment, few)
    text += same
    if any(row.n > 1 for cells in few.worth.values() for row in cells.values()):
        kind = interval_kind(experiment, "t intervals")
        text += f"; brackets are 95 % {kind} of the paired difference over seeds, each by itself"
    return f"{text}."


def _family(experiment: Experiment, few: FewLabels) -> str:
    """Say in parentheses how many comparisons Holm's test was of; empty if none could be tested."""
    tests = max(row.family for row in few.versus.values())
    if tests < 2:
        return " (at 5 %, the only comparison of this table)" if tests else ""
    decided = sum(row.verdict != "unresolved" for row in few.versus.values())
    heads = (row.family for ranking in experiment.head_rankings for row in ranking.versus_baseline.values())
    stricter = ": one family, so stricter than at the top" if tests > max(heads, default=0) else ""
    return f" (Holm's method at 5 % over the {tests} comparisons of this table, {decided} decided{stricter})"


def worth(experiment: Experiment, few: FewLabels) -> str:
    """Say in one sentence what the images without a label were worth, with the fewest; empty where nothing says so."""
    compared = {cell.labels for cells in few.worth.values() for cell, row in cells.items() if row.n}
    count = min(compared, default=0)
    rows = {
        pair: {cell.arch: cells[cell] for cell in few.cells if cell.labels == count and cell in cells and cells[cell].n}
        for pair, cells in few.worth.items()
    }
    seeds = {row.n for own in rows.values() for row in own.values()}
    if not seeds:
        return ""
    found = []
    for (method, alone), own in rows.items():
        shown = []
        for arch, row in list(own.items())[:MOST_NAMED]:
            of = f", {plural(row.n, 'seed')}" if len(seeds) > 1 else ""
            shown.append(f"{_difference(row)} ({md(arch)}{of})")
        if shown:
            more = [f"{len(own) - MOST_NAMED} more in the table"] if len(own) > MOST_NAMED else []
            found.append(f"{md(method)} less {md(alone)} is {natural_list([*shown, *more], MOST_NAMED + 1)}")
    if max(seeds) < 2:
        over = "of one seed, without an interval"
    else:
        over = f"with 95 % {interval_kind(experiment)} over {'' if len(seeds) > 1 else f'{min(seeds)} '}paired seeds"
    return (
        f"**What the images without a label were worth** with {count:,} labels, in points of test error (below 0: they "
        f"helped), {over}: {'; '.join(found)}."
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
                f"Collapse ({md(method.label)}), every test image read alike or at most "
                f"{number(100 * (1 - ALIKE), 1)} % of them read right: {natural_list(named, 6)}."
            )
    for task in dict.fromkeys(method.task for method in few.methods if method.is_of_codes):
        yield from _live(experiment, task)


def _live(experiment: Experiment, task: str) -> Iterator[str]:
    """Yield how many dimensions of the codes live, and in how many runs they are few."""
    live = live_dimensions(experiment, task)
    if live is None:
        return
    size = float(experiment.runs_of(task)["latent_dim"].max())
    shown = [f"{md(arch)} {number(sum(counts) / len(counts), 1)}" for arch, counts in live.counts.items()]
    several = ", mean over seeds" if any(len(counts) > 1 for counts in live.counts.values()) else ""
    text = (
        f"Live dimensions of the {md(experiment.label(task))}'s code, of {size:.0f} (their posterior mean has a "
        f"standard deviation above {math.sqrt(ACTIVE_VARIANCE):g} over the {live.images} images){several}: "
        f"{natural_list(shown, 12)}."
    )
    if none := _runs(live.counts, lambda count: count == 0):
        text += f" Collapse of the code, no dimension alive: {natural_list(none, 6)}."
    if few := _runs(live.counts, lambda count: 0 < count < size / 2):
        text += f" Partial collapse, fewer than half alive: {natural_list(few, 6)}."
    yield text


def _runs(counts: Mapping[str, tuple[float, ...]], is_so: Callable[[float], bool]) -> list[str]:
    """Return the architectures that have such runs; where not all are, with how many."""
    found = []
    for arch, own in counts.items():
        n = sum(map(is_so, own))
        if n:
            found.append(md(arch) + (f" ({n} of {len(own)} runs)" if n < len(own) else ""))
    return found


def choices(experiment: Experiment) -> str:
    """Say how many labels the choices behind these numbers saw."""
    text = "No run was stopped early or chosen by its result. The labels of validation images decided "
    if any(PATTERN.fullmatch(name) for name in map(str, experiment.runs)):
        text += (
            "M1+M2's recipe alone, once for all: its passes, batch size and rate, and that it is shown grey levels, "
            "were chosen by the error with 100 labels on the 5,000 validation images of MNIST's seed 0."
        )
    else:
        text += "nothing here."
    oldest, rates = int(experiment.runs["protocol"].min()), sorted(set(experiment.runs["lr"]))
    if rates != [DEFAULT_LR]:
        text += f" How the learning rate ({', '.join(f'{rate:g}' for rate in rates)}) was chosen is not recorded."
    elif oldest < FIRST_CHOSEN_BY_VALIDATION:
        text += f" The default learning rate and warm-up of protocol {oldest} had been chosen by test figures."
    else:
        text += (
            " The default learning rate and warm-up were chosen by the validation ELBO of VAEs alone, which sees no "
            "label."
        )
    return text + "".join(f" {sentence}" for sentence in _weights(experiment))


def _weights(experiment: Experiment) -> Iterator[str]:
    """Yield how the labelled images' cross-entropy was weighed, and whose choice that was."""
    described, runs = experiment.declared.tasks, experiment.runs.reindex(columns=["task", "classification_weight"])
    weights = none_for_missing(runs["classification_weight"])
    known: dict[float | None, dict[str, None]] = {}
    for task, weight in zip(runs["task"], weights, strict=True):
        if described[task].weighs_labels:
            known.setdefault(weight, {})[experiment.task_run(task)] = None
    for weight in sorted(known, key=lambda one: -math.inf if one is None else one):
        names = natural_list([md(experiment.label(task)) for task in known[weight]])
        shown = "0.1 × labels" if weight is None else setting_text(weight)
        text = f"In {names} the labelled images' mean cross-entropy weighs {shown} beside the mean bound per image"
        if weight is None:
            yield f"{text}: these runs are from before the weight was a setting."
        elif weight == DEFAULT_CLASSIFICATION_WEIGHT:
            yield f"{text}, as in the authors' code."
        else:
            yield (
                f"{text}, where the authors' code has {DEFAULT_CLASSIFICATION_WEIGHT:g}; how it was chosen is not "
                "recorded."
            )
