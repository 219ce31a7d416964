"""The answer for three architectures or more on one task: who leads, who can't be told from it, the tally."""

from __future__ import annotations

from reports.findings.ranking import Ranking
from reports.markup.escape import md
from reports.wording.phrases import claim, gap, measured, shown, subject, won_by
from reports.wording.words import listed

TALLY = {
    "better": "better",
    "worse": "worse",
    "equivalent": "equivalent",
    "unresolved": "not resolvable",
}


def many(ranking: Ranking, context: str) -> list[str]:
    """Sentences for one task; the baseline may or may not be among the architectures that have a result."""
    if ranking.one_seed:
        return [_measured_once(ranking, context)]
    return [_leader(ranking, context), _tally(ranking)]


def higher(ranking: Ranking) -> bool:
    return ranking.metric.higher_is_better is not False


def _measured_once(ranking: Ranking, context: str) -> str:
    top, bottom = ranking.order[0], ranking.order[-1]
    values = [f"{shown(ranking.metric, ranking.cells[arch].mean)} ({md(arch)})" for arch in (top, bottom)]
    span = f"{values[0]} {'down' if higher(ranking) else 'up'} to {values[1]}"
    return f"{subject(ranking)} the {len(ranking.order)} architectures measured from {span} of {measured(ranking)}{context}."


def _leader(ranking: Ranking, context: str) -> str:
    metric, leader = ranking.metric, ranking.order[0]
    mean = f"{shown(metric, ranking.cells[leader].mean)} of {measured(ranking)}"
    row = ranking.versus.get(leader)
    over = ""
    if row is not None and row.verdict == "better":
        over = f", {gap(metric, row.difference, row.low, row.high)} over {md(ranking.baseline)}"
    if ranking.best:
        second = ranking.order[1]
        beaten = ranking.versus.get(second) if leader == ranking.baseline else None
        if beaten is not None and beaten.verdict == "worse":
            over = f", {won_by(beaten, metric)} over {md(second)}, the next"
        text = f"Of {len(ranking.order)} architectures {claim(ranking, leader, best=True)}: {mean}{over}"
        return f"**{text}**{context}."
    everyone = len(ranking.rivals) == len(ranking.order) - 1
    rivals = "none of the others" if everyone else listed([md(arch) for arch in ranking.rivals], 3)
    return (
        f"**{subject(ranking)}, no single best: {md(leader)} has the {'highest' if higher(ranking) else 'lowest'} mean, "
        f"{mean}{over}**{context}, but {rivals} can{'' if everyone else chr(39) + 't'} be told apart from it."
    )


def _tally(ranking: Ranking) -> str:
    """How the others stand against the baseline, named where they are few."""
    if not ranking.versus:
        return f"The baseline {md(ranking.baseline)} has no result there, so nothing is compared with it."
    judged = {verdict: archs for verdict in TALLY if (archs := ranking.with_verdict(verdict))}
    base, total = md(ranking.baseline), len(ranking.versus)
    if len(judged) == 1:
        verdict = next(iter(judged))
        return (
            f"All {total} others are {TALLY[verdict]} {'than' if verdict in ('better', 'worse') else 'against'} {base}."
        )
    parts = []
    for verdict, archs in judged.items():
        names = f" ({listed([md(arch) for arch in archs])})" if len(archs) <= 3 else ""
        parts.append(f"{len(archs)} {'is' if len(archs) == 1 else 'are'} {TALLY[verdict]}{names}")
    return f"Against {base}, {listed(parts)}."
