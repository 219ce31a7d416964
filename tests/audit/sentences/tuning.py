"""Whether the answer holds when each is tuned, what tuning was worth, and which recipe was used where nothing was."""

from __future__ import annotations

from tests.audit.computing.effects import headline
from tests.audit.computing.tuning import Tuned, at_edges, counts, of_tuned, outside, scored, trial_count
from tests.audit.computing.verdicts import WORDS, Judged, best, distinct, versus
from tests.audit.facts import TASKS, Facts, Wrong
from tests.audit.page import Where
from tests.audit.registry import Found, sentence
from tests.audit.sentences.answer import lead, pair
from tests.audit.shown import count, gap, listed

DECIDED = ("better", "worse")
TURNS = "**Tuning turns it around**: when"


def seeds(facts: Facts, task: str) -> str:
    """Return of how many seeds the verdicts on a task are."""
    found = {row.differences.n for row in versus(facts, task).values()} or {len(facts.values(task))}
    span = str(min(found)) if len(found) == 1 else f"{min(found)} to {max(found)}"
    return f"{span} {'paired ' if versus(facts, task) else ''}seeds"


def other_seeds(facts: Facts, own: Tuned, task: str) -> str:
    return f" ({seeds(own, task)})" if seeds(own, task) != seeds(facts, task) else ""


def both(facts: Facts, where: Where) -> tuple[Tuned, Judged, Judged, str]:
    """Return the tuned runs, the verdict on the pair, that on its tuned runs, and who is compared with the baseline."""
    own = of_tuned(facts)
    (other, before), (again, row) = pair(facts, where.task), pair(own, where.task)
    if other != again:
        raise Wrong(f"{other} and {again} are compared")
    return own, before, row, other


@sentence("Also when each is tuned with {trials} trials: {gap}{seeds}.")
def pair_holds(facts: Facts, found: Found, where: Where) -> Found:
    own, before, row, _ = both(facts, where)
    if row.verdict not in DECIDED or before.verdict != row.verdict:
        raise Wrong(f"it was {before.verdict}, and is {row.verdict}")
    return {"trials": str(trial_count(facts)), "gap": lead(row, TASKS[where.task]),
            "seeds": other_seeds(facts, own, where.task)}  # fmt: skip


@sentence("{when} each is tuned with {trials} trials, {winner} is better, {gap} over {loser}{seeds}.")
def pair_decided(facts: Facts, found: Found, where: Where) -> Found:
    own, before, row, other = both(facts, where)
    if row.verdict not in DECIDED or before.verdict == row.verdict:
        raise Wrong(f"it was {before.verdict}, and is {row.verdict}")
    names = (other, facts.baseline) if row.verdict == "better" else (facts.baseline, other)
    return {"when": TURNS if before.verdict in DECIDED else "When", "trials": str(trial_count(facts)),
            "winner": names[0], "gap": lead(row, TASKS[where.task]), "loser": names[1],
            "seeds": other_seeds(facts, own, where.task)}  # fmt: skip


@sentence(
    "{when} each is tuned with {trials} trials, they are equivalent to within ±{margin}: difference {gap}{seeds}."
)
@sentence("{when} each is tuned with {trials} trials{apart}: difference {gap}{seeds}.")
def pair_undecided(facts: Facts, found: Found, where: Where) -> Found:
    own, before, row, _ = both(facts, where)
    task, as_before = TASKS[where.task], before.verdict == row.verdict
    if row.verdict != ("equivalent" if "margin" in found else "unresolved"):
        raise Wrong(f"it is {row.verdict}")
    difference = gap(row.differences.mean, row.low, row.high, task.digits, task.unit_of_difference)
    expected = {"trials": str(trial_count(facts)), "gap": difference, "seeds": other_seeds(facts, own, where.task)}
    if "margin" in found:
        margin = f"{task.margin} {task.unit_of_difference}"
        return {**expected, "when": "Also when" if as_before else "When", "margin": margin}
    if as_before:
        return {**expected, "when": "Nor can they be told apart when", "apart": ""}
    return {**expected, "when": "When", "apart": ", they can't be told apart"}


