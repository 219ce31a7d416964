"""Say how what a page shows was chosen by a race, what that promises, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from bench.statistics.estimates import ALPHA
from reports.findings.experiment import Experiment
from reports.findings.racing.raced import Raced
from reports.markup.escape import md
from reports.wording.formatting import natural_list, number, plural, signed
from reports.wording.phrases import value_with_unit
from reports.wording.stopping.settled import minutes_in_words

NO_ORDER = "Nothing is promised of the order among the others, some of which may be out by bad luck."
NOT_CONFIRMED = "No fresh seeds confirm it; `--confirm N` adds some."
FLATTERS = "by which it was chosen, and which tend to flatter it"


def in_the_answer(experiment: Experiment) -> str:
    """Say how what is shown was chosen, and whether its seeds had a part in that; empty without a race."""
    raced = experiment.race
    if raced is None:
        return ""
    many = len(raced.candidates)
    if raced.winner is None:
        return f"Of a race of {many} {_why_none(raced)}: nothing was chosen."
    if raced.ended == "stopped":
        left = f"{len(raced.race.survivors)} left after {plural(raced.seeds, 'seed')}"
        return (
            f"A race of {many} is not over ({left}, {md(raced.winner)} ahead): these numbers are of its own runs, and "
            "may flatter who is ahead."
        )
    fewest, most = (fold(one.seeds for one in raced.candidates) for fold in (min, max))
    seeds = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    how = f"chosen from {many} by a race of {seeds} ({runs_used(raced)})"
    name = f"{md(raced.winner)}, the baseline itself," if raced.winner == experiment.baseline else md(raced.winner)
    if raced.confirmed:
        return f"{name} was {how}; these numbers are of {_fresh(raced)} that had no part in it."
    return f"{name} was {how}; these numbers are of the race's own runs, {FLATTERS}."


def runs_used(raced: Raced) -> str:
    """Return how many runs it took, and how many the full grid would have: "112 runs instead of 400"."""
    return f"{plural(raced.runs, 'run')} instead of {raced.full_grid:,}"


def _fresh(raced: Raced) -> str:
    return plural(raced.confirmed, "fresh seed")


def how_it_went(experiment: Experiment, raced: Raced) -> str:
    """Say by what rule seeds were added, and what ended it."""
    task = md(experiment.label(raced.task))
    a_round = "one more seed" if raced.at_once == 1 else f"{raced.at_once} more seeds"
    limit = "" if raced.max_minutes is None else f", for at most {minutes_in_words(raced.max_minutes)}"
    return (
        f"{plural(len(raced.candidates), 'candidate')} raced for the best validation {md(raced.metric.label)} ({task}, "
        f"{plural(raced.epochs, 'epoch')} a run): all began with {plural(raced.first_seeds, 'seed')}, whoever was "
        f"shown to be worse than the best was out, and the others had {a_round} a round, up to {raced.max_seeds:,}"
        f"{limit}. {_why_it_ended(raced)}"
    )


def _why_it_ended(raced: Raced) -> str:
    seeds, left = plural(raced.seeds, "seed"), len(raced.race.survivors)
    if raced.winner is None:
        return f"It has no winner: {_why_none(raced)}."
    winner = md(raced.winner)
    beside = f"{left - 1} left beside {winner}"
    return {
        "one left": f"It ended after {seeds}, when {winner} alone was left.",
        "close": f"It ended after {seeds}, with {beside}, none of which can be better{by_more(raced)}.",
        "most seeds": f"It ended at the most seeds, {raced.seeds:,}, with {beside}.",
        "budget": f"It ended after {seeds}, when its time was used up, with {beside}.",
        "stopped": f"It is not over: the job was stopped after {seeds}, with {beside}.",
    }[raced.ended]


def _why_none(raced: Raced) -> str:
    return "no run finished" if raced.ended == "all failed" else "no round is over"


def by_more(raced: Raced) -> str:
    """Return "by more than 0.5 nats", the margin; empty where every difference matters."""
    metric = raced.metric
    if not metric.margin:
        return ""
    unit = f" {metric.unit_of_difference}" if metric.unit_of_difference else ""
    return f" by more than {number(metric.margin * metric.scale, 1)}{unit}"


def who_is_left(raced: Raced) -> list[str]:
    """Return a sentence on those that may be better than the winner, and one on those that can't be."""
    if raced.winner is None:
        return []
    winner, still, resting = md(raced.winner), raced.placed("open"), raced.placed("at rest")
    sentences = []
    if still:
        sentences.append(f"Not told apart from {winner}, and open: {natural_list(list(map(md, still)), 6)}.")
    if resting:
        they = natural_list(list(map(md, resting)), 6)
        sentences.append(f"Left, but not able to be better than {winner}{by_more(raced)}: {they}.")
    return sentences


def promise(raced: Raced) -> str:
    """Say what is promised of who is out, and of the winner."""
    chance = f"at most {100 * ALPHA:.0f} %"
    text = (
        f"The truly best of {len(raced.candidates)} is thrown out with a chance of {chance}, of normal differences, at "
        "all looks together"
    )
    if raced.winner is not None and raced.ended != "stopped":
        same = f"within the same {100 * ALPHA:.0f} %"
        text += f"; {same} no other is better than {md(raced.winner)}{by_more(raced)}, unless it is open"
    return f"{text}. {NO_ORDER}"


