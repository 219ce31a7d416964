"""Where a run in flight is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a run in flight is.

    done: the share of its steps, 0 to 1. epoch: from 1. loss: mean over the steps since the last report (of a stack's
    seeds: their mean), in nats; NaN where there is none.
    """

    done: float
    epoch: int
    loss: float
