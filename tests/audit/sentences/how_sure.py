"""How sure the results are: what pairing gained, seeds beside test images."""

from __future__ import annotations

from tests.audit.computing.verdicts import correlation, pairing_ratio, versus
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import listed, number


@sentence("Fewer than 4 seeds can't tell what pairing by seed gained.")
def too_few_to_pair(facts: Facts, found: Found, where: Where) -> Found:
    task = facts.tasks[0]
    pairs = [len(facts.values(task)[[arch, facts.baseline]].dropna()) for arch in versus(facts, task)]
    if min(pairs, default=0) >= 4:
        raise Wrong(f"there are {pairs}")
    return {}


@sentence(
    "What pairing by seed gained, as the spread of the differences over that of unpaired ones (1 is no gain): {gained}."
)
def pairing(facts: Facts, found: Found, where: Where) -> Found:
    texts = []
    for task in facts.tasks:
        pairs = {arch: row.differences.n for arch, row in versus(facts, task).items() if row.differences.n >= 4}
        if not pairs:
            continue
        ratios = _range([pairing_ratio(facts, task, arch) for arch in pairs])
        shared = [correlation(facts, task, arch) for arch in pairs]
        if len(pairs) == 1:
            r, low, high = (number(value, 2) for value in shared[0])
            words = f"correlation {r} [{low}, {high}] over {next(iter(pairs.values()))} seeds"
        else:
            words = f"correlations {_range([r for r, _, _ in shared])}, with intervals in comparisons.csv"
        texts.append(f"{ratios} ({TASKS[task].label}; {words})")
    return {"gained": listed(texts)}


def _range(values: list[float]) -> str:
    low, high = number(min(values), 2), number(max(values), 2)
    return low if low == high else f"{low} to {high}"


@sentence("McNemar counts the test images that only one of the two models of seed {seed} gets right.")
def mcnemar(facts: Facts, found: Found, where: Where) -> Found:
    return {"seed": str(facts.of("classifier")["seed"].min())}


@sentence(
    "All against {base}; intervals over seeds are those of the table at the top{widened}, intervals over images are "
    "95 % ones; the per-image tests are not corrected for their number."
)
def all_against(facts: Facts, found: Found, where: Where) -> Found:
    several = max(len(versus(facts, task)) for task in facts.tasks) > 1
    return {"base": facts.baseline, "widened": ", widened for their number" if several else ""}
