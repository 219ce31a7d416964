"""The factors of a grid that raced: of which runs their effects are, and what is missing among these."""

from __future__ import annotations

import math

import numpy as np

from tests.audit.computing.effects import interactions
from tests.audit.computing.grids import OF_RACE, Grid, first_round, grid
from tests.audit.computing.racing import entry
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, listed


def raced(facts: Facts) -> Grid:
    return grid(facts, entry(facts)["task"], OF_RACE)


def members(facts: Facts) -> dict[str, np.ndarray]:
    """Return the cells that raced → the scores of their first seeds."""
    factors = entry(facts)["factors"]
    return {arch: own for arch, own in first_round(facts).items() if arch in factors}


@sentence("{who} candidates are cells of a grid of {names}.")
def cells(facts: Facts, found: Found, where: Where) -> Found:
    own, many = len(members(facts)), len(entry(facts)["archs"])
    return {"who": f"All {many}" if own == many else f"{own} of the {many}",
            "names": listed(list(raced(facts).levels), 8)}  # fmt: skip


@sentence(
    "What a step of a factor is worth is taken from the race's first round: {seeds} of {epochs}, which all of them had "
    "before any was out."
)
def first_seeds(facts: Facts, found: Found, where: Where) -> Found:
    seeds = {len(own) for own in members(facts).values()}
    epochs = {facts.record(run_id)["spec"]["epochs"] for run_id in entry(facts)["run_ids"]}
    return {"seeds": count(*seeds, "seed"), "epochs": count(*epochs, "epoch")}


@sentence(
    "Effects are on {score}, while the race went by validation {metric}; intervals are ordinary ones of 95 %, of a "
    "number of seeds settled beforehand."
)
def score(facts: Facts, found: Found, where: Where) -> Found:
    task = TASKS[entry(facts)["task"]]
    return {"score": task.measured, "metric": task.name_of_metric}


@sentence(
    "The {cells} with a result are not every combination of these levels{over}: a step is taken over the cells that "
    "have both of its sides, so that two steps may be means over different cells."
)
def holes(facts: Facts, found: Found, where: Where) -> Found:
    own = raced(facts)
    if len(own.values) == math.prod(map(len, own.levels.values())):
        raise Wrong("the grid is whole")
    left_out = len(facts.manifest.get("left_out", []))
    over = f" ({count(left_out, 'architecture')} left out by size)" if left_out else ""
    return {"cells": count(len(own.values), "cell"), "over": over}


@sentence("{n} of these {runs} failed: a step leaves out the cells, or the seed, that lack one.")
def failed(facts: Facts, found: Found, where: Where) -> Found:
    scores = np.array(list(members(facts).values()))
    gone = int(np.isnan(scores).sum())
    if not gone:
        raise Wrong("none did")
    return {"n": str(gone), "runs": count(scores.size, "run")}


@sentence(
    "The two factors with the largest interaction, resolved or not; means over {settings} of the others, run at every "
    "combination shown."
)
def settings(facts: Facts, found: Found, where: Where) -> Found:
    own = raced(facts)
    top = max(interactions(facts, entry(facts)["task"], OF_RACE), key=lambda each: abs(each.sample.mean))
    two = [list(own.levels).index(name) for name in top.factors]
    seen: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for cell in own.values:
        others = tuple(level for i, level in enumerate(cell) if i not in two)
        seen.setdefault(others, set()).add((cell[two[0]], cell[two[1]]))
    shown = set().union(*seen.values())
    return {"settings": count(sum(pairs == shown for pairs in seen.values()), "setting")}
