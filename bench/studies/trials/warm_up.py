"""A training with another warm-up than that of the recipe. It is no run of a store, whose identity has no warm-up."""

from __future__ import annotations

import contextlib
import math
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass

from bench.spec.run import RunSpec
from bench.studies.trials.choice import DIVERGED
from bench.worker.site import Site

WARM_UPS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The shares of all steps over which the rate rises that are tried unless others are named."""


def warm_up(text: str) -> float:
    """Convert a share of all steps."""
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share < 1:
        raise ArgumentTypeError(f"{text!r} is no warm-up; expected a share of all steps such as 0.05")
    return share


def warm_up_name(share: float) -> str:
    """Say a warm-up as people do: "none", "5 %"."""
    return f"{100 * share:g} %" if share else "none"


@contextlib.contextmanager
def schedule_with(share: float) -> Iterator[None]:
    """Let trainings within the block, in this process, have this warm-up."""
    from bench.training import schedule

    before, schedule.WARM_UP_SHARE = schedule.WARM_UP_SHARE, share
    try:
        yield
    finally:
        schedule.WARM_UP_SHARE = before


@dataclass(frozen=True)
class WarmUpOrder:
    """A training that a child is asked to do."""

    spec: RunSpec
    share: float
    """Of all steps, over which the rate rises."""

    site: Site
    metric: str
    """Of the history: what is returned of its last epoch."""


def train_with_warm_up(order: WarmUpOrder) -> tuple[str, float]:
    """Train a run with another warm-up; return its status and the score on the validation images after the last epoch.

    The test images are not looked at.
    """
    from bench.studies.trials.training import Ingredients  # here: they load torch, which the children's server has
    from bench.training.loop import train
    from bench.training.losses import Diverged

    mixed = Ingredients.of(order.spec, order.site)
    splits = mixed.splits(order.spec.seed)
    try:
        with schedule_with(order.share):
            trained = train(mixed.model(order.spec.seed), mixed.task, order.spec, splits["train"], splits["val"])
    except Diverged:
        return DIVERGED, math.nan
    value = trained.history[-1][order.metric]
    return ("finished", value) if math.isfinite(value) else (DIVERGED, math.nan)
