"""What was equal for all architectures, where that was not their epochs."""

from __future__ import annotations

from tests.audit.computing.matching import epochs, match, share, what
from tests.audit.computing.speeds import disturbed
from tests.audit.facts import Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count


def of(facts: Facts, by: str) -> None:
    if match(facts)["by"] != by:
        raise Wrong(f"it was {match(facts)['by']}")


def verb(facts: Facts) -> str:
    return "s" if epochs(facts) == 1 else ""


@sentence(
    "Equal training {what}: each architecture has as many training steps as cost what the baseline's {epochs} {do} "
    "(*Equal compute*)."
)
def under_the_table(facts: Facts, found: Found, where: Where) -> Found:
    do = "does" if epochs(facts) == 1 else "do"
    return {"what": what(facts), "epochs": count(epochs(facts), "epoch"), "do": do}


@sentence("## Equal compute")
def heading(facts: Facts, found: Found, where: Where) -> Found:
    match(facts)
    return {}


@sentence(
    "Each architecture is trained for as many steps as cost what the {epochs} of {base} cost{s}: the operations of "
    "matrix products and convolutions, forward and backward, counted from its layers."
)
def operations(facts: Facts, found: Found, where: Where) -> Found:
    of(facts, "flops")
    return {"epochs": count(epochs(facts), "epoch"), "base": facts.baseline, "s": verb(facts)}


@sentence("Equal operations need not take equal time.")
def other_time(facts: Facts, found: Found, where: Where) -> Found:
    of(facts, "flops")
    return {}


@sentence(
    "Each architecture is trained for as many steps as take as long as the {epochs} of {base}: a training step was "
    "timed before the training, one thing at a time and in turns with one of {base}."
)
def seconds(facts: Facts, found: Found, where: Where) -> Found:
    of(facts, "time")
    return {"epochs": count(epochs(facts), "epoch"), "base": facts.baseline}


@sentence("× is the median over rounds, and decides: the seconds of a step are × times those of {base}.")
def what_decides(facts: Facts, found: Found, where: Where) -> Found:
    of(facts, "time")
    return {"base": facts.baseline}


@sentence(
    "† measured while other work took more than 10 % of the processors' time, or on a GPU that was shared or slowed "
    "down; to time the steps, and train, anew, remove the folder step\\_seconds of the store."
)
def timed_busy(facts: Facts, found: Found, where: Where) -> Found:
    of(facts, "time")
    if not any(one["disturbed"] for one in match(facts)["shares"]):
        raise Wrong("nothing else was going on")
    return {}


@sentence("*In training* is what a run took, mean over seeds{company}.")
def in_training(facts: Facts, found: Found, where: Where) -> Found:
    match(facts)
    return {"company": ", when other runs of the job could be in flight" if disturbed(facts) else ""}


@sentence("![Validation quality against training {what}, mean over seeds with a band of ± 1 sd](figures/curves.png)")
def curves(facts: Facts, found: Found, where: Where) -> Found:
    return {"what": what(facts)}


@sentence(
    "The axis is what a training had cost so far, and not its epochs, of which one architecture has more than another: "
    "all curves end at the same cost (*Equal compute*)."
)
def axis(facts: Facts, found: Found, where: Where) -> Found:
    if len({share(facts, task, arch).steps for task in facts.tasks for arch in facts.ranked(task)}) == 1:
        raise Wrong("all have the same epochs")
    return {}


@sentence(
    "At equal training {what} a step of a factor changes how many training steps there are, too (*Equal compute*): "
    "what it is worth is that of both together."
)
def factors(facts: Facts, found: Found, where: Where) -> Found:
    return {"what": what(facts)}
