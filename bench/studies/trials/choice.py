"""A setting of the recipe is chosen by validation: what each costs an architecture against its own best, and the rule.

Scores are such that higher is better, as the primary metrics of all built-in tasks are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from archs.errors import UserError
from bench.statistics.estimates import Floats, Interval, mean_interval, without_rounding

DIVERGED = "diverged"
"""The status of a run without a score, since its loss was no longer finite."""

KNOWS_NOTHING = {"elbo": -784 * math.log(2), "accuracy": 0.1}
"""Primary metric → the score of even odds for each pixel, or for each of ten classes.

A run that diverged, or that scores less than this, counts as this: else one that exploded, at −1e27 nats, would decide
alone.
"""


@dataclass(frozen=True)
class Grid:
    """The scores of every architecture at every setting and seed, in one task."""

    archs: tuple[str, ...]

    settings: tuple[float | str, ...]
    """In their order: rates rising, say. The first and the last are the edges."""

    seeds: tuple[int, ...]

    scores: Floats
    """[A, R, S], none below that of a network that knows nothing."""

    useless: Floats
    """How many runs of each cell diverged or scored less than that, [A, R]."""

    @property
    def means(self) -> Floats:
        """The means over seeds, [A, R]."""
        return self.scores.mean(axis=2)

    @property
    def stds(self) -> Floats:
        """The standard deviations over seeds (ddof = 1), [A, R]; NaN with one seed."""
        if len(self.seeds) < 2:
            return np.full(self.scores.shape[:2], np.nan)
        return self.scores.std(axis=2, ddof=1)

    @cached_property
    def best(self) -> tuple[int, ...]:
        """The index of each architecture's own best setting by the mean; of equal ones the first."""
        return tuple(int(index) for index in self.means.argmax(axis=1))

    @property
    def losses(self) -> Floats:
        """What the mean over seeds loses against the architecture's own best setting, [A, R]; at least 0."""
        return self.means.max(axis=1, keepdims=True) - self.means

    def loss(self, arch: int, setting: int) -> Interval:
        """Return the loss with its paired t interval over seeds; the best setting is taken as known."""
        own = self.scores[arch]
        lost = own[self.best[arch]] - own[setting]
        return mean_interval(without_rounding(lost, float(np.abs(own).max())))

    @property
    def regrets(self) -> Floats:
        """The mean over architectures of the losses, [R]."""
        return self.losses.mean(axis=0)

    @property
    def worst(self) -> Floats:
        """The largest loss of any architecture, [R]."""
        return self.losses.max(axis=0)

    @property
    def chosen(self) -> int:
        """The index of the setting with the smallest mean loss; of equal ones the first."""
        return int(self.regrets.argmin())

    @property
    def first_untold(self) -> int:
        """The index after the last setting below the chosen one that the seeds tell from it.

        A setting that scatters so much that it can't be told from anything is not taken for that. With one seed: the
        chosen one.
        """
        if len(self.seeds) < 2:
            return self.chosen
        return max((index + 1 for index in range(self.chosen) if self.ahead(self.chosen, index).low > 0), default=0)

    def ahead(self, setting: int, other: int) -> Interval:
        """Return by how much a setting is above another: mean over architectures, and its t interval over seeds."""
        return mean_interval((self.scores[:, setting] - self.scores[:, other]).mean(axis=0))

    def gap(self, arch: int, setting: int) -> Interval:
        """Return the difference to the first architecture at a setting, with its paired t interval over seeds."""
        both = self.scores[[0, arch], setting]
        return mean_interval(without_rounding(both[1] - both[0], float(np.abs(both).max())))

    def without(self, seed: int) -> Grid:
        """Return the grid of the other seeds."""
        kept = [index for index, one in enumerate(self.seeds) if one != seed]
        return replace(self, seeds=tuple(self.seeds[index] for index in kept), scores=self.scores[:, :, kept])

    def is_edge(self, setting: int) -> bool:
        """Whether a setting is the first or the last: beyond it there may be a better one."""
        return setting in (0, len(self.settings) - 1)


def grid_of(runs: pd.DataFrame, column: str, order: Sequence[float] | Sequence[str]) -> Grid:
    """Arrange the runs of one task.

    Args:
        runs: a row per run with arch, seed, metric, status, value and `column`; architectures keep their order.
        column: holds the setting.
        order: of the settings.

    Raises:
        UserError: a run is missing, is there twice or failed for another reason than divergence.
    """
    archs, seeds = tuple(runs["arch"].unique()), tuple(sorted(int(seed) for seed in runs["seed"].unique()))
    scores = np.full((len(archs), len(order), len(seeds)), np.nan)
    least = KNOWS_NOTHING[str(runs["metric"].iloc[0])]
    for a, arch in enumerate(archs):
        for r, setting in enumerate(order):
            for s, seed in enumerate(seeds):
                cell = runs[(runs["arch"] == arch) & (runs[column] == setting) & (runs["seed"] == seed)]
                if len(cell) != 1:
                    found = "is missing" if cell.empty else f"is there {len(cell)} times"
                    raise UserError(
                        f"{arch} at {column} {setting}, seed {seed}, {found}: no choice from an uneven grid"
                    )
                status, value = cell["status"].iloc[0], cell["value"].iloc[0]
                if status not in (DIVERGED, "finished"):
                    raise UserError(f"{arch} at {column} {setting}, seed {seed}, has no score: {status}")
                scores[a, r, s] = -np.inf if status == DIVERGED else value
    return Grid(archs, tuple(order), seeds, np.maximum(scores, least), (scores < least).sum(axis=2))
