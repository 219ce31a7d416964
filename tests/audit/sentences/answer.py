"""The first paragraph: who is better, by how much, how sure, at what cost."""

from __future__ import annotations

import math

from tests.audit.computing.effects import headline
from tests.audit.computing.learning import concerned_and_improving
from tests.audit.computing.own_statistics import ALPHA, seeds_needed, seeds_range
from tests.audit.computing.sequential import would_settle
from tests.audit.computing.speeds import disturbed, ratios
from tests.audit.computing.verdicts import WORDS, Judged, best, distinct, rivals, same_networks, versus
from tests.audit.facts import TASKS, Facts, Task, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.sentences.head import context
from tests.audit.shown import count, gap, listed, number, ratio


def by_subject(facts: Facts, subject: str) -> str:
    return next((task for task in facts.tasks if TASKS[task].subject == subject), "") or _none(subject)


def _none(text: str) -> str:
    raise Wrong(f"of no task: {text}")


def start(where: Where, task: str) -> str:
    """Note that a sentence gives the verdict on a task."""
    where.task, where.answered = task, (*where.answered, task)
    return task


def by_phrase(facts: Facts, phrase: str, *, superlative: bool) -> tuple[str, str]:
    """Return the task and the architecture of "cnn2 models the images better"."""
    for task in facts.tasks:
        words = TASKS[task].best if superlative else TASKS[task].better
        start = "Given the label, " if task == "cvae" and not superlative else ""
        if phrase.startswith(start) and phrase.endswith(words):
            arch = phrase.removeprefix(start).removesuffix(words)
            if arch in distinct(facts, task):
                return task, arch
    raise Wrong(f"says nothing of a network of a task: {phrase}")


def value(facts: Facts, task: str, arch: str) -> str:
    return f"{number(facts.means(task)[arch], TASKS[task].digits)} {TASKS[task].unit}"


def lead(row: Judged, task: Task, of: str = "") -> str:
    """Return a difference as its winner sees it."""
    sign = -1 if row.verdict == "worse" else 1
    ends = sorted((sign * row.low, sign * row.high))
    return gap(sign * row.differences.mean, *ends, task.digits, f"{task.unit_of_difference}{of}")


def pair(facts: Facts, task: str) -> tuple[str, Judged]:
    """Return the network that is compared with the baseline, where there is just one."""
    if len(distinct(facts, task)) != 2:
        raise Wrong("not two networks")
    return next(iter(versus(facts, task).items()))


@sentence("**{phrase}: {gap} over {loser}**{context}.")
def better(facts: Facts, found: Found, where: Where) -> Found:
    task, winner = by_phrase(facts, found["phrase"], superlative=False)
    start(where, task)
    other, row = pair(facts, task)
    if row.verdict not in ("better", "worse") or (winner == other) != (row.verdict == "better"):
        raise Wrong(f"{other} is {row.verdict}")
    loser = facts.baseline if winner == other else other
    text = lead(row, TASKS[task], f" of {TASKS[task].measured}")
    return {"phrase": found["phrase"], "gap": text, "loser": loser, "context": context(facts, task)}


@sentence("{subject} they can't be told apart: {values} of {measured}, difference {gap}{context}{needed}.")
@sentence("{subject} they are equivalent to within ±{margin}: {values} of {measured}, difference {gap}{context}.")
def no_winner(facts: Facts, found: Found, where: Where) -> Found:
    name = start(where, by_subject(facts, found["subject"]))
    (other, row), task = pair(facts, name), TASKS[name]
    if row.verdict != ("equivalent" if "margin" in found else "unresolved"):
        raise Wrong(f"{other} is {row.verdict}")
    values = " vs ".join(f"{value(facts, name, arch)} ({arch})" for arch in (facts.baseline, other))
    own = {"subject": task.subject, "values": values, "measured": task.measured, "context": context(facts, name)}
    own["gap"] = gap(row.differences.mean, row.low, row.high, task.digits, task.unit_of_difference)
    if "margin" in found:
        return {**own, "margin": f"{task.margin} {task.unit_of_difference}"}
    return {**own, "needed": needed(row, task, facts.anytime)}


