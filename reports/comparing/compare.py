"""Compare two reports by their manifests and records.csv alone: what was set otherwise, what moved beyond noise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from archs.errors import UserError
from bench.spec.metrics import METRICS, Metric
from bench.statistics.frames import ENVIRONMENT
from bench.statistics.settings import OF_AN_ARCHITECTURE
from bench.statistics.settings import SETTINGS as RUN_SETTINGS
from reports.comparing.metric_change import THROUGHPUT, MetricChange, change_of, with_verdicts
from reports.comparing.rendered_report import Cell, RenderedReport, read_report, split_alike
from reports.comparing.report_pair import ReportPair
from reports.comparing.tuned_runs import apart, are_alike, is_tuned, left_out
from reports.comparing.vanished import Vanished, vanished
from reports.findings.machines import Machine
from reports.markup.escape import md
from reports.wording.formatting import natural_list
from reports.wording.machines import ROUNDING, machines_in_words

SETTINGS = (*(name for name in RUN_SETTINGS if name not in OF_AN_ARCHITECTURE), *ENVIRONMENT, "code")
"""Columns of records.csv that are compared as settings."""
TIMINGS = ("train_seconds", "train_images_per_s")
"""Metrics in which no two trainings agree to the last digit."""
MUST_AGREE = ("dataset", "data_fingerprint")
"""Columns of records.csv; where they differ no number means the same in both reports."""
FIRST_TO_SPLIT_BY_SEED = 3
"""The first protocol under which each seed draws which images are held out."""


@dataclass(frozen=True)
class ReportComparison:
    """What differs between two reports."""

    a: RenderedReport
    """The report that is the reference."""

    b: RenderedReport
    """The report that is judged."""

    settings: tuple[tuple[str, str, str], ...]
    """(Setting, values in A, values in B) where they differ."""

    changes: tuple[MetricChange, ...]
    """Of each metric of each cell that both have values of."""

    newly_failing: tuple[tuple[str, str, int], ...]
    """(Architecture, task, failed runs in B) where B has more failed runs than A."""

    added: tuple[Cell, ...]
    """What only B has."""

    vanished: tuple[Vanished, ...]
    """What only A has."""

    incomparable: tuple[str, ...]
    """Sentences, as Markdown, on results of both that could not be compared, and why."""

    notes: tuple[str, ...]
    """Sentences, as Markdown, on what else to know: of which machines A and B are, and results that A lacks."""

    def label(self, task: str) -> str:
        """Return a task's name on the page, by the newer of the two reports that knows it."""
        return ReportPair(self.a, self.b).label(task)

    @property
    def anytime(self) -> bool:
        """Whether seeds were added in sight of the results of either report."""
        return ReportPair(self.a, self.b).anytime

    @property
    def quality(self) -> list[MetricChange]:
        """The changes that can fail a check: not of throughput, which a machine's load moves, and each network once."""
        changes = (change for change in self.changes if change.metric.name != THROUGHPUT)
        return [change for change in changes if change.verdict != "same network"]

    @property
    def worse(self) -> bool:
        """Whether something is worse in B, or newly fails."""
        return bool(self.newly_failing) or any(change.verdict == "worse" for change in self.quality)

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be compared."""
        return not self.quality and not self.newly_failing

    @property
    def is_unjudged(self) -> bool:
        """Whether no difference could be tested, since none has an interval."""
        return not self.newly_failing and not any(change.is_judged for change in self.quality)

    @property
    def is_incomplete(self) -> bool:
        """Whether there is no verdict at all, or none on something that A has."""
        is_judged = self.quality and all(change.is_judged for change in self.quality)
        return not is_judged or bool(self.vanished or self.incomparable)


def compare(a: Path, b: Path) -> ReportComparison:
    """Compare report folder B with A.

    Raises:
        UserError: one can't be read, or there is nothing that can be compared.
    """
    whole = split_alike(read_report(Path(a)), read_report(Path(b)))
    pair = ReportPair(*apart(*whole))
    for column in MUST_AGREE:
        if not pair.agree(column):
            names = [", ".join(report.settings(column)) or "none" for report in (pair.a, pair.b)]
            of_protocols = ""
            was, now = (report.settings("protocol") for report in (pair.a, pair.b))
            if len({int(each) >= FIRST_TO_SPLIT_BY_SEED for each in was + now if each.isdigit()}) > 1:
                both = f"{', '.join(was) or 'none'} and {', '.join(now) or 'none'}"
                of_protocols = f"; protocols {both} split the images in different ways"
            raise UserError(
                f"the reports are of different data ({column} {names[0]} and {names[1]}): expected the same to "
                f"compare{of_protocols}"
            )
    if not pair.shared_cells:
        raise UserError(f"{a} and {b} share no architecture and task: expected at least one cell in both")
    metrics, incomparable = _metrics(pair)
    same_runs = _same_runs(pair)
    changes, notes = list[MetricChange](), list[str]()
    if not are_alike(*whole):
        (incomparable if is_tuned(whole[0]) else notes).append(left_out(*whole))
    notes += _about_machines(pair)
    for metric in metrics:
        changes += _changes(pair, metric, same_runs)
        notes += _lacking_in_a(pair, metric)
        incomparable += _lacking_in_both(pair, metric)
    cells_a, cells_b = map(set, pair.cells)
    return ReportComparison(
        a=pair.a,
        b=pair.b,
        settings=tuple(_settings(pair)),
        changes=tuple(changes),
        newly_failing=tuple(_newly_failing(pair)),
        added=tuple(sorted(cells_b - cells_a)),
        vanished=tuple(vanished(pair)),
        incomparable=tuple(incomparable),
        notes=tuple(notes),
    )


def _settings(pair: ReportPair) -> list[tuple[str, str, str]]:
    """Return the settings that differ, the code of architectures and tasks and the seeds among them."""
    a, b = pair.a, pair.b
    rows = [(name.replace("_", " "), a.settings(name), b.settings(name)) for name in SETTINGS]
    for kind in ("arch", "task"):
        in_both = [name for name in dict.fromkeys(a.runs[kind]) if name in set(b.runs[kind])]
        rows += [(f"definition of {name}", a.fingerprints(kind, name), b.fingerprints(kind, name)) for name in in_both]
    for cell in pair.shared_cells:
        rows.append((f"label input of {' as '.join(cell)}", a.label_inputs(cell), b.label_inputs(cell)))
        rows.append((f"steps of {' as '.join(cell)}", a.steps(cell), b.steps(cell)))
    seeds_a, seeds_b = (tuple(str(seed) for seed in sorted(set(report.runs["seed"]))) for report in (a, b))
    rows.append(("seeds", seeds_a, seeds_b))
    return [(name, ", ".join(was) or "none", ", ".join(now) or "none") for name, was, now in rows if was != now]


def _metrics(pair: ReportPair) -> tuple[list[Metric], list[str]]:
    """Return the primary metrics and throughput, and a sentence for each whose numbers don't mean the same in both."""
    tasks = {task for _, task in pair.shared_cells}
    metrics = list(dict.fromkeys(pair.declared.primary(task) for task in pair.declared.tasks if task in tasks))
    incomparable = [
        f"{md(task)}: neither manifest declares this task, so that no metric decides."
        for task in sorted(tasks - pair.declared.tasks.keys())
    ]
    if not pair.agree("likelihood", "protocol"):
        incomparable += [
            f"{md(metric.label)}: the likelihood or protocol differs, so the numbers don't mean the same."
            for metric in metrics
            if metric.likelihood
        ]
        metrics = [metric for metric in metrics if not metric.likelihood]
    return [*metrics, *({METRICS[THROUGHPUT]} - set(metrics))], incomparable


