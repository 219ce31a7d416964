"""The comparison of two reports as Markdown for a terminal, a log or a pull request."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby

from reports.comparing.compare import Cell, Comparison, Moved
from reports.findings.ranking import MARKS
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.rendering import markdown
from reports.wording.words import NOTHING, difference, listed, number, plural, ratio, significant

WORDS = {**MARKS, "same": "identical", "same runs": "same runs"}
UNMOVED = {
    "same": "identical: equal to the last digit",
    "same runs": "same runs: one record stands in both reports, so that it can't have moved",
}


def render(found: Comparison) -> str:
    blocks: list[Block] = [
        Heading(f"{found.a.manifest.get('title', found.a.folder)}: A against B", 1),
        Text(f"A: {md(found.a.folder)}, B: {md(found.b.folder)}. {_verdict(found)}"),
        Heading("Settings"),
    ]
    if found.settings:
        blocks.append(Table(("setting", "A", "B"), found.settings, "lll"))
    else:
        blocks.append(Text("The same in both."))
    for name, cells in (("Only in B", found.added), ("Only in A", found.removed)):
        if cells:
            blocks.append(Text(f"{name}: {listed([_cell(found, cell) for cell in cells], 8)}."))
    blocks.append(Heading("Results"))
    blocks += [Text(md(reason)) for reason in found.not_compared]
    if found.newly_failing:
        failing = [f"{_cell(found, (arch, task))} ({failed} failed)" for arch, task, failed in found.newly_failing]
        blocks.append(Text(f"**More failed runs in B**: {listed(failing, 8)}."))
    moved = [one for one in found.moved if one.verdict in ("better", "worse")]
    still = [one for one in found.moved if one not in moved]
    if moved:
        blocks.append(_table(found, moved))
    if still:
        table = _table(found, still)
        blocks.append(Details(f"{plural(len(still), 'cell')} not moved beyond noise", [table]) if moved else table)
    if left_out := _left_out(found):
        blocks.append(Text(left_out))
    blocks.append(Text(_method(found)))
    return markdown.render(blocks)


def _verdict(found: Comparison) -> str:
    quality = [one for one in found.moved if one.metric.name != "train_images_per_s"]
    counts = Counter(one.verdict for one in quality)
    if quality and counts["same"] + counts["same runs"] == len(quality) and not found.newly_failing:
        return _unmoved(quality)
    if not quality and not found.newly_failing:
        return "**No result could be compared.**"
    same = f", {counts['same runs']} of them the same runs, which can't move" if counts["same runs"] else ""
    if not (counts["better"] or counts["worse"] or found.newly_failing):
        return f"**No result moved beyond noise** ({plural(len(quality), 'cell')} compared{same})."
    parts = [f"{counts['better']} better", f"{counts['worse']} worse"]
    if found.newly_failing:
        parts.append(f"{len(found.newly_failing)} newly failing")
    return f"**Of {plural(len(quality), 'cell')}{same}, B is {', '.join(parts)}.**"


def _unmoved(quality: list[Moved]) -> str:
    """Equal numbers throughout: in all seeds, or in those that both reports have."""
    where = "" if all(one.whole for one in quality) else " on the seeds that both have"
    text = f"**The results are identical{where}.**"
    if all(one.verdict == "same runs" for one in quality):
        text += " They are the same runs, so nothing can have moved."
    return text


def _cell(found: Comparison, cell: Cell) -> str:
    return f"{md(cell[0])} {md(found.label(cell[1]))}"


def _table(found: Comparison, rows: list[Moved]) -> Table:
    headers = ("architecture", "task", "metric", "A", "B", "B − A", "p (Holm)", "seeds", "")
    return Table(headers, tuple(_row(found, one) for one in rows), "lllrrrrll")


def _row(found: Comparison, one: Moved) -> tuple[str, ...]:
    metric = one.metric
    if metric.name == "train_images_per_s":
        values = (significant(math.exp(one.a)), significant(math.exp(one.b)))
        brackets = f" [{math.exp(one.low):.2f}, {math.exp(one.high):.2f}]" if math.isfinite(one.low) else ""
        gap = f"{ratio(math.exp(one.difference))}{brackets}"
    else:
        values = (number(one.a * metric.scale, metric.digits), number(one.b * metric.scale, metric.digits))
        gap = difference(metric, one.difference, one.low, one.high)
    p = NOTHING if math.isnan(one.p) else "< 0.001" if one.p < 0.001 else number(one.p, 3)
    name = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    return one.arch, found.label(one.task), name, *values, gap, p, _seeds(one), WORDS[one.verdict]


def _seeds(one: Moved) -> str:
    """3 paired · 3 paired of 3 and 10 · 2 paired, 1 same run of 3 and 10 · 3 and 5 (none in common)."""
    kinds = [f"{len(one.paired)} paired"] if one.paired else []
    if one.same_runs:
        kinds.append(plural(len(one.same_runs), "same run"))
    counts = f"{one.n[0]} and {one.n[1]}"
    return ", ".join(kinds) if one.whole else f"{', '.join(kinds)} of {counts}" if kinds else counts


def _left_out(found: Comparison) -> str:
    """Which seeds have no partner in the other report, and where; empty if all have, or none has."""
    cells: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[Cell, None]] = {}
    for one in found.moved:
        if any(one.left_out):
            cells.setdefault(one.left_out, {})[one.arch, one.task] = None
    everywhere = len(cells) == 1 and all(any(one.left_out) for one in found.moved)
    parts = []
    for left_out, where in cells.items():
        seeds = [f"{_ranges(own)} of {name}" for name, own in zip("AB", left_out, strict=True) if own]
        parts.append(listed(seeds) + ("" if everywhere else f" ({listed([_cell(found, cell) for cell in where], 8)})"))
    return f"Left out, since the other report has no such result: {'; '.join(parts)}." if parts else ""


def _ranges(seeds: tuple[int, ...]) -> str:
    """seed 4 · seeds 0, 3 to 9."""
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), lambda pair: pair[1] - pair[0])]
    spans = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(spans)}"


def _method(found: Comparison) -> str:
    verdicts = {one.verdict for one in found.moved}
    tested = [one for one in found.moved if one.verdict not in UNMOVED]
    tests = ["paired by seed"] if any(one.paired for one in tested) else []
    if any(one.paired and not one.whole for one in tested):
        tests = ["paired by seed, over the seeds that both have"]
    if any(not one.paired for one in tested):
        tests.append("Welch's t test where no seed is common")
    how = f" with 95 % intervals over seeds ({' and '.join(tests)}), Holm-adjusted per metric" if tests else ""
    if any(one.paired and one.same_runs for one in tested):
        how += "; of the seeds that both have, those whose run is one record in both are in no test"
    unmoved = "".join(f"; {text}" for verdict, text in UNMOVED.items() if verdict in verdicts)
    return (
        f"Differences are B − A{how}; ▲ better, ▼ worse, ≈ too small to matter, ? not resolvable{unmoved}. "
        "Throughput is a ratio of geometric means; it never fails a check, for the load of a machine moves it between "
        "two jobs."
    )