def needed(row: Judged, task: Task, anytime: bool) -> str:
    """Return how many seeds would settle it."""
    alpha, n = ALPHA / row.family, row.differences.n
    if anytime:
        would = would_settle(row.differences, task.margin, alpha)
        would_do = "nor would 10,000 do" if would is None else f"about {would:,} would do"
        return f"; not settled with {n} seeds, {would_do} if the difference and its spread stay as they are"
    about = seeds_needed(row.differences, task.margin, alpha)
    fewest, most = seeds_range(row.differences, task.margin, alpha)
    span = f"{fewest:,} or more" if most is None else f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    told = f"for all that these {n} seeds tell"
    if about is None:
        return f"; for a verdict with 80 % power {span} seeds would be needed, {told}"
    condition = "if the true difference and its spread were those observed"
    return f"; about {about:,} seeds would be needed for a verdict with 80 % power {condition}, {span} {told}"


def over_baseline(facts: Facts, name: str) -> str:
    leader, task = distinct(facts, name)[0], TASKS[name]
    row = versus(facts, name).get(leader)
    return f", {lead(row, task)} over {facts.baseline}" if row is not None and row.verdict == "better" else ""


@sentence("**Of {n} {networks} {phrase}: {mean}{over}**{context}.")
def best_of_many(facts: Facts, found: Found, where: Where) -> Found:
    name, arch = by_phrase(facts, found["phrase"], superlative=True)
    task, archs = TASKS[start(where, name)], distinct(facts, name)
    if best(facts, name) != arch:
        raise Wrong(f"the best: {best(facts, name)}")
    over, second = over_baseline(facts, name), versus(facts, name).get(archs[1])
    if arch == facts.baseline and second is not None and second.verdict == "worse":
        over = f", {lead(second, task)} over {archs[1]}, the next"
    mean = f"{value(facts, name, arch)} of {task.measured}"
    what = "networks" if same_networks(facts, name) else "architectures"
    return {"n": str(len(archs)), "networks": what, "phrase": found["phrase"], "mean": mean, "over": over,
            "context": context(facts, name)}  # fmt: skip


@sentence("**{subject}, no single best: {leader} has the {highest} mean, {mean}{over}**{context}, but {rest}.")
def no_single_best(facts: Facts, found: Found, where: Where) -> Found:
    name = start(where, by_subject(facts, found["subject"]))
    task, archs, others = TASKS[name], distinct(facts, name), rivals(facts, name)
    if len(archs) < 3 or not others:
        raise Wrong(f"the best: {best(facts, name)}")
    rest = "none of the others can be ruled out as the best"
    if len(others) < len(archs) - 1:
        span = f" (down to {value(facts, name, others[-1])})" if len(others) > 1 else ""
        rest = f"{listed(others, 3)}{span} can't be ruled out as the best"
    mean = f"{value(facts, name, archs[0])} of {task.measured}"
    return {"subject": task.subject, "leader": archs[0], "highest": "highest", "mean": mean,
            "over": over_baseline(facts, name), "context": context(facts, name), "rest": rest}  # fmt: skip


@sentence("{out} can: {each} worse than another one.")
def ruled_out(facts: Facts, found: Found, where: Where) -> Found:
    out = [arch for arch in distinct(facts, where.task)[1:] if arch not in rivals(facts, where.task)]
    return {"out": listed(out, 3), "each": "it is" if len(out) == 1 else "each is"}


def by_verdict(facts: Facts, task: str) -> dict[str, list[str]]:
    rows = versus(facts, task)
    found = {verdict: [a for a in facts.ranked(task) if a in rows and rows[a].verdict == verdict] for verdict in WORDS}
    return {verdict: archs for verdict, archs in found.items() if archs}


@sentence("All {total} others are {verdict} {than} {base}.")
def all_others(facts: Facts, found: Found, where: Where) -> Found:
    judged = by_verdict(facts, where.task)
    if len(judged) != 1:
        raise Wrong(f"verdicts: {judged}")
    verdict, archs = next(iter(judged.items()))
    than = {"unresolved": "against", "equivalent": "to"}.get(verdict, "than")
    return {"total": str(len(archs)), "verdict": WORDS[verdict], "than": than, "base": facts.baseline}


