"""Whether the page is as planned: design.json against the manifest and records.csv."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from tests.audit.computing import matching
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, listed

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
OF_SOME = ("likelihood", "latent_dim", "classification_weight")
"""Settings that some runs have none of."""
WHERE_RUN = ("device", "threads", "deterministic")


@cache
def design(facts: Facts) -> dict[str, Any]:
    return json.loads((facts.folder / "design.json").read_text(encoding="utf-8"))


def written(facts: Facts) -> str:
    when = datetime.fromisoformat(design(facts)["created"].replace("Z", "+00:00"))
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}, {when.hour:02}:{when.minute:02} UTC"


@cache
def deviations(facts: Facts) -> list[tuple[bool, str]]:
    """Return whether the verdicts depend on it, and its words."""
    return list(_deviations(facts))


def _deviations(facts: Facts) -> Iterator[tuple[bool, str]]:
    plan, manifest = design(facts), facts.manifest
    yield from _of_stopping(manifest, plan["stopping"])
    raced = manifest.get("race", {"archs": []})["archs"]
    archs = [*manifest["archs"], *(name for name in raced if name not in manifest["archs"])]
    for what, shown in (("architecture", archs), ("task", manifest["tasks"])):
        names = [one["name"] for one in plan[f"{what}s"]]
        added, missing = [name for name in shown if name not in names], [name for name in names if name not in shown]
        for some, words, grave in ((added, "added", False), (missing, "planned and not shown", True)):
            if some:
                yield grave, f"{what}{'s' if len(some) > 1 else ''} {listed(some, len(some))} {words}"
    if plan["baseline"] != facts.baseline:
        yield True, f"baseline {facts.baseline} instead of {plan['baseline']}"
    for task in plan["tasks"]:
        if task["name"] in TASKS and task["name"] in manifest["tasks"]:
            margin = TASKS[task["name"]].margin / TASKS[task["name"]].scale
            if task["margin"] != margin:
                yield True, f"{task['name']}: margin {margin} instead of {task['margin']}"
    for name, value in plan["recipe"].items():
        column = facts.all_runs[name] if name in facts.all_runs else facts.all_runs["seed"].map(lambda seed: None)
        found = set(column.dropna().unique())
        found |= {None} if name not in OF_SOME and column.isna().any() else set()
        found = {matching.epochs(facts)} if name == "epochs" and "match" in facts.manifest else found
        if name == "epochs" and manifest.get("race", {"confirmed": 1})["confirmed"] == 0:
            value = plan["stopping"].get("race_epochs") or value
        for other in found - {value}:
            words = ["all" if name == "train_images" and each is None else each for each in (other, value)]
            yield name not in WHERE_RUN, f"{name.replace('_', ' ')} {words[0]} instead of {words[1]}"
    lacking = _planned_here(facts) - len(_finished_here(facts))
    if lacking:
        yield False, f"{lacking} of {count(_planned_here(facts), 'planned run')} without a result"


def _of_stopping(manifest: dict[str, Any], planned: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield in what there are other seeds than planned."""
    words = {"fixed": "a number of seeds fixed beforehand", "until sure": "seeds added until settled", "race": "a race"}
    rule = {"kind": "race"} if "race" in manifest else manifest.get("stopping", {"kind": "fixed"})
    if rule["kind"] == planned["kind"] == "race":
        yield from _of_race(manifest["race"], planned)
    elif rule["kind"] != planned["kind"]:
        yield True, f"{words[rule['kind']]} instead of {words[planned['kind']]}"
    elif rule["kind"] == "fixed":
        if manifest["seeds"] != planned["seeds"]:
            yield True, f"{count(manifest['seeds'], 'seed')} instead of {planned['seeds']}"
    else:
        if rule["first_seeds"] != planned["first_seeds"]:
            yield False, f"first look at {rule['first_seeds']} seeds instead of {planned['first_seeds']}"
        if rule["max_seeds"] != planned["seeds"]:
            yield False, f"at most {rule['max_seeds']} seeds instead of {planned['seeds']}"
        if rule["ended"] == "stopped":
            yield False, "stopped before all was settled"


