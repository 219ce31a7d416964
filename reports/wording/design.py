"""Say whether a report is as planned, and in what it is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bench.spec.task import MAX_TEXT_LENGTH
from bench.store.design import FILE, Design
from reports.findings.deviations import Deviation, Value, deviations
from reports.findings.experiment import Experiment
from reports.markup.escape import md
from reports.reading.design import read_design
from reports.wording.formatting import natural_list, plural
from reports.wording.racing import planned as racing
from reports.wording.speeds import MONTHS
from reports.wording.stopping.settled import as_planned

FIXED_BEFOREHAND = "the verdicts assume a number of seeds that was fixed beforehand"
ADDED = "if they were added in sight of the results, the intervals don't hold"
STOPPING = {"fixed": "a number of seeds fixed beforehand", "until sure": "seeds added until settled", "race": "a race"}
"""By what rule there are enough seeds → in words."""
CAN_T_BE_TOLD = "so that what was planned can't be told"
STATES = {
    "missing": f"{FILE}, the plan of what this page shows, is not there any more, {CAN_T_BE_TOLD}.",
    "changed": f"{FILE}, the plan of what this page shows, was changed since, {CAN_T_BE_TOLD}.",
}
EQUAL = {"epochs": "epochs", "flops": "training FLOPs", "time": "training time"}
"""What was equal for all architectures → in words."""
ENDINGS = {"added": "added", "missing": "planned and not shown", "changed": "changed since"}
"""Second word of a deviation's kind → what is said of the architectures or tasks."""
CLAUSES = {
    "first look": "first look at {found} seeds instead of {planned}",
    "most seeds": "at most {found} seeds instead of {planned}",
    "ended": "stopped before {planned}",
}
"""Kind of a deviation of how seeds were added → its clause."""
TO_COME = {"settled": "all was settled", "over": "the race was over"}
"""How the adding of seeds was to end → what had not come when it was stopped."""


def about_design(experiment: Experiment) -> str:
    """Say whether all is as planned, else in what it is not, as Markdown; empty for a report without a design."""
    found = read_design(experiment.folder, experiment.manifest)
    if found is None:
        return ""
    design = found.design
    if design is None:
        return STATES[found.state]
    clauses = in_words(deviations(experiment, design))
    when = date_in_words(design.created)
    rule = f": {as_planned(experiment.stopping)}" if experiment.stopping else ""
    if experiment.race is not None:
        rule = f": {racing.as_planned(experiment.race, design)}"
    head = f"As planned ({FILE}, {when}){rule}."
    if clauses:
        head = f"**Not as planned** ({FILE}, {when}): {'; '.join(clauses)}."
    return f"{head} {_made_before(design)}".rstrip()


def _made_before(design: Design) -> str:
    """Say how many of the runs were there before the plan was, so that it could be made by their results."""
    if not (before := design.runs.made_before):
        return ""
    planned = plural(design.runs.planned, "planned run")
    of = f"at most {planned}" if design.stopping.kind != "fixed" else f"the {planned}"
    many = f"All {planned} were" if before == design.runs.planned else f"{before} of {of} were"
    return f"{many} in the store when the plan was written: it could be made by their results."


def deviations_of_verdicts(experiment: Experiment) -> str:
    """Return a sentence on what the verdicts are about otherwise than planned, as Markdown; mostly empty."""
    found = read_design(experiment.folder, experiment.manifest)
    if found is None or found.design is None:
        return ""
    grave = [one for one in deviations(experiment, found.design) if one.bears_on_verdicts]
    if not grave:
        return ""
    return f"Not as planned: {'; '.join(in_words(grave))}{_what_follows(grave)}."


def _what_follows(found: Iterable[Deviation]) -> str:
    """Say in parentheses what other seeds than planned mean for the verdicts; empty if they are as planned."""
    for one in found:
        if (one.kind, one.found) == ("stopping", "fixed"):
            return f" ({ADDED})"
        if one.kind == "seeds" or (one.kind == "confirmation" and one.found and one.planned):
            return f" ({ADDED if _number(one.found) > _number(one.planned) else FIXED_BEFOREHAND})"
    return ""


def in_words(found: Iterable[Deviation]) -> list[str]:
    """Return a clause for each deviation, as Markdown; architectures or tasks of one kind share a clause."""
    together: dict[object, list[Deviation]] = {}
    for one in found:
        is_named = one.kind.partition(" ")[2] in ENDINGS
        together.setdefault(one.kind if is_named else one, []).append(one)
    return [_clause(group) for group in together.values()]


def clause(one: Deviation) -> str:
    """Return what a single deviation is, as Markdown."""
    return _clause([one])


def _clause(group: list[Deviation]) -> str:
    """Return the clause of deviations of one kind, of which there are several only where each has a name."""
    one, names = group[0], [md(each.subject) for each in group]
    what, _, ending = one.kind.partition(" ")
    if ending in ENDINGS:
        return f"{what}{'s' if len(group) > 1 else ''} {natural_list(names, len(names))} {ENDINGS[ending]}"
    if one.kind == "unfinished":
        runs = int(_number(one.planned))
        return f"{runs - int(_number(one.found))} of {plural(runs, 'planned run')} without a result"
    if one.kind == "evaluation" and one.subject:
        return f"evaluation {names[0]} with other settings"
    if one.kind == "seeds":
        return f"{plural(int(_number(one.found)), 'seed')} instead of {_text(one.planned)}"
    if one.kind in CLAUSES:
        planned = TO_COME.get(str(one.planned), _text(one.planned))
        return CLAUSES[one.kind].format(found=_text(one.found), planned=planned)
    if one.kind in ("race", "confirmation"):
        return racing.clause(one)
    if one.kind == "stopping":
        found, planned = (STOPPING.get(str(value), _text(value)) for value in (one.found, one.planned))
        return f"{found} instead of {planned}"
    if one.kind == "trials":
        return f"{plural(int(_number(one.found)), 'trial')} of each run instead of {_text(one.planned)}"
    if one.kind == "equal":
        found, planned = (EQUAL.get(str(value), _text(value)) for value in (one.found, one.planned))
        return f"equal {found} instead of equal {planned}"
    if one.kind == "direction":
        found, planned = ("higher" if value else "lower" for value in (one.found, one.planned))
        return f"{names[0]}: {found} counts as better, not {planned}"
    subject = {"setting": names[0].replace("\\_", " "), "data": "fingerprint of the data"}.get(one.kind, one.kind)
    of = f"{names[0]}: " if one.kind in ("metric", "margin", "labels") else ""
    is_of_images = one.subject == "train_images"
    found, planned = ("all" if is_of_images and value is None else _text(value) for value in (one.found, one.planned))
    return f"{of}{subject} {found} instead of {planned}"


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: Value) -> str:
    """Format a value of a design."""
    if isinstance(value, tuple):
        return natural_list([f"{count:,}" for count in value], len(value))
    return "none" if value is None else md(value, MAX_TEXT_LENGTH)


def date_in_words(when: datetime) -> str:
    """Return a moment of UTC such as "28 November 2026, 04:15 UTC"."""
    when = when.astimezone(UTC)
    return f"{when.day} {MONTHS[when.month - 1]} {when:%Y, %H:%M} UTC"
