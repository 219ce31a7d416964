"""Was the budget enough? How much validation quality still grew at the end of the training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.findings.experiment import Experiment
from reports.reading.once import once

LATE_SHARE = 0.2
"""The end of a training: this share of its epochs, and one at least."""
FEWEST_EPOCHS = 3
"""Epochs from which a curve has an end that differs from its beginning."""


@dataclass(frozen=True)
class LateGain:
    """What an architecture gained in validation quality over the last epochs of a task, in the metric's raw unit."""

    arch: str
    """The architecture."""

    gain: float
    """Mean over seeds of how much its last epochs bettered the result; positive is better."""

    spread: float
    """Standard deviation over seeds of the last epoch's result."""

    late_epochs: int
    """How many epochs the gain is of."""

    margin: float
    """The difference that doesn't matter; 0 where the metric has none."""

    @property
    def still_improving(self) -> bool:
        """Whether the last epochs gained more than the spread over seeds, and so much that it matters."""
        return self.gain > max(self.spread, self.margin)


@once
def late_gains(experiment: Experiment, task: str) -> list[LateGain]:
    """Return the gain of each architecture of a task, best result first.

    One with fewer than two seeds has no spread to hold the gain against, and one of fewer than `FEWEST_EPOCHS` epochs
    no end; neither is returned.
    """
    ranking, history = experiment.rankings[task], experiment.history
    column = f"val_{ranking.metric.name}"
    if column not in history:
        return []
    sign = -1.0 if ranking.metric.higher_is_better is False else 1.0
    # one table for all architectures: a page of many would spend a quarter of its time on making one for each
    table = history[history["task"] == task].pivot_table(index=["arch", "seed"], columns="epoch", values=column)
    archs, values = table.index.get_level_values("arch"), table.to_numpy(dtype=float)  # [runs], [runs, epochs]
    found = []
    for arch in ranking.order:
        curves = values[archs == arch]
        by_epoch = {int(epoch): curves[:, i] for i, epoch in enumerate(table) if not np.isnan(curves[:, i]).all()}
        last = max(by_epoch, default=0)
        late = max(1, round(LATE_SHARE * last))
        if last < FEWEST_EPOCHS or last - late not in by_epoch:
            continue
        before, after = by_epoch[last - late], by_epoch[last]
        is_known = ~np.isnan(before) & ~np.isnan(after)
        before, after = before[is_known], after[is_known]
        if len(after) > 1:
            gain = float(sign * np.mean(after - before))
            spread = float(np.std(after, ddof=1))
            found.append(LateGain(arch, gain, spread, late, ranking.metric.margin or 0.0))
    return found
