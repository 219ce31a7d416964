"""Write the answer in a paragraph that claims no more than the verdicts do."""

from __future__ import annotations

import math

from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.findings.sizes import own_task, sizes
from reports.findings.speed_ratios import disturbed_archs, machines_of_speeds, training_ratios
from reports.markup.escape import md
from reports.wording.answer_of_many import PREPOSITIONS, VERDICT_WORDS, sentences_for_many
from reports.wording.budget import budget, of_a_run, still_improving
from reports.wording.design import deviations_of_verdicts
from reports.wording.formatting import LIKELIHOOD_IN_WORDS, interval, natural_list, number, plural, ratio
from reports.wording.machines import SEVERAL
from reports.wording.phrases import (
    difference_with_unit,
    measured_quantity,
    same_network_note,
    seeds_needed_note,
    seeds_of,
    subject,
    value_with_unit,
    winner_lead,
    winner_phrase,
)
from reports.wording.racing.said import in_the_answer as race_in_the_answer
from reports.wording.robustness.collapses import in_the_answer as collapses_in_the_answer
from reports.wording.speeds import basis_of
from reports.wording.stopping.settled import how_added
from reports.wording.tuning import whether_it_holds


def answer(experiment: Experiment) -> str:
    """Return the paragraph as Markdown: one sentence or two per task, then cost, failures, what is not as planned."""
    rankings = [ranking for ranking in experiment.head_rankings if ranking.order]
    if not any(ranking.order for ranking in experiment.shown_rankings):
        return f"**No run finished: there is no answer.** {failures(experiment)}".strip()
    one_seed = bool(rankings) and all(ranking.one_seed for ranking in rankings)
    sentences = ["**One seed: no interval, no verdict.**"] if one_seed else []
    said: set[str] = set()
    for ranking in experiment.head_rankings:
        if ranking.order:
            sentences += _task(ranking, len(experiment.order), _context(experiment, ranking, said))
        sentences.append(whether_it_holds(experiment, ranking))
    sentences.append(race_in_the_answer(experiment))
    sentences += collapses_in_the_answer(experiment)
    sentences += [still_improving(experiment), cost(experiment), main_factor(experiment), failures(experiment)]
    sentences.append(deviations_of_verdicts(experiment))
    return " ".join(filter(None, sentences))


def _task(ranking: Ranking, archs: int, context: str) -> list[str]:
    """Return the sentences on one task, of which `archs` architectures were asked for."""
    if len(ranking.distinct) == 1:
        sentences = [_alone(ranking, archs, context)]
    elif len(ranking.distinct) == 2 and ranking.baseline in ranking.order:
        sentences = [_pair(ranking, context)]
    else:
        sentences = sentences_for_many(ranking, context)
    return [*sentences, same_network_note(ranking)]


def _context(experiment: Experiment, ranking: Ranking, said: set[str]) -> str:
    """Return in parentheses on how many seeds, what budget and pixels of what kind a result stands; add it to `said`.

    What `said` holds already is not repeated; empty when nothing is new.
    """
    words = [seeds] if (seeds := seeds_of(ranking)) else []
    if seeds and ranking.versus_baseline and (added := how_added(experiment)):
        words.append(added)
    if spent := budget(experiment.manifest, experiment.runs):
        words.append(spent)
    if of_run := of_a_run(experiment, ranking.task):
        words.append(of_run)
    if ranking.metric.likelihood and experiment.likelihood:
        words.append(LIKELIHOOD_IN_WORDS.get(experiment.likelihood, experiment.likelihood))
    new = [word for word in words if word not in said]
    said.update(new)
    return f" ({', '.join(new)})" if new else ""


def _alone(ranking: Ranking, archs: int, context: str) -> str:
    """Say what the only network with a result reaches."""
    arch, cell = ranking.distinct[0], ranking.cells[ranking.distinct[0]]
    brackets = interval(ranking.metric, cell.low, cell.high)
    text = f"{md(arch)} reaches {value_with_unit(ranking.metric, cell.mean)} of {measured_quantity(ranking)}"
    text += f" {brackets}" if brackets else ""
    if archs == len(ranking.order):
        return f"**{text}**{context}."
    return f"{text}{context}; no other {'network' if ranking.same_as else 'architecture'} has a result there."


