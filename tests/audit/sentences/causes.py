"""What caused the difference: effects of factors; and whether parameters are the reason: matched pairs."""

from __future__ import annotations

import re
from collections import Counter

from tests.audit.computing.effects import cube, effects, shares, within
from tests.audit.computing.verdicts import WORDS, distinct, matched_pairs
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, gap, percent, ratio

MOST_OPEN = 12


@sentence("**{label}, {metric}**")
def heading_of_a_task(facts: Facts, found: Found, where: Where) -> Found:
    where.task = facts.task(found["label"])
    return {"label": found["label"], "metric": TASKS[where.task].name_of_metric}


@sentence("- {factor} {a}→{b} {claim} (a mean over {cells} matched cells).")
def main_effect(facts: Facts, found: Found, where: Where) -> Found:
    (effect,) = (one for one in effects(facts, where.task) if one.name == "{factor} {a}→{b}".format(**found))
    n = effect.sample.n
    claim = {
        "negligible": f"does not matter: {effect.amount}, inside ±{effect.margin}",
        "resolved": f"is worth {effect.amount}",
        "unresolved": f"is not resolved with {n} seeds{effect.corrected}: {effect.amount}",
    }[effect.verdict]
    return {**found, "claim": claim, "cells": str(effect.cells)}


@sentence("- No two-way interaction is resolved{corrected}; the largest is {name}, {amount}.")
def no_interaction(facts: Facts, found: Found, where: Where) -> Found:
    both = effects(facts, where.task)[2]
    if both.verdict == "resolved":
        raise Wrong("it is resolved")
    return {"corrected": both.corrected, "name": both.name, "amount": both.amount}


@sentence("- {step} {verb} at {by} {level}: {listed}.")
@sentence("- What {step} is worth depends on {by}: {listed}.")
def interaction(facts: Facts, found: Found, where: Where) -> Found:
    if effects(facts, where.task)[2].verdict != "resolved":
        raise Wrong("no interaction is resolved")
    step, by, rows = within(facts, where.task)
    listed = ", ".join(f"{row.amount} at {by} {level}" for level, row in rows.items())
    expected = {"step": step, "by": by, "listed": listed}
    resolved = [level for level, row in rows.items() if row.verdict == "resolved"]
    if (len(resolved) == 1) != ("verb" in found):
        raise Wrong(f"resolved at {resolved}")
    if len(resolved) == 1:
        others = {row.verdict for row in rows.values()} - {"resolved"}
        expected |= {"verb": "matters only" if others == {"negligible"} else "is resolved only", "level": resolved[0]}
    return expected


@sentence("- Of the variance over all {runs} runs: {listed}.")
def variance(facts: Facts, found: Found, where: Where) -> Found:
    y, steps = cube(facts, where.task)
    parts = shares(facts, where.task)
    both = f"{steps[0][0]} × {steps[1][0]}"
    named = [steps[0][0], steps[1][0], *([both] if parts[both] >= 0.005 else [])]
    named.sort(key=lambda name: -parts[name])
    rest = [name for name in ("seed", "residual") if parts[name] >= 0.005]
    words = [", ".join(f"{n} {percent(parts[n]) if parts[n] >= 0.005 else 'under 1 %'}" for n in own)
             for own in (named, rest) if own]  # fmt: skip
    return {"runs": str(y.size), "listed": "; ".join(words)}


@sentence("**{label}**: {verdict}.")
def matched(facts: Facts, found: Found, where: Where) -> Found:
    where.task = facts.task(found["label"])
    pairs = matched_pairs(facts, where.task)
    counts = Counter(row.verdict for _, _, row in pairs)
    if not pairs:
        text = "no two of these architectures are matched like that, so this run can't separate the two"
    elif len(pairs) == 1:
        text = _single(facts, where.task)
    else:
        tally = ", ".join(f"{word} in {counts[verdict]}" for verdict, word in WORDS.items() if counts[verdict])
        text = f"of {count(len(pairs), 'matched pair')} (within 10 % in size), "
        text += f"the one with the larger conv share is {tally}"
    return {"label": found["label"], "verdict": text}


def _single(facts: Facts, task: str) -> str:
    ((more, less, row),) = matched_pairs(facts, task)
    own = TASKS[task]
    sizes = [facts.first(task, arch) for arch in (more, less)]
    shares_ = [percent(size["params_conv"] / size["params_total"]) for size in sizes]
    difference = gap(row.differences.mean, row.low, row.high, own.digits)
    size = ratio(sizes[0]["params_total"] / sizes[1]["params_total"])
    names = f"{more} ({shares_[0]} conv) against {less} ({shares_[1]} conv)"
    return f"{names}, at {size} its parameters: {difference} {row.mark}"


CONCLUSIONS = {
    (True, True): "So the share of convolutions alone does not decide.",
    (True, False): "That agrees with the idea.",
    (False, True): "That is the opposite of the idea: more weights in convolutions did not help.",
    (False, False): "So no effect of the conv share is resolved among such pairs.",
}


@sentence("So {conclusion}.")
@sentence("That {conclusion}.")
def conclusion(facts: Facts, found: Found, where: Where) -> Found:
    verdicts = {row.verdict for _, _, row in matched_pairs(facts, where.task)}
    if not verdicts:
        raise Wrong("no pair")
    text = CONCLUSIONS["better" in verdicts, "worse" in verdicts]
    return {"conclusion": re.sub(r"^(So|That) |\.$", "", text)}


@sentence("One pair differs in more than this share, so it can refute the rule but not establish one.")
def caution(facts: Facts, found: Found, where: Where) -> Found:
    if len(matched_pairs(facts, where.task)) != 1:
        raise Wrong("not one pair")
    return {}


@sentence("Brackets are {what}.")
def brackets(facts: Facts, found: Found, where: Where) -> Found:
    families = [row.family for task in facts.tasks for _, _, row in matched_pairs(facts, task)]
    kind = "confidence sequences" if facts.anytime else "intervals"
    wide = (
        f"{kind} over seeds, each as wide as its verdict among all pairs of the task takes (Holm's method at 5 %), "
        "and 95 % or more"
    )
    return {"what": wide if max(families) > 1 else f"95 % {kind} of the paired difference over seeds"}


@sentence("Dotted lines join such pairs: parameters within 10 % of each other, not equal.")
def dotted(facts: Facts, found: Found, where: Where) -> Found:
    if not any(matched_pairs(facts, task) for task in facts.tasks if len(distinct(facts, task)) > 1):
        raise Wrong("no pair")
    return {}


@sentence("<details><summary>All {n} pairs</summary>")
def folded(facts: Facts, found: Found, where: Where) -> Found:
    n = sum(len(matched_pairs(facts, task)) for task in facts.tasks if len(distinct(facts, task)) > 1)
    if n <= MOST_OPEN:
        raise Wrong("few enough to be open")
    return {"n": str(n)}
