"""What stands under the pictures, and what they say where they are not seen."""

from __future__ import annotations

from tests.audit.computing.verdicts import best, distinct, versus
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count


@sentence("On top the first test image of each class, as every model is scored on it; models of seed {seed}.")
def on_top(facts: Facts, found: Found, where: Where) -> Found:
    return {"seed": str(facts.of(facts.tasks[0])["seed"].min())}


@sentence("![The same test images as {archs} reconstruct them, originals on top](figures/reconstructions.png)")
def reconstructions(facts: Facts, found: Found, where: Where) -> Found:
    return {"archs": count(len(facts.ranked(facts.tasks[0])), "architecture")}


@sentence("![Results per seed. {titles}](figures/results.png)")
def results(facts: Facts, found: Found, where: Where) -> Found:
    titles = []
    for task in facts.tasks:
        two, winner = len(distinct(facts, task)) == 2, best(facts, task)
        text = f"{winner} is {'better' if two else 'best'}" if winner else "no single best"
        if two and not winner:
            (row,) = versus(facts, task).values()
            text = "equivalent" if row.verdict == "equivalent" else "no difference resolved"
        titles.append(f"{TASKS[task].label}: {text}")
    return {"titles": "; ".join(titles)}


@sentence("![{label}: a row per label, the same z down a column](figures/grid_cvae.png)")
@sentence("{label}: a row per label, one z per column.")
def rows_of_labels(facts: Facts, found: Found, where: Where) -> Found:
    if "cvae" not in facts.tasks:
        raise Wrong("no CVAE")
    return {"label": "CVAE"}


@sentence("Straight lines in z between the posterior means of two test images ({label}){given}.")
def straight_lines(facts: Facts, found: Found, where: Where) -> Found:
    task = next(task for task in facts.tasks if TASKS[task].metric == "elbo")
    return {"label": TASKS[task].label, "given": "; the label changes halfway" if task == "cvae" else ""}
