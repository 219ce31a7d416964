"""Show what is not in the numbers: failed runs, missing ones, illegal cells, and tasks that don't apply."""

from __future__ import annotations

from collections.abc import Iterator

from bench.spec.output.counts import it_or_them
from reports.markup.blocks import Block, Details, Heading, Table, Text
from reports.markup.escape import md, one_line
from reports.sections.context import Context
from reports.wording.formatting import natural_list, plural

MOST_LISTED = 200
"""Rows of a folded table."""


def blocks(context: Context) -> Iterator[Block]:
    """Yield the section; nothing if everything that was asked for is in the numbers."""
    experiment = context.experiment
    failed = [
        (row.arch, row.task, str(row.seed), one_line(row.error or "no error text", 200))
        for row in experiment.failed.itertuples(index=False)
    ]
    illegal = [(str(item["arch"]), one_line(item["reason"])) for item in experiment.manifest.get("illegal") or []]
    left_out = [(str(item["arch"]), one_line(item["reason"])) for item in experiment.manifest.get("left_out") or []]
    skipped = [str(item["reason"]) for item in experiment.manifest.get("skipped") or []]
    without_record = experiment.without_record
    failed_evaluations = [
        (
            run.spec["arch"],
            run.spec["task"],
            str(run.spec["seed"]),
            str(evaluation.spec["part"]),
            one_line(evaluation.error or "", 200),
        )
        for run, evaluation in experiment.failed_evaluations
    ]
    if not (failed or illegal or left_out or skipped or without_record or failed_evaluations):
        return
    yield Heading("What is not in the numbers")
    if failed:
        count = len(failed)
        yield Text(
            f"{plural(count, 'run')} of {experiment.planned} failed. Nothing stands in for {it_or_them(count)}; "
            f"pairs that lack a side are dropped. {_again(count)}"
        )
        table = Table(("architecture", "task", "seed", "error"), tuple(failed), "llrl")
        yield table if len(failed) <= 20 else Details(f"All {len(failed)} failures", [table])
    if failed_evaluations:
        count = len(failed_evaluations)
        yield Text(f"{plural(count, 'evaluation')} failed; the runs themselves are finished. {_again(count)}")
        yield Table(("architecture", "task", "seed", "part", "error"), tuple(failed_evaluations), "llrll")
    if without_record:
        have = "has" if without_record == 1 else "have"
        stopped_by = experiment.manifest.get("stopped_by")
        why = "not run yet, or removed."
        if stopped_by:
            why += f" The job was stopped by {md(stopped_by)}; the same command goes on from there."
        yield Text(f"{plural(without_record, 'run')} of {experiment.planned} {have} no record: {why}")
    if illegal:
        are = "is" if len(illegal) == 1 else "are"
        yield Text(f"{plural(len(illegal), 'cell')} of the grid {are} not a legal architecture:")
        yield Table(("cell", "reason"), tuple(illegal), "ll")
    if left_out:
        named = natural_list([md(name) for name, _ in left_out])
        are = "is" if len(left_out) == 1 else "are"
        yield Text(f"{plural(len(left_out), 'architecture')} {are} over a limit of size and not trained: {named}.")
        if len(left_out) <= MOST_LISTED:
            table = Table(("architecture", "reason"), tuple(left_out), "ll")
            yield Details(f"What is left out, and why ({len(left_out)})", [table])
    if skipped:
        yield Text("Not computed: " + "; ".join(md(reason) for reason in dict.fromkeys(skipped)) + ".")


def _again(count: int) -> str:
    """Say how what failed is tried again: not by the same command alone, which takes it as done."""
    return f"The same command with `--retry-failed` tries {it_or_them(count)} again."
