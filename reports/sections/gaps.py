"""What is not in the numbers: failed runs with their errors, missing ones, illegal cells, tasks that don't apply."""

from __future__ import annotations

from collections.abc import Iterator

from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md, one_line
from reports.sections.context import Context
from reports.wording.words import plural


def blocks(context: Context) -> Iterator[Block]:
    experiment = context.experiment
    failed = [
        (row.arch, row.task, str(row.seed), one_line(row.error or "no error text", 200))
        for row in experiment.failed.itertuples(index=False)
    ]
    illegal = [(str(item["arch"]), one_line(item["reason"])) for item in experiment.manifest.get("illegal") or []]
    skipped = [str(item["reason"]) for item in experiment.manifest.get("skipped") or []]
    absent = experiment.absent
    parts = [
        (
            run.spec["arch"],
            run.spec["task"],
            str(run.spec["seed"]),
            str(part.spec["part"]),
            one_line(part.error or "", 200),
        )
        for run, part in experiment.failed_evaluations
    ]
    if not (failed or illegal or skipped or absent or parts):
        return
    yield Heading("What is not in the numbers")
    if failed:
        yield Text(
            f"{plural(len(failed), 'run')} of {experiment.planned} failed. Nothing stands in for them; pairs that lack a side are dropped."
        )
        table = Table(("architecture", "task", "seed", "error"), tuple(failed), "llrl")
        yield table if len(failed) <= 20 else Details(f"All {len(failed)} failures", [table])
    if parts:
        yield Text(f"{plural(len(parts), 'evaluation')} failed; the runs themselves are finished.")
        yield Table(("architecture", "task", "seed", "part", "error"), tuple(parts), "llrll")
    if absent:
        yield Text(
            f"{plural(absent, 'run')} of {experiment.planned} {'has' if absent == 1 else 'have'} no record: not run yet, or removed."
        )
    if illegal:
        yield Text(
            f"{plural(len(illegal), 'cell')} of the grid {'is' if len(illegal) == 1 else 'are'} not a legal architecture:"
        )
        yield Table(("cell", "reason"), tuple(illegal), "ll")
    if skipped:
        yield Text("Not computed: " + "; ".join(md(reason) for reason in dict.fromkeys(skipped)) + ".")
