"""Two rendered reports, and what is asked of both at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from bench.spec.declared import Declared
from bench.spec.metrics import Metric
from bench.statistics.comparisons import seed_values
from bench.statistics.networks import same_networks
from reports.comparing.metric_change import THROUGHPUT
from reports.comparing.rendered_report import Cell, RenderedReport
from reports.findings.machines import Machine, machines_of
from reports.reading.manifest import holds_at_any_look


@dataclass(frozen=True)
class ReportPair:
    """Two reports, and what is asked of both at once."""

    a: RenderedReport
    """The reference."""

    b: RenderedReport
    """What is judged."""

    @cached_property
    def declared(self) -> Declared:
        """What is known of the tasks and metrics of either."""
        return self.a.declared.merged_with(self.b.declared)

    @cached_property
    def cells(self) -> tuple[list[Cell], list[Cell]]:
        """The cells of A and those of B, in the order of their rows."""
        a, b = (list(dict.fromkeys((row.arch, row.task) for row in one.runs.itertuples())) for one in (self.a, self.b))
        return a, b

    @cached_property
    def shared_cells(self) -> list[Cell]:
        """The cells that both have, in the order of A."""
        cells_a, cells_b = self.cells
        in_b = set(cells_b)
        return [cell for cell in cells_a if cell in in_b]

    @property
    def anytime(self) -> bool:
        """Whether seeds were added in sight of the results of either, which their verdicts must allow."""
        return holds_at_any_look(self.a.manifest) or holds_at_any_look(self.b.manifest)

    def primary(self, task: str) -> Metric | None:
        """Return a task's primary metric; None for a task that neither manifest knows."""
        return self.declared.primary(task) if task in self.declared.tasks else None

    def label(self, task: str) -> str:
        """Return a task's name on the page, by the newer of the two reports that knows it."""
        known = self.declared.tasks.get(task)
        return known.label if known else task

    def agree(self, *columns: str) -> bool:
        """Tell whether both have the same values in all of these columns."""
        return all(self.a.settings(column) == self.b.settings(column) for column in columns)

    def values(self, cell: Cell, metric: Metric) -> tuple[dict[int, float], dict[int, float]]:
        """Return seed → value of a metric in A and in B: finite ones, and the logarithms of throughput."""
        return _values(self.a, cell, metric), _values(self.b, cell, metric)

    def machines(self, cell: Cell) -> tuple[set[Machine], set[Machine]]:
        """Return the machines on which the finished runs of a cell were trained in A and in B."""
        a, b = (set(machines_of(report.finished(cell))) for report in (self.a, self.b))
        return a, b

    def is_repeated(self, cell: Cell) -> bool:
        """Tell whether the cell is, in both, the same network as that of another architecture that both have."""
        arch, task = cell
        return all(other.get(arch) for other in self._same_networks.get(task, [{}]))

    @cached_property
    def _same_networks(self) -> dict[str, list[dict[str, str]]]:
        """Task → of A and of B, the architecture that is the same network as the one named, where both have it."""
        found = {}
        for task, description in self.declared.tasks.items():
            shared = {arch for arch, of in self.shared_cells if of == task}
            found[task] = [
                same_networks(
                    report.runs[(report.runs["task"] == task) & report.runs["arch"].isin(shared)],
                    description.needs_decoder,
                )
                for report in (self.a, self.b)
            ]
        return found

    def is_of_one_machine(self, cell: Cell) -> bool:
        """Tell whether all runs of a cell are known to be of one machine, so that their speeds can be compared."""
        a, b = self.machines(cell)
        return not (a and b) or (len(a | b) == 1 and None not in next(iter(a)))


def _values(report: RenderedReport, cell: Cell, metric: Metric) -> dict[int, float]:
    runs = report.finished(cell)
    if metric.name not in runs:
        return {}
    values = {seed: value for seed, value in seed_values(runs, metric.name).items() if math.isfinite(value)}
    return (
        {seed: math.log(value) for seed, value in values.items() if value > 0} if metric.name == THROUGHPUT else values
    )