def changes(facts: Facts, own: Tuned, task: str) -> str:
    """Say which verdicts against the baseline are others when each is tuned."""
    was, now = versus(facts, task), versus(own, task)
    archs = [arch for arch in facts.ranked(task) if arch in was and arch in now]
    other = [arch for arch in archs if was[arch].verdict != now[arch].verdict]
    if not archs:
        return ""
    every = {1: "the verdict", 2: "both verdicts"}.get(len(archs), f"all {len(archs)} verdicts")
    named = listed([f"{arch} from {WORDS[was[arch].verdict]} to {WORDS[now[arch].verdict]}" for arch in other] or [""])
    if not other:
        return f"; {every} against {facts.baseline} {'stays' if len(archs) == 1 else 'stay'}"
    if len(other) == len(archs):
        return f"; {every} against {facts.baseline} {'changes' if len(archs) == 1 else 'change'}: {named}"
    change = "one changes" if len(other) == 1 else f"{len(other)} change"
    return f"; of {len(archs)} verdicts against {facts.baseline} {change}: {named}"


def many(facts: Facts, where: Where) -> Tuned:
    own = of_tuned(facts)
    if len(distinct(facts, where.task)) == 2 == len(distinct(own, where.task)):
        raise Wrong("two networks are a pair")
    return own


@sentence("{when} each is tuned with {trials} trials, {best} is best{over}{changes}{seeds}.")
def best_when_tuned(facts: Facts, found: Found, where: Where) -> Found:
    own, task = many(facts, where), where.task
    winner, before = best(own, task), best(facts, task)
    if winner is None:
        raise Wrong("none is")
    other = facts.baseline if winner != facts.baseline else distinct(own, task)[1]
    row = versus(own, task)[winner if winner != facts.baseline else other]
    over = f", {lead(row, TASKS[task])} over {other}{', the next' if winner == facts.baseline else ''}"
    when = "Also when" if winner == before else TURNS if before else "When"
    return {"when": when, "trials": str(trial_count(facts)), "best": winner, "changes": changes(facts, own, task),
            "over": over if row.verdict in DECIDED else "", "seeds": other_seeds(facts, own, task)}  # fmt: skip


@sentence(
    "When each is tuned with {trials} trials, there is no single best{either}; {leader} has the best "
    "mean{changes}{seeds}."
)
def no_best_when_tuned(facts: Facts, found: Found, where: Where) -> Found:
    own, task = many(facts, where), where.task
    if best(own, task):
        raise Wrong(f"{best(own, task)} is")
    return {"trials": str(trial_count(facts)), "either": "" if best(facts, task) else " either",
            "leader": distinct(own, task)[0], "changes": changes(facts, own, task),
            "seeds": other_seeds(facts, own, task)}  # fmt: skip


@sentence(
    "One recipe for all: Adam at a peak learning rate of {rate}, batches of {batch}; whether the verdicts hold when "
    "each is tuned, `--tune` asks."
)
def one_recipe(facts: Facts, found: Found, where: Where) -> Found:
    if "tuning" in facts.manifest or max(facts.counts) < 2 or len(facts.order) < 2:
        raise Wrong("there is another recipe, or no verdict")
    return {"rate": f"{float(facts.only('lr')):g}", "batch": f"{int(facts.only('batch_size')):,}"}


@sentence(
    "Tuned: of each run the best of {trials} trials by validation, with the verdict against {base} (*When each is "
    "tuned*)."
)
def what_tuned_is(facts: Facts, found: Found, where: Where) -> Found:
    of_tuned(facts)
    return {"trials": str(trial_count(facts)), "base": facts.baseline}


@sentence(
    "The learning rate and the warm-up are the defaults, which were chosen by validation, once for all architectures: "
    "what other rates are worth is under *When each is tuned*."
)
def default_rate(facts: Facts, found: Found, where: Where) -> Found:
    if float(facts.only("lr")) != 8e-3 or "tuning" not in facts.manifest:
        raise Wrong("it is another rate, or nothing was tuned")
    return {}


@sentence(
    "Each run was tried with {trials} recipes{steps}: that of all other numbers on this page (*common*: peak learning "
    "rate {common}), and {further} drawn for its seed, the same for all architectures (peak learning rate from {low} "
    "to {high})."
)
def introduction(facts: Facts, found: Found, where: Where) -> Found:
    (space,) = facts.manifest["tuning"]["space"]
    drawn = facts.trials[facts.trials["trial"] > 0]
    if not drawn["lr"].between(space["low"], space["high"]).all() or space["name"] != "lr":
        raise Wrong("some are outside")
    steps = ", each for its architecture's own number of training steps" if "match" in facts.manifest else ""
    return {"trials": str(trial_count(facts)), "further": str(trial_count(facts) - 1), "low": f"{space['low']:g}",
            "high": f"{space['high']:g}", "common": f"{float(facts.only('lr')):g}", "steps": steps}  # fmt: skip


