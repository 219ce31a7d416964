"""Equal compute: what each architecture's trainings were given, where that is not the same number of epochs for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FLOPS = "flops"


@dataclass(frozen=True)
class Share:
    """What an architecture got on a task."""

    cost: float
    """Of a training step: floating-point operations, or `ratio` times the seconds of the baseline's."""

    ratio: float
    """The same over that of the baseline's."""

    steps: int
    """Of each of its trainings."""

    epochs: float
    """The same in passes over its training images."""

    disturbed: bool
    """Whether its steps were timed while the device had other work too."""

    @property
    def total(self) -> float:
        """What the steps of one training cost."""
        return self.steps * self.cost

    def spent(self, epoch: int) -> float:
        """Return what a training has cost by the end of an epoch, the last of which need not be a whole one."""
        return self.total * min(epoch / self.epochs, 1.0)


@dataclass(frozen=True)
class Matching:
    """What was equal for all architectures."""

    by: str
    """FLOPS or "time"."""

    epochs: int
    """Of the baseline."""

    shares: Mapping[tuple[str, int | None], Mapping[str, Share]]
    """Task and number of labels → architecture → what it got."""

    def of(self, task: str, labels: int | None) -> Mapping[str, Share]:
        """Return architecture → what it got on a task.

        Args:
            labels: None where the task has one number of labels, or none.
        """
        found = self.shares.get((task, labels))
        if found is None and labels is None:
            found = next((shares for (name, _), shares in self.shares.items() if name == task), None)
        return found or {}


def matching(manifest: Mapping[str, Any]) -> Matching | None:
    """Return what was matched in a report, by its manifest; None if all runs have the same epochs."""
    content = manifest.get("match")
    if not content:
        return None
    per_epoch = int(content["steps_per_epoch"])
    of_baseline = {_cell(one): one["cost"] for one in content["shares"] if one["arch"] == manifest["baseline"]}
    shares: dict[tuple[str, int | None], dict[str, Share]] = {}
    for one in content["shares"]:
        cost = one["ratio"] * of_baseline[_cell(one)] if _cell(one) in of_baseline else one["cost"]
        share = Share(cost, one["ratio"], one["steps"], one["steps"] / per_epoch, one.get("disturbed", False))
        shares.setdefault(_cell(one), {})[one["arch"]] = share
    return Matching(content["by"], int(content["steps"]) // per_epoch, shares)


def _cell(share: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return the task and the number of labels of a manifest's share."""
    return share["task"], share.get("labels")
