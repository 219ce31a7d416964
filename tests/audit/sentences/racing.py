"""A race: how what is shown was chosen, who was left and why it ended, what it promises and took, what is left out."""

from __future__ import annotations

import math

import numpy as np

from tests.audit.computing.racing import Race, against_baseline, entry, in_order, of, race, runs
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, listed, number, signed

NAMED, DRAWN = 30, 120


def by_margin(facts: Facts) -> str:
    task = TASKS[entry(facts)["task"]]
    return f" by more than {number(task.margin, 1)} {task.unit_of_difference}"


def won(facts: Facts) -> Race:
    """Return a race that is over and has a winner."""
    own = race(facts)
    if own.winner is None or own.ended == "stopped":
        raise Wrong(f"it ended by {own.ended}, {own.winner} ahead")
    return own


def without_winner(facts: Facts) -> str:
    own = race(facts)
    if own.winner is not None:
        raise Wrong(f"{own.winner} won, or is ahead")
    return "no run finished" if own.ended == "all failed" else "no round is over"


@sentence(
    "{winner} was chosen from {many} by a race of {seeds} ({runs} instead of {grid}); these numbers are of {fresh} "
    "that had no part in it."
)
@sentence(
    "{winner} was chosen from {many} by a race of {seeds} ({runs} instead of {grid}); these numbers are of the race's "
    "own runs, by which it was chosen, and which tend to flatter it."
)
def chosen(facts: Facts, found: Found, where: Where) -> Found:
    own, rule, counts = won(facts), entry(facts), runs(facts)["arch"].value_counts()
    numbers = set(facts.all_runs["seed"])
    if ("fresh" in found) == bool(numbers & set(runs(facts)["seed"])):
        raise Wrong(f"seeds {sorted(numbers)}")
    low, high = counts.min(), counts.max()
    is_base = own.winner == facts.baseline
    return {"winner": f"{own.winner}, the baseline itself," if is_base else str(own.winner),
            "many": str(len(rule["archs"])), "seeds": count(high, "seed") if low == high else f"{low} to {high} seeds",
            "runs": count(len(runs(facts)), "run"), "grid": f"{len(rule['archs']) * rule['max_seeds']:,}",
            "fresh": count(len(numbers), "fresh seed")}  # fmt: skip


@sentence(
    "A race of {many} is not over ({left} left after {seeds}, {ahead} ahead): these numbers are of its own runs, and "
    "may flatter who is ahead."
)
@sentence("It is not over: the job was stopped after {seeds}, with {others} left beside {ahead}.")
def not_over(facts: Facts, found: Found, where: Where) -> Found:
    own = race(facts)
    if own.ended != "stopped" or own.winner is None:
        raise Wrong(f"it ended by {own.ended}")
    return {"many": str(len(entry(facts)["archs"])), "left": str(len(own.left)), "seeds": count(own.seeds, "seed"),
            "ahead": own.winner, "others": str(len(own.left) - 1)}  # fmt: skip


@sentence("Of a race of {many} {why}: nothing was chosen.")
@sentence("It has no winner: {why}.")
def nobody(facts: Facts, found: Found, where: Where) -> Found:
    return {"many": str(len(entry(facts)["archs"])), "why": without_winner(facts)}


@sentence(
    "{many} candidates raced for the best validation {metric} ({task}, {epochs} a run): all began with {first} seeds, "
    "whoever was shown to be worse than the best was out, and the others had {further} a round, up to {most}{limit}."
)
def how(facts: Facts, found: Found, where: Where) -> Found:
    rule = entry(facts)
    epochs = {facts.record(run_id)["spec"]["epochs"] for run_id in rule["run_ids"]}
    if len(epochs) != 1:
        raise Wrong(f"epochs {epochs}")
    task, at_once = TASKS[rule["task"]], rule["at_once"]
    limit = f", for at most {rule['max_minutes']:g} minutes" if rule["max_minutes"] else ""
    return {"many": str(len(rule["archs"])), "metric": task.name_of_metric, "task": task.label,
            "epochs": count(*epochs, "epoch"), "first": str(rule["first_seeds"]), "most": str(rule["max_seeds"]),
            "further": "one more seed" if at_once == 1 else f"{at_once} more seeds", "limit": limit}  # fmt: skip