@sentence("**{label}**")
def of_a_task(facts: Facts, found: Found, where: Where) -> Found:
    if where.section != "When each is tuned":
        raise Wrong(f"a task's name under {where.section}")
    where.task = facts.task(found["label"])
    return {"label": TASKS[where.task].label}


@sentence(
    "± is the standard deviation over seeds{numbers}; *tuned − common*: paired by seed, with its 95 % {interval}; "
    "verdicts as in the table at the top, with Holm's method over the tuned column by itself."
)
def how_to_read(facts: Facts, found: Found, where: Where) -> Found:
    if max(of_tuned(facts).counts) < 2:
        raise Wrong("one seed has no interval")
    numbers = ", their number in parentheses" if len(counts(facts)) > 1 else ""
    return {"numbers": numbers, "interval": "confidence sequence" if facts.anytime else "t interval"}


@sentence(
    "**At the edge of the range** ({label}): the chosen peak learning rate is in an outer tenth of the range, on its "
    "logarithmic scale, of {names}."
)
def edge(facts: Facts, found: Found, where: Where) -> Found:
    task = facts.task(found["label"])
    names = []
    for (arch, end), trials in at_edges(facts, task).items():
        common = f", {trials.count(0)} of them with the common recipe" if 0 in trials else ""
        seeds = count(len(of_tuned(facts).of(task, arch)), "seed")
        names.append(f"{arch} (the {end} end in {len(trials)} of {seeds}{common})")
    return {"label": TASKS[task].label, "names": listed(names, 6)}


@sentence(
    "**Outside of the range** ({label}): the common peak learning rate, {rate}, lies {side} the range that the others "
    "were drawn from, and was chosen for {names}."
)
def outside_of_range(facts: Facts, found: Found, where: Where) -> Found:
    task, rate = facts.task(found["label"]), float(facts.only("lr"))
    names = [f"{arch} ({n} of {count(len(of_tuned(facts).of(task, arch)), 'seed')})"
             for arch, n in outside(facts, task).items()]  # fmt: skip
    side = "above" if rate > facts.manifest["tuning"]["space"][0]["high"] else "below"
    return {"label": TASKS[task].label, "rate": f"{rate:g}", "side": side, "names": listed(names, 6)}


@sentence("A better one may lie beyond.")
def beyond(facts: Facts, found: Found, where: Where) -> Found:
    if not any(at_edges(facts, task) or outside(facts, task) for task in facts.tasks):
        raise Wrong("none is at an edge")
    return {}


@sentence("Of {trials} {parts}.")
def bad_trials(facts: Facts, found: Found, where: Where) -> Found:
    further = scored(facts)[scored(facts)["trial"] > 0]
    failed = further[further["status"] != "finished"]
    diverged = failed["error"].str.startswith("Diverged")
    parts = []
    if diverged.any():
        cells = dict.fromkeys(f"{row.arch} {TASKS[row.task].label}" for row in failed[diverged].itertuples())
        parts.append(f"{diverged.sum()} diverged ({listed(list(cells))})")
    if (~diverged).any():
        parts.append(f"{(~diverged).sum()} failed otherwise ({failed.loc[~diverged, 'error'].iloc[0]})")
    total = len(facts.manifest["run_ids"]) * (trial_count(facts) - 1)
    if missing := total - len(further):
        parts.append(f"{missing} {'has' if missing == 1 else 'have'} no record")
    return {"trials": count(total, "further trial"), "parts": listed(parts)}


@sentence("A trial that failed is never the best.")
def failed_trials(facts: Facts, found: Found, where: Where) -> Found:
    table = scored(facts)
    if not ((table["trial"] > 0) & table["validation"].isna()).any():
        raise Wrong("none failed")
    return {}


@sentence("A run that lacks a trial is not tuned.")
def not_tuned(facts: Facts, found: Found, where: Where) -> Found:
    if len(scored(facts)) == len(facts.manifest["run_ids"]) * trial_count(facts):
        raise Wrong("none lacks one")
    return {}


@sentence("On the grid, each tuned ({label}): {headline}")
def grid(facts: Facts, found: Found, where: Where) -> Found:
    task = facts.task(found["label"])
    return {"label": TASKS[task].label, "headline": headline(of_tuned(facts), task)}
