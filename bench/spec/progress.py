"""How far a run in flight is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a run in flight is."""

    done: float
    """The share of its steps, 0 to 1."""

    epoch: int
    """Counted from 1."""

    loss: float
    """Mean over the steps since the last report, in nats; of a stack, the mean of its seeds; NaN if there is none."""
