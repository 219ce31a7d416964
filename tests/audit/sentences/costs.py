"""Quality against cost, and how fast the runs trained."""

from __future__ import annotations

from functools import cache

from tests.audit.computing.speeds import disturbed
from tests.audit.computing.verdicts import distinct
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, listed

COSTS = {"parameters": ("params_total", 1), "MACs": ("macs", 1), "throughput": ("train_images_per_s", -1)}


@cache
def front(facts: Facts, task: str, cost: str) -> list[str]:
    """Return those that no other is at least as good as on both and better than on one, cheapest first."""
    column, sign = COSTS[cost]
    price = (sign * facts.values(task, column).mean()).to_dict()
    quality = facts.means(task)
    archs = distinct(facts, task)

    def dominates(a: str, b: str) -> bool:
        no_worse = price[a] <= price[b] and quality[a] >= quality[b]
        return no_worse and (price[a] < price[b] or quality[a] > quality[b])

    own = [arch for arch in archs if not any(dominates(other, arch) for other in archs)]
    return sorted(own, key=lambda arch: (price[arch], -quality[arch]))


@sentence("- **{label}** – {parts}")
def pareto(facts: Facts, found: Found, where: Where) -> Found:
    task = facts.task(found["label"])
    fronts = {cost: front(facts, task, cost) for cost in COSTS}
    texts = [f"{c}: {listed(own, 6)} ({len(distinct(facts, task)) - len(own)} dominated)" for c, own in fronts.items()]
    return {"label": found["label"], "parts": "; ".join(texts)}


@sentence("The throughput ({labels}) was noted in training, when other runs of the job could be in flight.")
def throughput(facts: Facts, found: Found, where: Where) -> Found:
    if not disturbed(facts):
        raise Wrong("one run at a time")
    labels = [TASKS[task].label for task in facts.tasks if len(distinct(facts, task)) > 1]
    return {"labels": listed(labels)}


@sentence("Measured while training, evaluation excluded: {device}, {threads}, torch {torch}, {sharing}.")
def how(facts: Facts, found: Found, where: Where) -> Found:
    workers = facts.manifest["workers"]
    sharing = f"up to {workers} runs at a time shared the machine" if workers > 1 else "one run at a time"
    return {"device": str(facts.only("device_name")), "threads": count(int(facts.only("threads")), "thread"),
            "torch": str(facts.only("torch")), "sharing": sharing}  # fmt: skip


@sentence(
    "† noted in training, when other runs of the job could be in flight; what else the machine did is not recorded."
)
def dagger(facts: Facts, found: Found, where: Where) -> Found:
    if not disturbed(facts):
        raise Wrong("one run at a time")
    return {}


@sentence("`--throughput quick` measures by itself.")
@sentence("Speed was not measured apart: --throughput off.")
def not_apart(facts: Facts, found: Found, where: Where) -> Found:
    if "not measured" not in facts.manifest["throughput"]:
        raise Wrong("it was")
    return {}
