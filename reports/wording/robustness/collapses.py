"""Say who collapsed in some seeds, and what the verdicts would be without the seeds that stand out."""

from __future__ import annotations

from itertools import chain
from typing import Any

from reports.findings.collapses import Collapse, collapses, standing_out
from reports.findings.experiment import Experiment
from reports.findings.ranking import Ranking
from reports.markup.escape import md
from reports.wording.answer_of_many import PREPOSITIONS, VERDICT_WORDS
from reports.wording.formatting import natural_list, number, plural, significant
from reports.wording.phrases import difference_with_unit

MOST_NAMED = 3
"""As many are named in a sentence, the others are counted."""


def in_the_answer(experiment: Experiment) -> list[str]:
    """Return who collapsed in some seeds and, if someone did or a verdict hangs on an outlier, the verdicts without."""
    found = [one for ranking in experiment.head_rankings for one in collapses(experiment, ranking.task)]
    return [_collapsed(found), _verdicts_without(experiment.head_rankings, bool(found))]


def rates(experiment: Experiment) -> str:
    """Say how often, in which seeds, and between what rates; empty if nothing collapsed in some seeds."""
    texts = []
    for one in chain.from_iterable(collapses(experiment, task) for task in experiment.rankings):
        low, high = (significant(100 * end, 2) for end in one.rate)
        seeds = f"seed{'s' * (len(one.seeds) > 1)} {natural_list(list(map(str, one.seeds)), 6)}"
        texts.append(f"{_whose(one)} in {_how_many(one)} ({seeds}), {low} to {high} %")
    return f"How often runs collapse, with exact 95 % intervals: {'; '.join(texts)}." if texts else ""


def _whose(one: Collapse) -> str:
    return f"{md(one.arch)} ({md(one.ranking.description.label)})"


def _how_many(one: Collapse) -> str:
    return f"{len(one.seeds)} of {plural(one.finished, 'seed')}"


def _collapsed(found: list[Collapse]) -> str:
    """Say who collapsed in how many seeds, and how far; empty if nobody did."""
    texts = []
    for one in found[:MOST_NAMED]:
        metric = one.ranking.metric
        gap = f"{number(abs(one.shortfall) * metric.scale, metric.digits)} {metric.unit_of_difference}"
        how = "worse" if one.shortfall >= 0 else "better"  # a code that nothing uses can be the better choice
        texts.append(f"{_whose(one)} in {_how_many(one)}, {gap} {how} than in the others")
    texts += [f"{len(found) - MOST_NAMED} more"] * (len(found) > MOST_NAMED)
    return f"**Collapsed in some seeds**, which count in every number: {'; '.join(texts)}." if texts else ""


def _verdicts_without(rankings: list[Ranking], is_collapsed: bool) -> str:
    """Say what the verdicts would be; empty if nothing stands out, or outliers alone that change none."""
    rows = [(ranking, arch, row) for ranking in rankings for arch, row in standing_out(ranking).items()]
    changed = [(ranking, arch, row) for ranking, arch, row in rows if row.verdict_without != row.verdict]
    if not rows or not (changed or is_collapsed):
        return ""
    start = "Without seeds that collapsed or are outliers"
    if len(rows) == 1:
        return f"{start} {_outcome(*rows[0], still='' if changed else 'still ')}."
    if not changed:
        return f"{start} no verdict would change, of {len(rows)} that have such seeds (under *How sure*)."
    texts = [_outcome(*one) for one in changed[:MOST_NAMED]]
    texts += [f"{len(changed) - MOST_NAMED} more"] * (len(changed) > MOST_NAMED)
    count = f"{len(changed)} of {len(rows)} verdicts that have such seeds would change"
    return f"{start} {count}: {'; '.join(texts)} (under *How sure*)."


def _outcome(ranking: Ranking, arch: str, row: Any, still: str = "") -> str:
    """Return what one verdict would be, such as "cnn3 would be worse than cnn2 (VAE, not: not resolvable): −17.8 …"."""
    label = md(ranking.description.label)
    now = "" if row.verdict_without == row.verdict else f", with them {VERDICT_WORDS[row.verdict]}"
    if row.n_without < 2:
        return f"{md(arch)} would have no verdict ({label}{now})"
    verdict = f"{VERDICT_WORDS[row.verdict_without]} {PREPOSITIONS[row.verdict_without]} {md(ranking.baseline)}"
    gap = difference_with_unit(ranking.metric, row.difference_without, row.low_without, row.high_without)
    return f"{md(arch)} would {still}be {verdict} ({label}{now}): {gap}"