def _pair(ranking: Ranking, context: str) -> str:
    """Say how an architecture compares with the baseline, whichever of the two won."""
    metric, base = ranking.metric, ranking.baseline
    other = next(arch for arch in ranking.distinct if arch != base)
    row = ranking.versus_baseline[other]
    if row.verdict in ("better", "worse"):
        winner, loser = (other, base) if row.verdict == "better" else (base, other)
        text = (
            f"{winner_phrase(ranking, winner)}: {winner_lead(row, metric, measured_quantity(ranking))} over {md(loser)}"
        )
        return f"**{text}**{context}."
    values = " vs ".join(f"{value_with_unit(metric, ranking.cells[arch].mean)} ({md(arch)})" for arch in (base, other))
    if row.n < 2:
        short = "" if ranking.one_seed else "; too few paired seeds for a verdict"
        return f"{subject(ranking)}: {values} of {measured_quantity(ranking)}{context}{short}."
    gap = difference_with_unit(metric, row.difference, row.low, row.high)
    found = f"{values} of {measured_quantity(ranking)}, difference {gap}{context}"
    if row.verdict == "equivalent":
        margin = f"{number((metric.margin or math.nan) * metric.scale, 1)} {metric.unit_of_difference}"
        return f"{subject(ranking)} they are equivalent to within ±{margin}: {found}."
    return f"{subject(ranking)} they can't be told apart: {found}{seeds_needed_note(row)}."


def cost(experiment: Experiment) -> str:
    """Compare the parameters and the training speed of two architectures; of more, say the range of sizes."""
    counted = sizes(experiment)
    order = [arch for arch in experiment.order if arch in counted]
    if len(order) == 2 and experiment.baseline in order and len({counted[arch].task for arch in order}) == 1:
        base = experiment.baseline
        other = next(arch for arch in order if arch != base)
        task = own_task(experiment)
        found = training_ratios(experiment, task).get(other)
        size = f"{md(other)} has {ratio(counted[other].total / counted[base].total)} the parameters of {md(base)}"
        if found is None and machines_of_speeds(experiment, task):
            return f"{size}; their training speeds are of different {SEVERAL} and are not compared."
        if found is None or found.n < 2:
            return f"{size}."
        if not found.resolved:
            return f"{size}; their training speeds can't be told apart."
        disturbed = bool(disturbed_archs(experiment, task) & set(order))
        beside = ", beside other work on the machine" if disturbed and found.sessions else ""
        brackets = f"[{found.low:.2f}, {found.high:.2f}]"
        faster = f"trains {ratio(found.value)} as fast"
        if experiment.matching is not None:  # whose steps are other ones, and with them what a run takes
            faster = f"trains on {ratio(found.value)} as many images a second"
        return f"{size} and {faster} {brackets} ({basis_of(found, disturbed)}){beside}."
    if len(order) > 2:
        totals = [counted[arch].total for arch in order]
        return f"Sizes run from {min(totals):,.0f} to {max(totals):,.0f} parameters."
    return ""


def verdict_line(ranking: Ranking, arch: str) -> str:
    """Return the verdict on one architecture against the baseline, with its difference, as Markdown."""
    row, where = ranking.versus_baseline.get(arch), f"({md(ranking.description.label)})"
    if row is None:
        return f"{md(arch)} is not compared with {md(ranking.baseline)} {where}: no seed that both have finished"
    if row.verdict not in VERDICT_WORDS:
        return f"{md(arch)} is the same network as {md(row.same_as)} {where}"
    difference = difference_with_unit(ranking.metric, row.difference, row.low, row.high, measured_quantity(ranking))
    verdict = f"{VERDICT_WORDS[row.verdict]} {PREPOSITIONS[row.verdict]} {md(ranking.baseline)}"
    line = f"{md(arch)} is {verdict} {where}: {difference}"
    if row.verdict != "unresolved":
        return line
    return f"{line}; one seed: no interval, no verdict" if row.n < 2 else line + seeds_needed_note(row)


def main_factor(experiment: Experiment) -> str:
    """Say what the largest effects of a grid's factors are worth on the first task; empty with one seed or factor."""
    found = [analysis for analysis in experiment.factor_analyses if len(analysis.factors) > 1]
    if not found or not found[0].headline:
        return ""
    return f"On the grid ({md(experiment.label(found[0].task))}): {md(found[0].headline)}"


def failures(experiment: Experiment) -> str:
    """Count and name the failed and missing runs, which are in no number."""
    failed = [f"{md(row.arch)} {md(row.task)} seed {row.seed}" for row in experiment.failed.itertuples(index=False)]
    parts = []
    if failed:
        count = f"{len(failed)} of {plural(experiment.planned, 'run')} failed"
        parts.append(f"{count} ({natural_list(failed, 3)}) and {'is' if len(failed) == 1 else 'are'} in no number.")
    if absent := experiment.without_record:
        parts.append(f"{absent} of {plural(experiment.planned, 'run')} {'has' if absent == 1 else 'have'} no record.")
    return " ".join(parts)
