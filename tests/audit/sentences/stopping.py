"""How many seeds there are: added until settled, or fixed beforehand with a warning not to add more."""

from __future__ import annotations

from tests.audit.computing.tuning import with_tuned
from tests.audit.computing.verdicts import versus
from tests.audit.facts import Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence

MOST_DRAWN = 12


def only_until_settled(facts: Facts) -> None:
    if not facts.anytime:
        raise Wrong("the number of seeds was fixed beforehand")


@sentence(
    "Adding seeds and looking again until something is resolved calls up to 31 % of identical pairs different "
    "(simulated, a look after every seed up to 50): `--until-sure` adds seeds with intervals that hold at any look."
)
def peeking(facts: Facts, found: Found, where: Where) -> Found:
    rows = [row for one in with_tuned(facts) for task in one.tasks for row in versus(one, task).values()]
    if facts.anytime or not any(row.verdict == "unresolved" for row in rows):
        raise Wrong("seeds were added soundly, or all is resolved")
    return {}


@sentence("Verdicts are on means, and assume roughly symmetric differences, however many seeds there are.")
@sentence(
    "Every other interval on this page, as of a single mean, a factor or a speed, is an ordinary one for the number of "
    "seeds reached."
)
@sentence("<details><summary>When each comparison was settled</summary>")
@sentence(
    "*Settled at*: the paired seeds after which the interval, at the level that its verdict is read from, first said "
    "what it says now."
)
@sentence(
    "*Would settle at*: where an open one comes to a verdict if the difference and its spread stay as they are; in "
    "about half of all cases it is sooner."
)
def of_sequences(facts: Facts, found: Found, where: Where) -> Found:
    only_until_settled(facts)
    return {}


@sentence(
    "Seeds were added to the comparisons that were still open, from {first} on and up to {most}{limit}; it ended when "
    "{ended}."
)
def rounds(facts: Facts, found: Found, where: Where) -> Found:
    only_until_settled(facts)
    rule = facts.manifest["stopping"]
    ended = {
        "settled": "all were settled",
        "most seeds": "the most seeds were reached",
        "minutes": "the time was used up",
        "stopped": "the job was stopped",
    }
    return {
        "first": str(rule["first_seeds"]),
        "most": str(rule["max_seeds"]),
        "limit": f", for at most {rule['max_minutes']:g} minutes" if rule["max_minutes"] else "",
        "ended": ended[rule["ended"]],
    }


@sentence("![The difference from {base} and its confidence sequence after each paired seed](figures/settled.png)")
@sentence(
    "Dots{which}: the mean difference from {base} after each paired seed; the band is what its confidence sequence "
    "leaves open by then, cut where it would flatten the rest; grey: differences said not to matter; a ring: settled."
)
def figure(facts: Facts, found: Found, where: Where) -> Found:
    only_until_settled(facts)
    total = sum(len(versus(facts, task)) for task in facts.tasks)
    which = f" ({MOST_DRAWN} of {total} comparisons: open ones first, then those that took most seeds)"
    return {"base": facts.baseline, "which": which if total > MOST_DRAWN else ""}


@sentence("- Over the {n} seeds that all of the grid have.")
def of_the_grid(facts: Facts, found: Found, where: Where) -> Found:
    only_until_settled(facts)
    own = facts.all_runs[facts.all_runs["task"] == where.task].groupby("arch")["seed"].nunique()
    if own.nunique() < 2:
        raise Wrong("all have as many")
    return {"n": str(own.min())}
