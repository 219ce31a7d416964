"""Equal compute: what each architecture's training steps cost, and how many it got."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from tests.audit.computing import networks
from tests.audit.facts import Facts, Wrong
from tests.audit.shown import significant

UNITS = {
    "flops": {"PFLOP": 1e15, "TFLOP": 1e12, "GFLOP": 1e9, "MFLOP": 1e6, "kFLOP": 1e3, "FLOP": 1.0},
    "time": {"s": 1.0, "ms": 1e-3, "µs": 1e-6},
}


class Share(NamedTuple):
    """What an architecture got on a task: cost of a step, the same over the baseline's, steps, passes, cost of all."""

    cost: float
    ratio: float
    steps: int
    epochs: float
    total: float
    disturbed: bool


def match(facts: Facts) -> dict[str, Any]:
    if "match" not in facts.manifest:
        raise Wrong("all have the same epochs")
    return facts.manifest["match"]


def what(facts: Facts) -> str:
    return {"flops": "FLOPs", "time": "time"}[match(facts)["by"]]


def epochs(facts: Facts) -> int:
    """Return the baseline's."""
    return match(facts)["steps"] // match(facts)["steps_per_epoch"]


def operations(arch: str, task: str, batch: int) -> float:
    """Return those of a training step: a multiply-accumulate is two; backward twice, but for the image's gradient."""
    macs = [layer.macs for layer in networks.layers(arch, task)]
    return 2.0 * batch * (3 * sum(macs) - macs[0])


@cache
def share(facts: Facts, task: str, arch: str) -> Share:
    """Return what an architecture got: operations by hand, seconds as the manifest has them; steps from these."""
    found, base = match(facts), facts.baseline
    own = {one["arch"]: one for one in found["shares"] if one["task"] == task}
    if found["by"] == "flops":
        costs = {name: operations(name, task, int(facts.only("batch_size"))) for name in (arch, base)}
        cost, ratio = costs[arch], costs[arch] / costs[base]
    else:
        ratio = own[arch]["ratio"]
        cost = ratio * own[base]["cost"]
    steps = round(found["steps"] / ratio)
    runs = facts.all_runs[(facts.all_runs["task"] == task) & (facts.all_runs["arch"] == arch)]
    if set(runs["steps"].fillna(found["steps"])) != {steps}:
        raise Wrong(f"{arch} {task}: trained {set(runs['steps'])} steps, expected {steps}")
    passes = steps / found["steps_per_epoch"]
    return Share(cost, ratio, steps, passes, steps * cost, own[arch].get("disturbed", False))


def amount(value: float, by: str) -> str:
    unit, factor = next((unit, factor) for unit, factor in UNITS[by].items() if value >= factor)
    return f"{significant(value / factor)} {unit}"


def of_a_run(facts: Facts, task: str, label: str) -> str:
    """Return what a run of the baseline's costs."""
    steps = "" if match(facts)["by"] == "flops" else " of training steps"
    return f"{amount(share(facts, task, facts.baseline).total, match(facts)['by'])}{steps} per {label} run"