def _about_machines(pair: ReportPair) -> list[str]:
    """Return a sentence on the cells that were trained on other machines in B than in A, if there are such."""
    apart = [cell for cell in pair.shared_cells if not pair.is_of_one_machine(cell)]
    if not apart:
        return []
    of_a, of_b = (set[Machine]().union(*(pair.machines(cell)[side] for cell in apart)) for side in (0, 1))
    cells = natural_list([f"{md(arch)} {md(pair.label(task))}" for arch, task in apart], 8)
    of_some = "" if len(apart) == len(pair.shared_cells) else f" ({cells})"
    pairs = [({one[i] for one in of_a}, {one[i] for one in of_b}) for i in range(len(Machine._fields))]
    are_different = any(a != b and None not in a | b for a, b in pairs)
    silent = [name for name, of in (("A", of_a), ("B", of_b)) if any(None in machine for machine in of)]
    if silent and not are_different:
        return [
            f"Throughput is not compared{of_some}: {' and '.join(silent)} {'do' if len(silent) > 1 else 'does'} not "
            "say on which machine the runs were trained; `python -m reports render` adds it where the records know it."
        ]
    return [
        f"A was trained on {machines_in_words(of_a)}, B on {machines_in_words(of_b)}{of_some}. {ROUNDING}. Throughput "
        "is compared on one machine only: train both there, or compare two sessions of `pytest bench` by "
        "`python -m bench.gate`."
    ]


