"""What report A has results of and report B has not, so that no verdict covers it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.spec.metrics import Metric
from reports.comparing.rendered_report import Cell
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
    metrics_a, metrics_b = pair.a.metrics_of_cells(), pair.b.metrics_of_cells()
    found: list[Vanished] = []
    for cell in pair.cells[0]:
        if cell not in shared:
            found.append(Vanished(*cell))
            continue
        primary, lost = pair.primary(cell[1]), metrics_a.get(cell, set()) - metrics_b.get(cell, set())
        if primary is not None and primary.name in lost:  # then the others went with it
            found.append(Vanished(*cell, primary))
            continue
        seeds = _lost_seeds(pair, cell, primary) if primary is not None else ()
        found += [Vanished(*cell, primary, seeds)] if seeds else []
        metrics = (pair.declared.metric(name) for name in pair.declared.metric_columns(lost))
        found += [Vanished(*cell, metric) for metric in metrics if metric is not None]
    return found


def _lost_seeds(pair: ReportPair, cell: Cell, metric: Metric) -> tuple[int, ...]:
    """Return the seeds that A has a value of and B has not.

    None if all seeds are others, and no fewer: those are two independent samples, which can be compared as such.
    """
    a, b = pair.values(cell, metric)
    lost = tuple(sorted(a.keys() - b.keys()))
    return () if len(lost) == len(a) <= len(b) else lost
