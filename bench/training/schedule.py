"""The learning-rate schedule: a linear warm-up, then cosine decay to zero."""

from __future__ import annotations

import math

WARM_UP_SHARE = 0.4
"""The rate rises over this share of all steps, which was chosen by validation: docs/recipe/table.md."""


def warm_up_steps(steps: int) -> int:
    """Return over how many of a training's steps, at its beginning, the rate rises."""
    return max(1, round(WARM_UP_SHARE * steps))


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the learning rate of a step: linear from 0 to `peak` over the warm-up, then half a cosine down to 0.

    Args:
        step: from 0.
        steps: of the whole training.
    """
    warm_up = warm_up_steps(steps)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
