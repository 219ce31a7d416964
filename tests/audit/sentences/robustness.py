"""What is said beside verdicts on means: collapses in some seeds, skewness, failures that went unseen."""

from __future__ import annotations

from scipy import stats

from tests.audit.computing.robustness import Without, differences, is_skewed, shortfall, sometimes, without
from tests.audit.computing.verdicts import WORDS, versus
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.shown import count, gap, listed, number, signed, significant

MOST = 3
LINKS = {"better": "than", "worse": "than", "equivalent": "to", "unresolved": "against"}


def some(texts: list[str]) -> str:
    if not texts:
        raise Wrong("there is none")
    return "; ".join([*texts[:MOST], *[f"{len(texts) - MOST} more"] * (len(texts) > MOST)])


def in_seeds(facts: Facts, task: str, arch: str) -> str:
    seeds = sometimes(facts, task)[arch]
    return f"{arch} ({TASKS[task].label}) in {len(seeds)} of {count(facts.seeds(task, arch), 'seed')}"


@sentence("**Collapsed in some seeds**, which count in every number: {listed}.")
def collapsed(facts: Facts, found: Found, where: Where) -> Found:
    texts = []
    for task in facts.head:
        for arch in sometimes(facts, task):
            less = shortfall(facts, task, arch)
            gap = f"{number(abs(less), TASKS[task].digits)} {TASKS[task].unit_of_difference}"
            texts.append(
                f"{in_seeds(facts, task, arch)}, {gap} {'worse' if less >= 0 else 'better'} than in the others"
            )
    return {"listed": some(texts)}


@sentence("Without seeds that collapsed or are outliers {outcome}.")
def verdicts_without(facts: Facts, found: Found, where: Where) -> Found:
    rows = [(task, arch, row) for task in facts.head for arch, row in without(facts, task).items()]
    changed = [one for one in rows if one[2].judged.verdict != versus(facts, one[0])[one[1]].verdict]
    if not changed and not any(sometimes(facts, task) for task in facts.head):
        raise Wrong("nothing collapsed, and no verdict changes")
    if len(rows) == 1:
        return {"outcome": outcome(facts, *rows[0], still="" if changed else "still ")}
    if not changed:
        return {"outcome": f"no verdict would change, of {len(rows)} that have such seeds (under *How sure*)"}
    texts = some([outcome(facts, *one) for one in changed])
    return {
        "outcome": f"{len(changed)} of {len(rows)} verdicts that have such seeds would change: {texts} "
        "(under *How sure*)"
    }


def outcome(facts: Facts, task: str, arch: str, row: Without, still: str = "") -> str:
    own, before, new = TASKS[task], versus(facts, task)[arch].verdict, row.judged
    now = "" if new.verdict == before else f", with them {WORDS[before]}"
    if new.differences.n < 2:
        return f"{arch} would have no verdict ({own.label}{now})"
    amount = gap(new.differences.mean, new.low, new.high, own.digits, own.unit_of_difference)
    verdict = f"{WORDS[new.verdict]} {LINKS[new.verdict]} {facts.baseline}"
    return f"{arch} would {still}be {verdict} ({own.label}{now}): {amount}"


@sentence("How often runs collapse, with exact 95 % intervals: {listed}.")
def rates(facts: Facts, found: Found, where: Where) -> Found:
    texts = []
    for task in facts.tasks:
        for arch, seeds in sometimes(facts, task).items():
            k, n = len(seeds), facts.seeds(task, arch)
            ends = (stats.beta.ppf(0.025, k, n - k + 1), stats.beta.ppf(0.975, k + 1, n - k))
            low, high = (significant(100 * end, 2) for end in ends)
            names = f"seed{'s' if k > 1 else ''} {listed(list(map(str, seeds)), 6)}"
            texts.append(f"{in_seeds(facts, task, arch)} ({names}), {low} to {high} %")
    if not texts:
        raise Wrong("nothing collapsed")
    return {"listed": "; ".join(texts)}


@sentence("More skewed than normal differences are: {listed}.")
def skewed(facts: Facts, found: Found, where: Where) -> Found:
    texts = []
    for task in facts.tasks:
        for arch in versus(facts, task):
            d = differences(facts, task, arch)
            if is_skewed(d) and arch not in without(facts, task):
                skewness = signed(float(stats.skew(d)), 2)
                texts.append(f"{arch} − {facts.baseline} ({TASKS[task].label}, {skewness} over {len(d)} seeds)")
    if not texts:
        raise Wrong("none is")
    return {"listed": "; ".join(texts)}


@sentence(
    "A failure that none of these seeds showed is not excluded: with 95 % confidence it may happen in up to {shares} % "
    "of all seeds ({seeds} seeds)."
)
def unseen(facts: Facts, found: Found, where: Where) -> Found:
    counts = [len(differences(facts, task, arch)) for task in facts.tasks for arch in versus(facts, task)]
    ends = sorted({n for n in counts if n > 1})
    shares = [number(100 * stats.beta.ppf(0.95, 1, n), 0) for n in (ends[0], ends[-1])]  # of 0 failures in n
    return {
        "shares": " to ".join(dict.fromkeys(shares)),
        "seeds": " to ".join(dict.fromkeys(map(str, (ends[0], ends[-1])))),
    }


@sentence("Differences from {base}.")
def base(facts: Facts, found: Found, where: Where) -> Found:
    return {"base": facts.baseline}
