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
from reports.wording.speeds import MONTHS

FIXED_BEFOREHAND = "the verdicts assume a number of seeds that was fixed beforehand"
CAN_T_BE_TOLD = "so that what was planned can't be told"
STATES = {
    "missing": f"{FILE}, the plan of what this page shows, is not there any more, {CAN_T_BE_TOLD}.",
    "changed": f"{FILE}, the plan of what this page shows, was changed since, {CAN_T_BE_TOLD}.",
}
EQUAL = {"epochs": "epochs", "flops": "training FLOPs", "time": "training time"}
"""What was equal for all architectures → in words."""
ENDINGS = {"added": "added", "missing": "planned and not shown", "changed": "changed since"}
"""Second word of a deviation's kind → what is said of the architectures or tasks."""


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
    head = f"**Not as planned** ({FILE}, {when}): {'; '.join(clauses)}." if clauses else f"As planned ({FILE}, {when})."
    return f"{head} {_made_before(design)}".rstrip()


def _made_before(design: Design) -> str:
    """Say how many of the runs were there before the plan was, so that it could be made by their results."""
    if not (before := design.runs.made_before):
        return ""
    planned = plural(design.runs.planned, "planned run")
    many = f"All {planned} were" if before == design.runs.planned else f"{before} of the {planned} were"
    return f"{many} in the store when the plan was written: it could be made by their results."


def deviations_of_verdicts(experiment: Experiment) -> str:
    """Return a sentence on what the verdicts are about otherwise than planned, as Markdown; mostly empty."""
    found = read_design(experiment.folder, experiment.manifest)
    if found is None or found.design is None:
        return ""
    grave = [one for one in deviations(experiment, found.design) if one.bears_on_verdicts]
    if not grave:
        return ""
    assumed = f" ({FIXED_BEFOREHAND})" if any(one.kind == "seeds" for one in grave) else ""
    return f"Not as planned: {'; '.join(in_words(grave))}{assumed}."


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
        return f"{int(_number(one.planned) - _number(one.found))} of {_text(one.planned)} planned runs without a result"
    if one.kind == "evaluation" and one.subject:
        return f"evaluation {names[0]} with other settings"
    if one.kind == "seeds":
        return f"{plural(int(_number(one.found)), 'seed')} instead of {_text(one.planned)}"
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
