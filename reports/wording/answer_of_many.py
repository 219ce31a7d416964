"""Write the answer on a task with three architectures or more: who leads, who can't be told from it, the counts."""

from __future__ import annotations

from reports.findings.ranking import Ranking
from reports.markup.escape import md
from reports.wording.formatting import natural_list
from reports.wording.phrases import (
    difference_with_unit,
    measured_quantity,
    subject,
    value_with_unit,
    winner_lead,
    winner_phrase,
)
from reports.wording.stopping.settled import what_is_open

VERDICT_WORDS = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "unresolved": "not resolvable",
}
"""What follows "is" or "are", by verdict against the baseline."""
PREPOSITIONS = {"better": "than", "worse": "than", "equivalent": "to", "unresolved": "against"}
"""What leads from such a word to the baseline."""


def sentences_for_many(ranking: Ranking, context: str) -> list[str]:
    """Return the sentences on one task; the baseline need not be among the architectures that have a result."""
    if ranking.one_seed:
        return [_measured_once(ranking, context)]
    return [_leader(ranking, context), _against_baseline(ranking), what_is_open(ranking)]


def _higher(ranking: Ranking) -> bool:
    """Tell whether a higher value of the task's metric is better."""
    return ranking.metric.higher_is_better is not False


def _count(ranking: Ranking) -> str:
    """Return how many there are to be ranked, such as "4 architectures"; networks where some have two names."""
    return f"{len(ranking.distinct)} {'networks' if ranking.same_as else 'architectures'}"


def _measured_once(ranking: Ranking, context: str) -> str:
    """Say from where to where one seed's results go, which supports no verdict."""
    top, bottom = ranking.distinct[0], ranking.distinct[-1]
    values = [f"{value_with_unit(ranking.metric, ranking.cells[arch].mean)} ({md(arch)})" for arch in (top, bottom)]
    span = f"{values[0]} {'down' if _higher(ranking) else 'up'} to {values[1]}"
    return f"{subject(ranking)} the {_count(ranking)} measured from {span} of {measured_quantity(ranking)}{context}."


def _leader(ranking: Ranking, context: str) -> str:
    """Say who leads, by how much, who may be the best as well, and who is not."""
    metric, leader = ranking.metric, ranking.distinct[0]
    mean = f"{value_with_unit(metric, ranking.cells[leader].mean)} of {measured_quantity(ranking)}"
    row = ranking.versus_baseline.get(leader)
    over = ""
    if row is not None and row.verdict == "better":
        over = f", {difference_with_unit(metric, row.difference, row.low, row.high)} over {md(ranking.baseline)}"
    if ranking.best:
        second = ranking.distinct[1]
        beaten = ranking.versus_baseline.get(second) if leader == ranking.baseline else None
        if beaten is not None and beaten.verdict == "worse":
            over = f", {winner_lead(beaten, metric)} over {md(second)}, the next"
        text = f"Of {_count(ranking)} {winner_phrase(ranking, leader, best=True)}: {mean}{over}"
        return f"**{text}**{context}."
    highest = "highest" if _higher(ranking) else "lowest"
    head = f"**{subject(ranking)}, no single best: {md(leader)} has the {highest} mean, {mean}{over}**{context}, but "
    if not ranking.ruled_out:
        return f"{head}none of the others can be ruled out as the best."
    rivals, out = ([md(arch) for arch in archs] for archs in (ranking.rivals, ranking.ruled_out))
    farthest = value_with_unit(metric, ranking.cells[ranking.rivals[-1]].mean)
    span = f" ({'down' if _higher(ranking) else 'up'} to {farthest})" if len(rivals) > 1 else ""
    return (
        f"{head}{natural_list(rivals, 3)}{span} can't be ruled out as the best. {natural_list(out, 3)} can: "
        f"{'it is' if len(out) == 1 else 'each is'} worse than another one."
    )


def _against_baseline(ranking: Ranking) -> str:
    """Say how the others stand against the baseline, by name where they are few."""
    if not ranking.versus_baseline:
        return f"The baseline {md(ranking.baseline)} has no result there, so nothing is compared with it."
    judged = {verdict: archs for verdict in VERDICT_WORDS if (archs := ranking.with_verdict(verdict))}
    base, total = md(ranking.baseline), sum(map(len, judged.values()))
    if len(judged) == 1:
        verdict = next(iter(judged))
        return f"All {total} others are {VERDICT_WORDS[verdict]} {PREPOSITIONS[verdict]} {base}."
    parts = []
    for verdict, archs in judged.items():
        names = f" ({natural_list([md(arch) for arch in archs])})" if len(archs) <= 3 else ""
        parts.append(f"{len(archs)} {'is' if len(archs) == 1 else 'are'} {VERDICT_WORDS[verdict]}{names}")
    return f"Against {base}, {natural_list(parts)}."
