"""The comparison of two reports as Markdown for a terminal, a log or a pull request."""

from __future__ import annotations

import math

from reports.comparing.compare import Cell, Comparison, Moved
from reports.findings.ranking import MARKS
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.rendering import markdown
from reports.wording.phrases import shown_task
from reports.wording.words import NOTHING, difference, listed, number, plural, ratio, significant

WORDS = {**MARKS, "same": "identical"}


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
            blocks.append(Text(f"{name}: {listed([_cell(cell) for cell in cells], 8)}."))
    blocks.append(Heading("Results"))
    blocks += [Text(md(reason)) for reason in found.not_compared]
    if found.newly_failing:
        failing = [f"{_cell((arch, task))} ({failed} failed)" for arch, task, failed in found.newly_failing]
        blocks.append(Text(f"**More failed runs in B**: {listed(failing, 8)}."))
    moved = [one for one in found.moved if one.verdict in ("better", "worse")]
    still = [one for one in found.moved if one not in moved]
    if moved:
        blocks.append(_table(moved))
    if still:
        table = _table(still)
        blocks.append(Details(f"{plural(len(still), 'cell')} not moved beyond noise", [table]) if moved else table)
    blocks.append(Text(_method(found)))
    return markdown.render(blocks)


def _verdict(found: Comparison) -> str:
    quality = [one for one in found.moved if one.metric.name != "train_images_per_s"]
    counts = {verdict: sum(one.verdict == verdict for one in quality) for verdict in ("better", "worse", "same")}
    if quality and counts["same"] == len(quality) and not found.newly_failing:
        return "**The results are identical.**"
    if not (counts["better"] or counts["worse"] or found.newly_failing):
        return f"**No result moved beyond noise** ({plural(len(quality), 'cell')} compared)."
    parts = [f"{counts['better']} better", f"{counts['worse']} worse"]
    if found.newly_failing:
        parts.append(f"{len(found.newly_failing)} newly failing")
    return f"**Of {plural(len(quality), 'cell')}, B is {', '.join(parts)}.**"


def _cell(cell: Cell) -> str:
    return f"{md(cell[0])} {md(shown_task(cell[1]))}"


def _table(rows: list[Moved]) -> Table:
    headers = ("architecture", "task", "metric", "A", "B", "B − A", "p (Holm)", "seeds", "")
    return Table(headers, tuple(_row(one) for one in rows), "lllrrrrll")


def _row(one: Moved) -> tuple[str, ...]:
    metric = one.metric
    if metric.name == "train_images_per_s":
        values = (significant(math.exp(one.a)), significant(math.exp(one.b)))
        brackets = f" [{math.exp(one.low):.2f}, {math.exp(one.high):.2f}]" if math.isfinite(one.low) else ""
        gap = f"{ratio(math.exp(one.difference))}{brackets}"
    else:
        values = (number(one.a * metric.scale, metric.digits), number(one.b * metric.scale, metric.digits))
        gap = difference(metric, one.difference, one.low, one.high)
    p = NOTHING if math.isnan(one.p) else "< 0.001" if one.p < 0.001 else number(one.p, 3)
    seeds = f"{one.n[0]} paired" if one.paired else f"{one.n[0]} and {one.n[1]}"
    name = f"{metric.label} ({metric.unit})"
    return one.arch, shown_task(one.task), name, *values, gap, p, seeds, WORDS[one.verdict]


def _method(found: Comparison) -> str:
    kinds = {one.paired for one in found.moved}
    tests = [
        name
        for paired, name in ((True, "paired by seed"), (False, "Welch's t test where the seeds differ"))
        if paired in kinds
    ]
    return (
        f"Differences are B − A with 95 % intervals over seeds ({' and '.join(tests) or 'none'}), Holm-adjusted per metric; "
        "▲ better, ▼ worse, ≈ too small to matter, ? not resolvable. Throughput is a ratio of geometric means; it never fails a check, for the "
        "load of a machine moves it between two jobs."
    )