@sentence("It ended {how}.")
def ending(facts: Facts, found: Found, where: Where) -> Found:
    own = won(facts)
    seeds, beside = count(own.seeds, "seed"), f"with {len(own.left) - 1} left beside {own.winner}"
    texts = {
        "one left": f"after {seeds}, when {own.winner} alone was left",
        "close": f"after {seeds}, {beside}, none of which can be better{by_margin(facts)}",
        "most seeds": f"at the most seeds, {own.seeds}, {beside}",
        "budget": f"after {seeds}, when its time was used up, {beside}",
    }
    return {"how": texts[own.ended]}


@sentence("Not told apart from {winner}, and open: {names}.")
@sentence("Left, but not able to be better than {winner}{by}: {names}.")
def left(facts: Facts, found: Found, where: Where) -> Found:
    own = race(facts)
    which = own.rests if "by" in found else own.open
    names = [arch for arch in in_order(facts) if arch in which]
    if not names or own.winner is None:
        raise Wrong("there is nobody")
    return {"winner": own.winner, "by": by_margin(facts), "names": listed(names, 6)}


def metric(facts: Facts) -> str:
    return TASKS[entry(facts)["task"]].name_of_metric


def fresh(facts: Facts) -> dict[str, dict[int, float]]:
    """Return architecture → seed → validation score as it is shown, of the confirmation; NaN of a run that failed."""
    task, found = TASKS[entry(facts)["task"]], dict[str, dict[int, float]]()
    for row in facts.all_runs.itertuples():
        last = facts.record(row.run_id)["history"][-1] if row.status == "finished" else {}
        found.setdefault(row.arch, {})[row.seed] = last.get(f"val_{task.metric}", math.nan) * task.scale
    return found


def in_race(facts: Facts) -> tuple[str, str]:
    """Return the winner, and its numbers in the race."""
    own = race(facts)
    if own.winner is None:
        raise Wrong("there is none")
    return own.winner, numbers(facts, own.winner, of(facts, own.winner), against_baseline(facts, own.winner))


def numbers(facts: Facts, winner: str, scores: list[float], differences: list[float]) -> str:
    task = TASKS[entry(facts)["task"]]
    text = f"{number(float(np.mean(scores)), task.digits)} {task.unit} over {count(len(scores), 'seed')}"
    if winner == facts.baseline:
        return text
    gap = f"{signed(float(np.mean(differences)), task.digits)} {task.unit_of_difference}"
    return f"{text} ({gap} against {facts.baseline}, {count(len(differences), 'paired seed')})"


@sentence("In the race {winner} had a validation {metric} of {own}; on fresh seeds it has {fresh}.")
def confirmed(facts: Facts, found: Found, where: Where) -> Found:
    won(facts)
    winner, own = in_race(facts)
    table = fresh(facts)
    gaps = [value - table[facts.baseline][seed] for seed, value in table[winner].items()]
    of_winner = [value for value in table[winner].values() if math.isfinite(value)]
    shown = numbers(facts, winner, of_winner, [gap for gap in gaps if math.isfinite(gap)])
    return {"winner": winner, "metric": metric(facts), "own": own, "fresh": shown}


@sentence(
    "In the race {winner} had a validation {metric} of {own}, of the seeds by which it was chosen, and which tend to "
    "flatter it."
)
def not_confirmed(facts: Facts, found: Found, where: Where) -> Found:
    if race(facts).ended == "stopped" or entry(facts)["confirmed"]:
        raise Wrong("it is not over, or was confirmed")
    winner, own = in_race(facts)
    return {"winner": winner, "metric": metric(facts), "own": own}


@sentence("So far {winner} has a validation {metric} of {own}.")
def so_far(facts: Facts, found: Found, where: Where) -> Found:
    if race(facts).ended != "stopped":
        raise Wrong("it is over")
    winner, own = in_race(facts)
    return {"winner": winner, "metric": metric(facts), "own": own}


@sentence("No fresh seeds confirm it; `--confirm N` adds some.")
@sentence(
    "The race's own number is of the seeds by which it was chosen, and which tend to flatter it: the one to quote is "
    "the test score of the fresh seeds."
)
@sentence("Nothing is promised of the order among the others, some of which may be out by bad luck.")
@sentence(
    "![Each candidate along its seeds, where it was out, and how many were left after each round](figures/race.png)"
)
def of_every_race(facts: Facts, found: Found, where: Where) -> Found:
    entry(facts)
    return {}


