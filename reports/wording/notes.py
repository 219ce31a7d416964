"""Write the notes under the comparison table: what its signs mean, and what is the same for all of its rows."""

from __future__ import annotations

from reports.findings.experiment import Experiment
from reports.findings.machines import machines_of
from reports.findings.sizes import own_task, sizes
from reports.findings.speed_ratios import measured_apart
from reports.markup.escape import md
from reports.wording.budget import about_match, one_recipe
from reports.wording.formatting import LIKELIHOOD_IN_WORDS, natural_list
from reports.wording.machines import about_rounding
from reports.wording.phrases import seed_counts, seeds_in_words
from reports.wording.speeds import speed_notes
from reports.wording.stopping.intervals import about_brackets
from reports.wording.stopping.peeking import peeking
from reports.wording.tables import JOINT_ELBO
from reports.wording.tuning import what_tuned_is

MARKS_EXPLAINED = "▲ better, ▼ worse, ≈ equivalent, ? not resolvable with these seeds"
SAME_NETWORK = "= the same network, since the task uses no decoder"


def _seeds_of_spreads(experiment: Experiment, counts: list[int]) -> str:
    """Say over how many seeds the spreads of the table are: "2 to 6 seeds (…)" where cells differ."""
    text = seeds_in_words(count for count in counts if count > 1)
    if len(counts) > 1:
        text += f" (a cell of fewer than {counts[-1]} says so in brackets)"
    elif counts[-1] < experiment.seeds:
        text += f" of the {experiment.seeds} that were asked for"
    return text


def _is_of_one_session(experiment: Experiment) -> bool:
    """Tell whether the ratios of speeds in the table were measured apart, and in one session."""
    rows = measured_apart(experiment, own_task(experiment))
    return rows is not None and bool(rows["ratio"].notna().any()) and int(rows["sessions"].max()) == 1


def table_notes(experiment: Experiment, common: list[str], *, compact: bool = False) -> list[str]:
    """Return the sentences to print under the table, as Markdown.

    Args:
        common: what the table left out because it is the same for every row.
        compact: whether it is the terminal's table, which has fewer columns.
    """
    notes = []
    if common:
        notes.append(f"The same for all: {'; '.join(md(text) for text in common)}.")
    compared = any(ranking.versus_baseline for ranking in experiment.shown_rankings)
    counts = seed_counts(experiment)
    if max(counts, default=0) > 1:
        seeds = f"± is the standard deviation over {_seeds_of_spreads(experiment, counts)}"
        if compared:
            brackets = "" if compact else about_brackets(experiment)
            seeds += f"; {brackets}; " if brackets else f"; against {md(experiment.baseline)}: "
            seeds += MARKS_EXPLAINED
            if any(ranking.same_as for ranking in experiment.shown_rankings):
                seeds += f", {SAME_NETWORK}"
        notes.append(f"{seeds}.")
    elif compared:
        notes.append("One seed: differences have no interval and no verdict (?).")
    if any(ranking.best for ranking in experiment.shown_rankings):
        notes.append(f"{md('*') if compact else 'Bold'} is resolvably the best.")
    descriptions = [ranking.description for ranking in experiment.rankings.values()]
    if experiment.likelihood and any(description.bounds for description in descriptions):
        notes.append(
            f"ELBO: {LIKELIHOOD_IN_WORDS.get(experiment.likelihood, md(experiment.likelihood))}; "
            "nats per test image, β = 1."
        )
    for description in descriptions:
        if JOINT_ELBO in description.scores and experiment.likelihood != "grey":
            notes.append(
                f"A {md(description.label)}'s ELBO bounds log p(x|y); less ln 10 it bounds log p(x, y) and compares "
                "with a VAE's."
            )
    if further := _further_numbers(experiment):
        notes.append(further)
    counted = sizes(experiment)
    if experiment.tasks and counted:
        first = next(iter(counted.values())).task
        others = sorted(
            f"{md(arch)} ({md(experiment.label(size.task))})" for arch, size in counted.items() if size.task != first
        )
        exceptions = f", except {', '.join(others)}" if others else ""
        session = ", in one session" if _is_of_one_session(experiment) else ""
        ratios = f"; ×: against the baseline{session}" if len(experiment.order) > 1 else ""
        task = own_task(experiment)
        notes.append(f"Parameters and speed are of the task {md(experiment.label(task))}{exceptions}{ratios}.")
        notes += speed_notes(experiment, task)
    notes += [about_match(experiment), what_tuned_is(experiment), one_recipe(experiment, compact=compact)]
    notes.append(peeking(experiment))
    notes.append(about_rounding(machines_of(experiment.runs[experiment.runs["status"] == "finished"])))
    return list(filter(None, notes))


def _further_numbers(experiment: Experiment) -> str:
    """Say where the results with further numbers of labels are; empty if all are in the table."""
    shown = {ranking.task for ranking in experiment.head_rankings}
    left_out = [experiment.numbers_of_labels[task] for task in experiment.rankings if task not in shown]
    if not left_out:
        return ""
    tasks = natural_list([md(experiment.label(task)) for task in dict.fromkeys(task for task, _ in left_out)])
    counts = natural_list([f"{count:,}" for count in sorted({count for _, count in left_out})], 8)
    return f"{tasks} with {counts} labels: under *With few labels*."
