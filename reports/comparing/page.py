"""Write the comparison of two reports as Markdown, for a terminal, a log or a pull request."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby

from reports.comparing.compare import ReportComparison
from reports.comparing.metric_change import THROUGHPUT, MetricChange
from reports.comparing.rendered_report import Cell
from reports.findings.ranking import VERDICT_MARKS
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md
from reports.rendering import markdown
from reports.wording.budget import budget, page_title
from reports.wording.formatting import NO_VALUE, difference, natural_list, number, plural, ratio, significant

VERDICT_WORDS = {**VERDICT_MARKS, "same": "identical", "same runs": "same runs"}
"""What the table says, by verdict."""
MOST_OPEN = 20
"""Results missing in B up to which their list is open; a longer one is folded."""
UNTESTED = {
    "same": "identical: equal to the last digit",
    "same runs": "same runs: one record stands in both reports, so that it can't have moved",
    "same network": "= the same network as another architecture, whose change is tested",
}
"""Verdict without a test → what it means."""


def render(comparison: ReportComparison) -> str:
    """Return the whole document."""
    blocks: list[Block] = [
        Heading(f"{_title(comparison)}: A against B", 1),
        Text(f"A: {md(comparison.a.folder)}, B: {md(comparison.b.folder)}. {_verdict(comparison)}"),
        *_vanished(comparison),
        Heading("Settings"),
    ]
    if comparison.settings:
        blocks.append(Table(("setting", "A", "B"), comparison.settings, "lll"))
    else:
        blocks.append(Text("The same in both."))
    if comparison.added:
        names = [_cell_name(comparison, cell) for cell in comparison.added]
        blocks.append(Text(f"Only in B: {natural_list(names, 8)}."))
    blocks.append(Heading("Results"))
    blocks += [Text(f"**Not compared**: {reason}") for reason in comparison.incomparable]
    blocks += [Text(note) for note in comparison.notes]
    if comparison.newly_failing:
        failing = [
            f"{_cell_name(comparison, (arch, task))} ({failed} failed)"
            for arch, task, failed in comparison.newly_failing
        ]
        blocks.append(Text(f"**More failed runs in B**: {natural_list(failing, 8)}."))
    moved = [change for change in comparison.changes if change.verdict in ("better", "worse")]
    still = [change for change in comparison.changes if change not in moved]
    if moved:
        blocks.append(_table(comparison, moved))
    if still:
        table = _table(comparison, still)
        blocks.append(Details(f"{plural(len(still), 'cell')} not moved beyond noise", [table]) if moved else table)
    if unmatched := _unmatched(comparison):
        blocks.append(Text(unmatched))
    blocks.append(Text(_method(comparison)))
    return markdown.render(blocks)


def _title(comparison: ReportComparison) -> str:
    """Return the title of A, with the budget where both have the same; the settings say it where they differ."""
    a, b = comparison.a, comparison.b
    manifest = {"title": str(a.folder), **a.manifest}
    same = budget(a.manifest, a.runs) == budget(b.manifest, b.runs)
    return page_title(manifest, a.runs) if same else str(manifest["title"])


def _verdict(comparison: ReportComparison) -> str:
    """Say in a sentence whether B is better or worse, throughput left out, and in another how much of A it lacks."""
    quality = comparison.quality
    counts = Counter(change.verdict for change in quality)
    untested = sum(not change.is_judged for change in quality)
    same = f", {counts['same runs']} of them the same runs, which can't move" if counts["same runs"] else ""
    too_few = f", {untested} of them with too few seeds for a verdict" if untested else ""
    if comparison.is_empty:
        verdict = "**No result could be compared.**"
    elif comparison.is_unjudged:
        verdict = f"**No result could be judged**: no difference has an interval ({plural(len(quality), 'cell')})."
    elif comparison.newly_failing or counts["better"] or counts["worse"]:
        parts = [f"{counts['better']} better", f"{counts['worse']} worse"]
        if comparison.newly_failing:
            parts.append(f"{len(comparison.newly_failing)} newly failing")
        verdict = f"**Of {plural(len(quality), 'cell')}{same}{too_few}, B is {', '.join(parts)}.**"
    elif all(change.verdict in ("same", "same runs") for change in (*quality, *_repeated(comparison))):
        verdict = _identical(comparison)
    else:
        verdict = f"**No result moved beyond noise** ({plural(len(quality), 'cell')} compared{same}{too_few})."
    lacking = len({(one.arch, one.task) for one in comparison.vanished})
    return verdict + (f" **B lacks results of {plural(lacking, 'cell')} that A has.**" if lacking else "")


def _repeated(comparison: ReportComparison) -> list[MetricChange]:
    """Return the changes in quality of what is the same network as another architecture and has other numbers."""
    changes = (change for change in comparison.changes if change.metric.name != THROUGHPUT)
    return [change for change in changes if change.verdict == "same network"]


def _identical(comparison: ReportComparison) -> str:
    """Say that all numbers are equal: all that A has, or those that both reports have."""
    quality = comparison.quality
    where = "" if all(change.same_seeds for change in quality) else " on the seeds that both have"
    if any(not one.seeds for one in comparison.vanished):
        where = " where both have any"
    text = f"**The results are identical{where}.**"
    if all(change.verdict == "same runs" for change in quality):
        text += " They are the same runs, so nothing can have moved."
    return text


def _vanished(comparison: ReportComparison) -> list[Block]:
    """Name all that only A has."""
    if not comparison.vanished:
        return []
    lines = []
    for one in comparison.vanished:
        what = f": {md(one.metric.label)}" if one.metric else ""
        seeds = f", {_ranges(one.seeds)}" if one.seeds else ""
        lines.append(f"- {_cell_name(comparison, (one.arch, one.task))}{what}{seeds}")
    intro = "**Missing in B**, so that there is no verdict on it:"
    if len(lines) <= MOST_OPEN:
        return [Text(f"{intro}\n\n" + "\n".join(lines))]
    return [Details(f"Missing in B, so that there is no verdict on it: {len(lines)} results", [Text("\n".join(lines))])]


def _cell_name(comparison: ReportComparison, cell: Cell) -> str:
    """Return the architecture and the task's name on the page, as Markdown."""
    return f"{md(cell[0])} {md(comparison.label(cell[1]))}"


