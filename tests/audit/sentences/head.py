"""The title, the warnings and the headings."""

from __future__ import annotations

import math
from functools import cache

from tests.audit.computing import matching
from tests.audit.computing.verdicts import versus
from tests.audit.facts import DEFAULT_EPOCHS, PIXELS, TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, number

EVEN_ODDS = -28 * 28 * math.log(2)


def budget(facts: Facts) -> str:
    """Return images × epochs, where they are not the defaults; and what was equal, where that was not the epochs."""
    is_matched = "match" in facts.manifest
    epochs, images = matching.epochs(facts) if is_matched else int(facts.only("epochs")), facts.images
    equal = f"at equal training {matching.what(facts)}" if is_matched else ""
    if not len(images) and epochs == DEFAULT_EPOCHS[facts.only("dataset")]:
        return equal
    every = facts.manifest["dataset"].get("train_images")
    known = f"{images[0]:,.0f}" if len(images) else f"all {every:,}" if every else "all"
    return f"{known} images × {count(epochs, 'epoch')}{f' of the baseline, {equal}' if is_matched else ''}"


def added(facts: Facts) -> str:
    """Return until when seeds were added."""
    if "stopping" not in facts.manifest:
        return "added in a race: intervals hold at any look"
    rule = facts.manifest["stopping"]
    until = {
        "settled": "settled",
        "most seeds": f"settled or {rule['max_seeds']}",
        "minutes": f"settled or {rule['max_minutes'] or 0:g} minutes were over",
        "stopped": "the job was stopped",
    }[rule["ended"]]
    return f"added until {until}: intervals hold at any look"


@cache
def context(facts: Facts, task: str) -> str:
    """Return in brackets what is said with a task's result: seeds, budget, pixels, each the first time."""
    told: list[str] = []
    for name in facts.tasks:
        rows = versus(facts, name)
        seeds = {row.differences.n for row in rows.values()} or {len(facts.values(name))}
        span = str(min(seeds)) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
        words = [f"{span} {'paired ' if rows else ''}seeds"] if max(seeds) > 1 else []
        words += [added(facts)] if facts.anytime and rows else []
        words += [budget(facts)] * bool(budget(facts))
        words += [matching.of_a_run(facts, name, TASKS[name].label)] if "match" in facts.manifest else []
        words += [PIXELS[facts.only("likelihood")]] if TASKS[name].metric == "elbo" else []
        new = [word for word in words if word not in told]
        told += new
        if name == task:
            return f" ({', '.join(new)})" if new else ""
    raise Wrong(f"{task} is not of this job")


@sentence("# {title}")
def title(facts: Facts, found: Found, where: Where) -> Found:
    archs, data = facts.manifest["archs"], {"digits": "scikit-learn's digits", "mnist": "MNIST"}
    named = " vs ".join(archs) if len(archs) <= 4 else f"{len(archs)} architectures"
    spent = budget(facts)
    return {"title": f"{named} on {data[facts.only('dataset')]}{f', {spent}' if spent else ''}"}


@sentence("> ⚠ **{warning}**")
def warning_of_the_job(facts: Facts, found: Found, where: Where) -> Found:
    if found["warning"] not in facts.manifest["warnings"]:
        raise Wrong("the manifest has no such warning")
    return found


@sentence(
    "> ⚠ **{arch} {task}: after training its ELBO is below the {even} nats of even odds for every pixel in {k} of its "
    "{n} finished runs ({worst} at worst): a model that never looks at an image does better.**"
)
def worse_than_even_odds(facts: Facts, found: Found, where: Where) -> Found:
    elbo = facts.of(found["task"], found["arch"])["elbo"]
    below = elbo[elbo < EVEN_ODDS]
    if below.empty:
        raise Wrong("none is")
    counts = {"k": str(len(below)), "n": str(len(elbo)), "worst": number(below.min(), 0)}
    return {**found, "even": number(EVEN_ODDS, 0), **counts}