def _newly_failing(pair: ReportPair) -> list[tuple[str, str, int]]:
    """Return the shared cells with more failed runs in B than in A, and how many those are."""
    failed_a, failed_b = (
        report.runs[report.runs["status"] != "finished"].groupby(["arch", "task"]).size().to_dict()
        for report in (pair.a, pair.b)
    )
    return [(*cell, int(failed_b[cell])) for cell in pair.shared_cells if failed_b.get(cell, 0) > failed_a.get(cell, 0)]


def _same_runs(pair: ReportPair) -> dict[Cell, set[int]]:
    """Return the seeds of each cell whose finished run is one record in both: the same id and numbers, times included.

    The id alone does not say so: versions of software are no part of it, so a run that was trained again keeps it.
    """
    a, b = (report.runs[report.runs["status"] == "finished"] for report in (pair.a, pair.b))
    both = a.merge(b, on=["arch", "task", "seed", "run_id"], suffixes=(" in A", " in B"))  # as no metric is called
    shared = set(a) & set(b)
    names = pair.declared.metric_columns(shared)
    equal, timed = pd.Series(True, both.index), pd.Series(False, both.index)
    for name in names:
        before, after = both[f"{name} in A"], both[f"{name} in B"]
        known = before.notna() & after.notna()  # one of them may have been evaluated further since
        equal &= (before == after) | ~known
        timed |= known & (name in TIMINGS)
    same = both[equal & timed]
    return {(str(arch), str(task)): set(group) for (arch, task), group in same.groupby(["arch", "task"])["seed"]}


def _lacking_in_a(pair: ReportPair, metric: Metric) -> list[str]:
    """Return a sentence for each shared cell of which B alone has a value of its primary metric."""
    return [f"{_without(pair, cell, metric)} in A." for cell, has_b in _cells_lacking(pair, metric) if has_b]


def _lacking_in_both(pair: ReportPair, metric: Metric) -> list[str]:
    """Return a sentence for each shared cell of which neither has a value of its primary metric."""
    return [
        f"{_without(pair, cell, metric)} in A, nor in B." for cell, has_b in _cells_lacking(pair, metric) if not has_b
    ]


def _cells_lacking(pair: ReportPair, metric: Metric) -> list[tuple[Cell, bool]]:
    """Return the shared cells of which A has no value of the metric that decides, each with whether B has one."""
    cells = [cell for cell in pair.shared_cells if metric == pair.primary(cell[1])]
    return [(cell, bool(b)) for cell in cells for a, b in [pair.values(cell, metric)] if not a]


def _without(pair: ReportPair, cell: Cell, metric: Metric) -> str:
    return f"{md(cell[0])} {md(pair.label(cell[1]))}: no run with a finite {md(metric.label)}"


def _changes(pair: ReportPair, metric: Metric, same_runs: Mapping[Cell, Collection[int]]) -> list[MetricChange]:
    """Return the change of one metric in every shared cell that is judged by it, Holm-adjusted together."""
    changes = []
    for arch, task in pair.shared_cells:
        if metric == pair.primary(task) or (metric.name == THROUGHPUT and pair.is_of_one_machine((arch, task))):
            a, b = pair.values((arch, task), metric)
            if a and b:
                same, repeated = same_runs.get((arch, task), ()), pair.is_repeated((arch, task))
                anytime = pair.anytime and metric.name != THROUGHPUT
                changes.append(change_of(arch, task, metric, a, b, same, repeated, anytime))
    return with_verdicts(changes)