@sentence("Against {base}, {parts}.")
def against(facts: Facts, found: Found, where: Where) -> Found:
    parts = []
    for verdict, archs in by_verdict(facts, where.task).items():
        names = f" ({listed(archs)})" if len(archs) <= 3 else ""
        parts.append(f"{len(archs)} {'is' if len(archs) == 1 else 'are'} {WORDS[verdict]}{names}")
    if len(parts) < 2:
        raise Wrong(f"all are: {parts}")
    return {"base": facts.baseline, "parts": listed(parts)}


@sentence("Not settled: {parts}, if differences and their spreads stay as they are.")
def not_settled(facts: Facts, found: Found, where: Where) -> Found:
    rows, task, parts = versus(facts, where.task), TASKS[where.task], []
    if not facts.anytime or len(distinct(facts, where.task)) < 3:
        raise Wrong("of a pair it is said behind the difference, and of a fixed number of seeds nothing")
    for arch in by_verdict(facts, where.task)["unresolved"]:
        would = would_settle(rows[arch].differences, task.margin, ALPHA / rows[arch].family)
        would_do = "10,000 would not do" if would is None else f"about {would:,} would do"
        parts.append(f"{arch} ({rows[arch].differences.n} seeds; {would_do})")
    return {"parts": listed(parts, 3)}


@sentence("There {pairs}, since no decoder is used.")
def same(facts: Facts, found: Found, where: Where) -> Found:
    ranked = facts.ranked(where.task)
    pairs = sorted(same_networks(facts, where.task).items(), key=lambda pair: facts.manifest["archs"].index(pair[0]))
    if not pairs or not {name for pair in pairs for name in pair} <= set(ranked):
        raise Wrong("no such crossing")
    (arch, other), *more = pairs
    return {"pairs": listed([f"{arch} is the same network as {other}", *(f"{a} as {b}" for a, b in more)])}


@sentence("Sizes run from {low} to {high} parameters.")
def sizes(facts: Facts, found: Found, where: Where) -> Found:
    totals = [float(facts.first(facts.own_task, arch)["params_total"]) for arch in facts.manifest["archs"]]
    if len(totals) < 3:
        raise Wrong("of two the ratio is said")
    return {"low": number(min(totals), 0), "high": number(max(totals), 0)}


@sentence("{other} has {size} the parameters of {base}{speed}.")
def cost(facts: Facts, found: Found, where: Where) -> Found:
    base, task = facts.baseline, facts.own_task
    (other,) = [arch for arch in facts.manifest["archs"] if arch != base]
    size = float(facts.first(task, other)["params_total"]) / float(facts.first(task, base)["params_total"])
    row = ratios(facts, task)[other]
    speed = ""
    if math.isfinite(row.low):
        faster = "on {} as many images a second" if "match" in facts.manifest else "{} as fast"
        speed = f" and trains {faster.format(ratio(row.value))} [{row.low:.2f}, {row.high:.2f}]"
        company = ", when other runs of the job could be in flight" if disturbed(facts) else ""
        speed += f" ({row.n} seeds, noted in training{company})"
        speed = speed if row.resolved else "; their training speeds can't be told apart"
    return {"other": other, "base": base, "size": ratio(size), "speed": speed}


@sentence("{k} of {planned} runs failed ({names}) and {are} in no number.")
def failures(facts: Facts, found: Found, where: Where) -> Found:
    names = [f"{row.arch} {row.task} seed {row.seed}" for row in facts.failed.itertuples()]
    if not names:
        raise Wrong("none did")
    return {"k": str(len(names)), "planned": str(len(facts.all_runs)), "names": listed(names, 3),
            "are": "is" if len(names) == 1 else "are"}  # fmt: skip


@sentence("{runs} of {planned} failed.")
def failures_again(facts: Facts, found: Found, where: Where) -> Found:
    return {"runs": count(len(facts.failed), "run"), "planned": str(len(facts.all_runs))}


@sentence("On the grid ({label}): {headline}")
def grid(facts: Facts, found: Found, where: Where) -> Found:
    task = facts.task(found["label"])
    return {"label": TASKS[task].label, "headline": headline(facts, task)}


@sentence("Still improving when the training ended: {parts}.")
def still_improving(facts: Facts, found: Found, where: Where) -> Found:
    parts = []
    for task in facts.tasks:
        if archs := concerned_and_improving(facts, task):
            names = "all" if len(archs) == len(facts.ranked(task)) else listed(archs, 2)
            parts.append(f"{names} ({TASKS[task].label})")
    return {"parts": ", ".join(parts)}
