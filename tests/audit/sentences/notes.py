"""The notes under the comparison table."""

from __future__ import annotations

from tests.audit.computing.robustness import sometimes
from tests.audit.computing.tuning import counts as seed_counts
from tests.audit.computing.tuning import with_tuned
from tests.audit.computing.verdicts import best, same_networks, versus
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, listed

MARKS = "▲ better, ▼ worse, ≈ equivalent, ? not resolvable with these seeds"
WIDE = (
    ": each as wide as its verdict among all of its column takes (Holm's method at 5 %), and 95 % or more; with 95 % "
    "confidence none of a column leaves out a true 0 (comparisons.csv has plain 95 % ones)"
)

ANY_LOOK = ": they hold at every number of seeds at once, so that seeds could be added in sight of them"


def seeds_of_cells(facts: Facts) -> str:
    counts = seed_counts(facts)
    if len(counts) == 1:
        asked = facts.manifest["seeds"]
        return count(counts[0], "seed") + (f" of the {asked} that were asked for" if counts[0] < asked else "")
    return f"{counts[0]} to {counts[-1]} seeds (a cell of fewer than {counts[-1]} says so in brackets)"


@sentence(
    "± is the standard deviation over {seeds}; brackets are {brackets} of the paired difference from {base}, over "
    "seeds{wide}; {marks}."
)
def spreads(facts: Facts, found: Found, where: Where) -> Found:
    families, kind, wide = [len(versus(facts, task)) for task in facts.tasks], "intervals", WIDE
    if facts.anytime:
        kind = "confidence sequences"
        wide = f"; each is{WIDE.removeprefix(': each')}".replace("column leaves", "column ever leaves")
    is_crossed = any(same_networks(one, task) for one in with_tuned(facts) for task in one.tasks)
    return {
        "seeds": seeds_of_cells(facts),
        "brackets": f"95 % {kind}" if max(families) < 2 else kind,
        "base": facts.baseline,
        "wide": (ANY_LOOK if facts.anytime else "") + ("" if max(families) < 2 else wide),
        "marks": MARKS + (", = the same network, since the task uses no decoder" if is_crossed else ""),
    }


@sentence("Bold is resolvably the best.")
def bold(facts: Facts, found: Found, where: Where) -> Found:
    if not any(best(one, task) for one in with_tuned(facts) for task in one.tasks):
        raise Wrong("none is")
    return {}


@sentence("{tasks} with {numbers} labels: under *With few labels*.")
def further_numbers(facts: Facts, found: Found, where: Where) -> Found:
    further = [task.rpartition("-") for task in facts.tasks if task not in facts.head]
    labels = [TASKS[task].label for task in dict.fromkeys(task for task, _, _ in further)]
    numbers = sorted({int(number) for _, _, number in further})
    return {"tasks": listed(labels), "numbers": listed([f"{number:,}" for number in numbers], 8)}


@sentence("A CVAE's ELBO bounds log p(x|y); less ln 10 it bounds log p(x, y) and compares with a VAE's.")
def joint(facts: Facts, found: Found, where: Where) -> Found:
    if "cvae" not in facts.tasks:
        raise Wrong("no CVAE")
    return {}


@sentence("Parameters and speed are of the task {label}; ×: against the baseline.")
def whose(facts: Facts, found: Found, where: Where) -> Found:
    return {"label": TASKS[facts.own_task].label}


@sentence(
    "Fewer than 6 seeds: the verdicts rest on paired t intervals, that is on roughly normal differences (below 6 pairs "
    "a distribution-free sign-flip test can't reach 5 %)."
)
def few_seeds(facts: Facts, found: Found, where: Where) -> Found:
    rows = [row for one in with_tuned(facts) for task in one.tasks for row in versus(one, task).values()]
    if facts.anytime or not any(row.differences.n < 6 and row.verdict != "unresolved" for row in rows):
        raise Wrong("no verdict rests on fewer than six")
    return {}


@sentence("± is the standard deviation over seeds{brackets}.")
def in_the_table_of_parts(facts: Facts, found: Found, where: Where) -> Found:
    pair = len(facts.manifest["archs"]) == 2
    kind = "confidence sequences" if facts.anytime else "t intervals"
    words = f"; brackets are 95 % {kind} of the paired difference over seeds, each for its row alone"
    return {"brackets": words if pair else ""}


@sentence("Each dot is a run, each diamond a mean with its 95 % interval over seeds{crosses}.")
def dots(facts: Facts, found: Found, where: Where) -> Found:
    if len(facts.values(facts.tasks[0])) < 2:
        raise Wrong("one seed has no interval")
    is_crossed = any(sometimes(facts, task) for task in facts.tasks)
    return {"crosses": ", each × a run that collapsed" if is_crossed else ""}
