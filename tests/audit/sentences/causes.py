"""What caused the difference: effects of factors; and whether parameters are the reason: matched pairs."""

from __future__ import annotations

import re
from collections import Counter

from tests.audit.computing.effects import interactions, main_effects, over_cells, shares, within
from tests.audit.computing.grids import grid
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


@sentence("- {factor} {claims}.")
def main_effect(facts: Facts, found: Found, where: Where) -> Found:
    own = [each for each in main_effects(facts, where.task, where.section) if each.factors == (found["factor"],)]
    if not own:
        raise Wrong("no such factor")
    claims = "; ".join(f"{each.arrow} {each.claim}" for each in own)
    return {"factor": found["factor"], "claims": claims + over_cells(own)}


@sentence("- No two-way interaction is resolved{corrected}; the largest is {name}, {amount}.")
def no_interaction(facts: Facts, found: Found, where: Where) -> Found:
    both = interactions(facts, where.task, where.section)
    if any(each.verdict == "resolved" for each in both):
        raise Wrong("one is resolved")
    most = max(both, key=lambda each: abs(each.sample.mean))
    return {"corrected": most.corrected, "name": most.name, "amount": most.amount}


@sentence("- {step} {verb} at {by} {level}: {listed}.")
@sentence("- What {step} is worth depends on {by}: {listed}.")
def interaction(facts: Facts, found: Found, where: Where) -> Found:
    resolved = [one for one in interactions(facts, where.task, where.section) if one.verdict == "resolved"]
    pairs = {one.factors for one in resolved}
    own = [within(facts, where.task, where.section, *pair) for pair in sorted(pairs)]
    step, by, rows = {(one[0].split()[0], one[1]): one for one in own}[found["step"].split()[0], found["by"]]
    listed = ", ".join(f"{row.amount} at {by} {row.level}" for row in rows)
    expected = {"step": step, "by": by, "listed": listed}
    levels = [row.level for row in rows if row.verdict == "resolved"]
    is_single = len(levels) == 1 and len(rows) > 1
    if is_single != ("verb" in found):
        raise Wrong(f"resolved at {levels}")
    if is_single:
        others = {row.verdict for row in rows} - {"resolved"}
        expected |= {"verb": "matters only" if others == {"negligible"} else "is resolved only", "level": levels[0]}
    return expected


REST = ("seed", "higher interactions", "residual", "shared (unbalanced)")


@sentence("- Of the variance over all {runs} runs: {listed}.")
def variance(facts: Facts, found: Found, where: Where) -> Found:
    own, parts = grid(facts, where.task, where.section), shares(facts, where.task, where.section)
    named = [name for name in parts if name not in REST and (name in own.levels or parts[name] >= 0.005)]
    named.sort(key=lambda name: -parts[name])
    rest = [name for name in REST if abs(parts[name]) >= 0.005]
    words = [", ".join(f"{n} {percent(parts[n]) if abs(parts[n]) >= 0.005 else 'under 1 %'}" for n in each)
             for each in (named, rest) if each]  # fmt: skip
    return {"runs": str(own.runs), "listed": "; ".join(words)}


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