def what_it_took(experiment: Experiment, raced: Raced) -> str:
    """Say how many runs and how much training the race took, what that saved, and which runs have no result."""
    saved = 1 - raced.runs / raced.full_grid
    text = f"The race took {plural(raced.runs, 'run')} of the full grid's {raced.full_grid:,}"
    if raced.ended != "stopped":
        text += f", {100 * saved:.0f} % fewer"
    if raced.confirmed:
        text += f"; its confirmation is {plural(experiment.planned, 'run')} more"
    sentences = [f"{text}."]
    if finished := raced.runs - raced.failed:
        sentences.append(
            f"Its {plural(finished, 'finished run')} trained for {number(raced.train_seconds, 0)} s in all."
        )
    if raced.failed:
        sentences.append(
            f"{raced.failed:,} of its runs failed: a seed at which a run failed is left out of the pairs with it."
        )
    if raced.missing:
        have = "has" if raced.missing == 1 else "have"
        of = plural(raced.runs + raced.missing, "run")
        sentences.append(f"{raced.missing:,} of the {of} that it came to {have} no record.")
    return " ".join(sentences)


def contradiction(raced: Raced) -> str:
    """Say that the records that are left tell of another race than the job had; empty if they tell of the same."""
    ended, winner = raced.as_written
    if (ended, winner) == (raced.ended, raced.winner):
        return ""
    was = f"{'no winner' if winner is None else md(winner)} ({ended})"
    now = f"{'no winner' if raced.winner is None else md(raced.winner)} ({raced.ended})"
    return f"> ⚠ **The job had {was}; the records that are left have {now}, as is shown here.**"


def own_number(experiment: Experiment, raced: Raced) -> list[str]:
    """Return sentences on the winner's score in the race beside that of fresh seeds, and why the first flatters it.

    Both are of validation images, as the race was judged: only like is compared with like.
    """
    winner = raced.winner
    found = None if winner is None else raced.of(winner)
    if winner is None or found is None or not found.finished:
        return []
    racing = {one.arch: one.values for one in raced.candidates}
    own, fresh = (_numbers(raced, winner, experiment.baseline, scores) for scores in (racing, raced.fresh))
    score = f"a validation {md(raced.metric.label)} of {own}"
    if raced.ended == "stopped":
        return [f"So far {md(winner)} has {score}."]
    if not fresh:
        sentences = [f"In the race {md(winner)} had {score}, of the seeds {FLATTERS}."]
        return sentences if raced.confirmed else [*sentences, NOT_CONFIRMED]
    sentences = [
        f"In the race {md(winner)} had {score}; on fresh seeds it has {fresh}.",
        f"The race's own number is of the seeds {FLATTERS}: the one to quote is the test score of the fresh seeds.",
    ]
    epochs = sorted({int(value) for value in experiment.runs["epochs"].dropna()})
    if epochs and epochs != [raced.epochs]:
        span = plural(epochs[0], "epoch") if len(epochs) == 1 else f"{epochs[0]:,} to {epochs[-1]:,} epochs"
        sentences.append(
            f"The two are not of one recipe: the race's runs had {plural(raced.epochs, 'epoch')}, those of the "
            f"confirmation {span}."
        )
    return sentences


def _numbers(raced: Raced, winner: str, baseline: str, scores: Mapping[str, Mapping[int, float]]) -> str:
    """Return a mean over seeds and the difference to the baseline over paired ones, without an interval.

    Empty if no run of the winner finished.
    """
    own = {seed: value for seed, value in sorted(scores.get(winner, {}).items()) if math.isfinite(value)}
    if not own:
        return ""
    metric, others = raced.metric, scores.get(baseline, {})
    text = f"{value_with_unit(metric, float(np.mean(list(own.values()))))} over {plural(len(own), 'seed')}"
    pairs = [value - others[seed] for seed, value in own.items() if math.isfinite(others.get(seed, math.nan))]
    if winner == baseline or not pairs:
        return text
    unit = f" {metric.unit_of_difference}" if metric.unit_of_difference else ""
    gap = f"{signed(float(np.mean(pairs)) * metric.scale, metric.digits)}{unit}"
    return f"{text} ({gap} against {md(baseline)}, {plural(len(pairs), 'paired seed')})"


def about_figure(raced: Raced, drawn: int, named: int) -> str:
    """Say what the figure shows, and of how many candidates where that is not all."""
    total, parts = len(raced.candidates), []
    if drawn < total:
        parts.append(f"{drawn:,} of {total:,} candidates")
    if named < drawn:
        parts.append(f"the first {named:,} with their names")
    which = f" ({', '.join(parts)})" if parts else ""
    return (
        f"Above{which}: a dot for each seed, hollow where the run failed; ✕: out; ★: the winner, or who is ahead; "
        "ring: left beside it. Below: how many were left after each round."
    )