def _table(comparison: ReportComparison, rows: list[MetricChange]) -> Table:
    """Return a row per change."""
    headers = ("architecture", "task", "metric", "A", "B", "B − A", "p (Holm)", "seeds", "")
    return Table(headers, tuple(_row(comparison, change) for change in rows), "lllrrrrll")


def _row(comparison: ReportComparison, change: MetricChange) -> tuple[str, ...]:
    metric = change.metric
    if metric.name == THROUGHPUT:
        values = (significant(math.exp(change.mean_a)), significant(math.exp(change.mean_b)))
        brackets = f" [{math.exp(change.low):.2f}, {math.exp(change.high):.2f}]" if math.isfinite(change.low) else ""
        gap = f"{ratio(math.exp(change.difference))}{brackets}"
    else:
        values = (
            number(change.mean_a * metric.scale, metric.digits),
            number(change.mean_b * metric.scale, metric.digits),
        )
        gap = difference(metric, change.difference, change.low, change.high)
    p = NO_VALUE if math.isnan(change.p) else "< 0.001" if change.p < 0.001 else number(change.p, 3)
    name = f"{metric.label} ({metric.unit})" if metric.unit else metric.label
    task, verdict = comparison.label(change.task), VERDICT_WORDS[change.verdict]
    return change.arch, task, name, *values, gap, p, _seeds(change), verdict


def _seeds(change: MetricChange) -> str:
    """Say how many seeds were compared, and how: "2 paired, 1 same run of 3 and 10"; "3 and 5" if none is common."""
    kinds = [f"{len(change.paired_seeds)} paired"] if change.paired_seeds else []
    if change.same_run_seeds:
        kinds.append(plural(len(change.same_run_seeds), "same run"))
    counts = f"{change.n[0]} and {change.n[1]}"
    return ", ".join(kinds) if change.same_seeds else f"{', '.join(kinds)} of {counts}" if kinds else counts


def _unmatched(comparison: ReportComparison) -> str:
    """Say which seeds were left out since the other report lacks them, and of which cells; empty if none was."""
    cells: dict[tuple[tuple[int, ...], tuple[int, ...]], dict[Cell, None]] = {}
    for change in comparison.changes:
        if any(change.unmatched_seeds):
            cells.setdefault(change.unmatched_seeds, {})[change.arch, change.task] = None
    everywhere = len(cells) == 1 and all(any(change.unmatched_seeds) for change in comparison.changes)
    parts = []
    for unmatched_seeds, where in cells.items():
        seeds = [f"{_ranges(own)} of {name}" for name, own in zip("AB", unmatched_seeds, strict=True) if own]
        names = natural_list([_cell_name(comparison, cell) for cell in where], 8)
        parts.append(natural_list(seeds) + ("" if everywhere else f" ({names})"))
    return f"Left out, since the other report has no such result: {'; '.join(parts)}." if parts else ""


def _ranges(seeds: tuple[int, ...]) -> str:
    """Format seeds with runs of neighbours joined, such as "seed 4" or "seeds 0, 3 to 9"."""
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), lambda pair: pair[1] - pair[0])]
    spans = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(spans)}"


def _method(comparison: ReportComparison) -> str:
    """Say how the differences were taken and tested, and what the marks mean."""
    verdicts = {change.verdict for change in comparison.changes}
    tested = [change for change in comparison.changes if change.verdict not in UNTESTED]
    tests = ["paired by seed"] if any(change.paired_seeds for change in tested) else []
    if any(change.paired_seeds and not change.same_seeds for change in tested):
        tests = ["paired by seed, over the seeds that both have"]
    if any(not change.paired_seeds for change in tested):
        ordinary = ", which is for a number of seeds fixed beforehand," if comparison.anytime else ""
        tests.append(f"Welch's t test{ordinary} where no seed is common")
    wide = "as wide as the verdicts among all changes of a metric take (Holm's method at 5 %), and 95 % or more"
    sequences = any(change.differences is not None for change in tested)
    kind = "confidence sequences, which hold at any number of seeds," if sequences else "intervals over seeds"
    how = f" with {kind} ({' and '.join(tests)}), {wide}" if tests else ""
    if any(change.paired_seeds and change.same_run_seeds for change in tested):
        how += "; of the seeds that both have, those whose run is one record in both are in no test"
    unmoved = "".join(f"; {text}" for verdict, text in UNTESTED.items() if verdict in verdicts)
    return (
        f"Differences are B − A{how}; ▲ better, ▼ worse, ≈ too small to matter, ? not resolvable{unmoved}. "
        f"Throughput is a ratio of geometric means{', with t intervals' if sequences else ''}; it never fails a check, "
        "for the load of a machine moves it between two jobs."
    )
