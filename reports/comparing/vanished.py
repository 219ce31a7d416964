"""What report A has results of and report B has not, so that no verdict covers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.spec.metrics import Metric
from reports.comparing.report_pair import ReportPair


@dataclass(frozen=True)
class Vanished:
    """Results of one architecture on one task that only A has."""

    arch: str
    """The architecture."""

    task: str
    """Name of the task."""

    metric: Metric | None = None
    """The metric that B lacks; None if B lacks the architecture on this task altogether."""

    seeds: tuple[int, ...] = ()
    """The seeds that B lacks the metric of; empty if it lacks the metric of all."""


def vanished(pair: ReportPair) -> list[Vanished]:
    """Return everything that B lacks, in the order of A."""
    shared = set(pair.shared_cells)
    found: list[Vanished] = []
    for arch, task in pair.cells[0]:
        found += _of_cell(pair, arch, task) if (arch, task) in shared else [Vanished(arch, task)]
    return found


def _of_cell(pair: ReportPair, arch: str, task: str) -> Iterator[Vanished]:
    """Yield what B lacks of a cell that it has: the primary metric, or else some of its seeds and other metrics."""
    primary = pair.primary(task)
    if primary is not None:
        a, b = pair.values((arch, task), primary)
        if a and not b:
            yield Vanished(arch, task, primary)
            return
        lacking = tuple(sorted(a.keys() - b.keys()))
        replaced = len(lacking) == len(a) <= len(b)  # all by others: two independent samples can be compared, too
        if lacking and not replaced:
            yield Vanished(arch, task, primary, lacking)
    for name in pair.declared.metric_columns(pair.a.runs.columns):
        metric = pair.declared.metric(name)
        if metric is not None and metric != primary:
            a, b = pair.values((arch, task), metric)
            if a and not b:
                yield Vanished(arch, task, metric)