def _of_race(race: dict[str, Any], planned: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """Yield in what a race was another one than planned, or its winner has other seeds."""
    if race["first_seeds"] != planned["first_seeds"]:
        yield True, f"race from {count(race['first_seeds'], 'seed')} on instead of {planned['first_seeds']}"
    if race["max_seeds"] != planned["seeds"]:
        yield True, f"race of at most {count(race['max_seeds'], 'seed')} instead of {planned['seeds']}"
    if race["epochs"] != planned["race_epochs"]:
        yield True, f"race of {count(race['epochs'], 'epoch')} a run instead of {planned['race_epochs']}"
    if race["ended"] == "stopped":
        yield False, "stopped before the race was over"
    elif race["winner"] and not race["confirmed"] and planned["confirm"]:
        yield True, f"no confirmation at {count(planned['confirm'], 'fresh seed')}"
    elif race["winner"] and race["confirmed"] != planned["confirm"]:
        yield True, f"confirmed at {count(race['confirmed'], 'fresh seed')} instead of {planned['confirm']}"


def _planned_here(facts: Facts) -> int:
    """Return how many runs were planned of what the page shows."""
    if facts.anytime or "race" in facts.manifest:
        return len(facts.all_runs)
    seeds = min(facts.manifest["seeds"], design(facts)["stopping"]["seeds"])
    return seeds * len(_cells(facts))


def _cells(facts: Facts) -> set[tuple[str, str]]:
    shown = facts.manifest["archs"]
    cells = {(one["name"], task) for one in design(facts)["architectures"] for task in one["tasks"]}
    return {(arch, task) for arch, task in cells if arch in shown and task in facts.manifest["tasks"]}


def _finished_here(facts: Facts) -> set[tuple[str, str, int]]:
    found = set(zip(facts.runs["arch"], facts.runs["task"], facts.runs["seed"], strict=True))
    seeds = math.inf if "race" in facts.manifest else design(facts)["stopping"]["seeds"]
    return {(arch, task, seed) for arch, task, seed in found if (arch, task) in _cells(facts) and seed < seeds}


@sentence("As planned (design.json, {when}){rule}.")
def as_planned(facts: Facts, found: Found, where: Where) -> Found:
    if deviations(facts):
        raise Wrong("it is not")
    if "race" in facts.manifest:
        return {"when": written(facts), "rule": f": {_planned_race(facts)}"}
    if not facts.anytime:
        return {"when": written(facts), "rule": ""}
    rule = facts.manifest["stopping"]
    ended = {"settled": "settled", "most seeds": "most seeds reached", "minutes": "time used up"}[rule["ended"]]
    limit = f" or {rule['max_minutes']:g} minutes" if rule["max_minutes"] else ""
    text = f": until sure, at most {rule['max_seeds']} seeds{limit}; ended: {ended}"
    return {"when": written(facts), "rule": text}


def _planned_race(facts: Facts) -> str:
    race, planned = facts.manifest["race"], design(facts)["stopping"]
    ended = {"one left": "one left", "close": "no other can be better by more than the margin",
             "budget": "time used up", "most seeds": "most seeds reached"}[race["ended"]]  # fmt: skip
    limit = f" or {race['max_minutes']:g} minutes" if race["max_minutes"] else ""
    fresh = planned["confirm"]
    then = f"its winner to be confirmed at {count(fresh, 'fresh seed')}" if fresh else "without a confirmation"
    rule = f"from {planned['first_seeds']} to at most {planned['seeds']} seeds{limit}"
    epochs = count(planned["race_epochs"], "epoch")
    return f"a race of {len(race['archs'])}, {rule}, {epochs} a run, {then}; ended: {ended}"


@sentence("**Not as planned** (design.json, {when}): {what}.")
def not_as_planned(facts: Facts, found: Found, where: Where) -> Found:
    what = [words for _, words in deviations(facts)]
    if not what:
        raise Wrong("it is")
    return {"when": written(facts), "what": "; ".join(what)}


@sentence("Not as planned: {what}.")
def verdicts_not_as_planned(facts: Facts, found: Found, where: Where) -> Found:
    grave = [words for is_grave, words in deviations(facts) if is_grave]
    if not grave:
        raise Wrong("every verdict is")
    fixed, planned = not facts.anytime, design(facts)["stopping"]
    note = ""
    if "race" in facts.manifest and planned["kind"] == "race":
        own, fresh = facts.manifest["race"]["confirmed"], planned["confirm"]
        fixed = False
        if own and fresh and own != fresh:
            note = " (if they were added in sight of the results, the intervals don't hold)"
            note = note if own > fresh else " (the verdicts assume a number of seeds that was fixed beforehand)"
    if fixed and (planned["kind"] != "fixed" or facts.manifest["seeds"] > planned["seeds"]):
        note = " (if they were added in sight of the results, the intervals don't hold)"
    elif fixed and facts.manifest["seeds"] < planned["seeds"]:
        note = " (the verdicts assume a number of seeds that was fixed beforehand)"
    return {"what": "; ".join(grave) + note}


@sentence("{many} planned runs were in the store when the plan was written: it could be made by their results.")
def made_before(facts: Facts, found: Found, where: Where) -> Found:
    runs = design(facts)["runs"]
    if not runs["made_before"]:
        raise Wrong("none was")
    is_all, of = (
        runs["made_before"] == runs["planned"],
        "at most" if design(facts)["stopping"]["kind"] != "fixed" else "the",
    )
    return {"many": f"All {runs['planned']}" if is_all else f"{runs['made_before']} of {of} {runs['planned']}"}


@sentence(
    "design.json, the plan of what this page shows, is not there any more, so that what was planned can't be told."
)
def gone(facts: Facts, found: Found, where: Where) -> Found:
    if (facts.folder / "design.json").exists():
        raise Wrong("it is there")
    return {}
