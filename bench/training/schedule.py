"""The learning-rate schedule: a linear warm-up, then cosine decay to zero."""

from __future__ import annotations

import math

WARM_UP_SHARE = 0.05
"""The rate rises over this share of all steps …"""

WARM_UP_MIN_STEPS = 200
"""… but over no fewer steps than this …"""

WARM_UP_MAX_SHARE = 0.25
"""… unless they are more than this share. A short run with a short rise makes a deep ReLU network collapse onto the
mean image: docs/decisions.md#the-warm-up-has-a-floor."""


def warm_up_steps(steps: int) -> int:
    """Return over how many of a training's steps, at its beginning, the rate rises."""
    return max(1, round(max(WARM_UP_SHARE * steps, min(WARM_UP_MIN_STEPS, WARM_UP_MAX_SHARE * steps))))


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