@sentence("The two are not of one recipe: the race's runs had {own}, those of the confirmation {fresh}.")
def other_epochs(facts: Facts, found: Found, where: Where) -> Found:
    own, fresh = entry(facts)["epochs"], int(facts.only("epochs"))
    if own == fresh:
        raise Wrong("they have as many")
    return {"own": count(own, "epoch"), "fresh": count(fresh, "epoch")}


@sentence(
    "The truly best of {many} is thrown out with a chance of at most 5 %, of normal differences, at all looks "
    "together{more}."
)
def promise(facts: Facts, found: Found, where: Where) -> Found:
    own, more = race(facts), ""
    if own.winner is not None and own.ended != "stopped":
        more = f"; within the same 5 % no other is better than {own.winner}{by_margin(facts)}, unless it is open"
    return {"many": str(len(entry(facts)["archs"])), "more": more}


@sentence("The race took {runs} of the full grid's {grid}{saved}{more}.")
def took(facts: Facts, found: Found, where: Where) -> Found:
    rule, own = entry(facts), len(runs(facts))
    grid = len(rule["archs"]) * rule["max_seeds"]
    saved = "" if race(facts).ended == "stopped" else f", {100 * (grid - own) / grid:.0f} % fewer"
    more = f"; its confirmation is {count(len(facts.all_runs), 'run')} more" if rule["confirmed"] else ""
    return {"runs": count(own, "run"), "grid": f"{grid:,}", "saved": saved, "more": more}


@sentence("Its {runs} trained for {seconds} s in all.")
def trained(facts: Facts, found: Found, where: Where) -> Found:
    records = [facts.record(run_id) for run_id in entry(facts)["run_ids"]]
    seconds = [one["metrics"]["train_seconds"] for one in records if one["status"] == "finished"]
    if not seconds:
        raise Wrong("none finished")
    return {"runs": count(len(seconds), "finished run"), "seconds": f"{sum(seconds):,.0f}"}


@sentence("{n} of its runs failed: a seed at which a run failed is left out of the pairs with it.")
def failed(facts: Facts, found: Found, where: Where) -> Found:
    gone = int(runs(facts)["value"].isna().sum())
    if not gone:
        raise Wrong("none did")
    return {"n": str(gone)}


@sentence("{n} of the {of} that it came to {have} no record.")
def missing(facts: Facts, found: Found, where: Where) -> Found:
    planned = entry(facts)["planned"]
    gone = planned - len(runs(facts))
    if not gone:
        raise Wrong("all have one")
    return {"n": str(gone), "of": count(planned, "run"), "have": "has" if gone == 1 else "have"}


@sentence("> ⚠ **The job had {was}; the records that are left have {now}, as is shown here.**")
def contradiction(facts: Facts, found: Found, where: Where) -> Found:
    rule, own = entry(facts), race(facts)
    if (rule["ended"], rule["winner"]) == (own.ended, own.winner):
        raise Wrong("they agree")
    return {"was": f"{rule['winner'] or 'no winner'} ({rule['ended']})",
            "now": f"{own.winner or 'no winner'} ({own.ended})"}  # fmt: skip


@sentence(
    "Above{which}: a dot for each seed, hollow where the run failed; ✕: out; ★: the winner, or who is ahead; ring: "
    "left beside it."
)
@sentence("Below: how many were left after each round.")
def figure(facts: Facts, found: Found, where: Where) -> Found:
    many = len(entry(facts)["archs"])
    parts = [f"{DRAWN} of {many} candidates"] if many > DRAWN else []
    parts += [f"the first {NAMED} with their names"] if many > NAMED else []
    return {"which": f" ({', '.join(parts)})" if parts else ""}


@sentence("<details><summary>All {many} candidates</summary>")
def folded(facts: Facts, found: Found, where: Where) -> Found:
    return {"many": str(len(entry(facts)["archs"]))}


@sentence("{what} over a limit of size and not trained: {names}.")
@sentence("<details><summary>What is left out, and why ({n})</summary>")
def left_out(facts: Facts, found: Found, where: Where) -> Found:
    names = [one["arch"] for one in facts.manifest["left_out"]]
    are = "is" if len(names) == 1 else "are"
    return {"what": f"{count(len(names), 'architecture')} {are}", "names": listed(names), "n": str(len(names))}
