"""Say over how many seeds numbers are: as many as every cell has, which an interrupted job or a failure makes fewer."""

from __future__ import annotations

from collections.abc import Iterable

from reports.findings.experiment import Experiment
from reports.wording.formatting import plural


def seed_counts(experiment: Experiment) -> list[int]:
    """Return the different numbers of finished seeds that the tasks' primary results are of, fewest first.

    Tuned ones are among them: a run of which a trial is missing is not tuned, one of which a trial failed is.
    """
    return sorted({int(ranking.cells[arch].n) for ranking in experiment.shown_rankings for arch in ranking.order})


def seeds_in_words(counts: Iterable[int]) -> str:
    """Format numbers of seeds, of which there is one at least, such as "6 seeds" or "2 to 6 seeds"."""
    known = set(counts)
    return plural(max(known), "seed") if len(known) == 1 else f"{min(known)} to {max(known)} seeds"


def mark_of_fewer(n: int, failed: int, most: int, asked: int) -> str:
    """Return what stands behind a number of fewer seeds than it should be of, such as " (2 of 6)"; mostly nothing.

    Args:
        n: seeds that it is of.
        failed: seeds that failed.
        most: seeds of the best-supplied number beside it.
        asked: seeds that were asked for.
    """
    full = max(n + failed, asked if n < most else 0)
    return f" ({n} of {full})" if n < full else ""
