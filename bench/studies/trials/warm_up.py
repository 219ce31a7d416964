"""A training with another warm-up than the default one. It is no run of a store, whose identity has no warm-up."""

from __future__ import annotations

import contextlib
import math
import re
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass

from bench.spec.run import RunSpec
from bench.studies.trials.choice import DIVERGED
from bench.worker.site import Site


@dataclass(frozen=True, order=True)
class WarmUp:
    """A linear rise of the learning rate."""

    share: float
    """Of all steps; 0: none."""

    floor: int = 0
    """Steps that it has at least, unless they are more than a quarter of all."""

    def __str__(self) -> str:
        """Say it: "none", "5 %", "5 %, at least 200 steps"."""
        least = f"at least {self.floor:,} steps" if self.floor else ""
        share = f"{100 * self.share:g} %" if self.share else ""
        return ", ".join(part for part in (share, least) if part) or "none"


WARM_UPS = tuple(WarmUp(share) for share in (0.0, 0.02, 0.05, 0.1, 0.2))


def warm_up(text: str) -> WarmUp:
    """Convert "0.05", a share of all steps, or "0.05/200", with a floor in steps."""
    found = re.fullmatch(r"(0|1|0?\.[0-9]{1,6})(?:/([0-9]{1,6}))?", text)
    if not found:
        raise ArgumentTypeError(f"{text!r} is no warm-up; expected a share of all steps such as 0.05, or 0.05/200")
    return WarmUp(float(found[1]), int(found[2] or 0))


@contextlib.contextmanager
def schedule_with(chosen: WarmUp) -> Iterator[None]:
    """Let trainings within the block, in this process, have this warm-up."""
    from bench.training import schedule

    before = schedule.WARM_UP_SHARE, schedule.WARM_UP_MIN_STEPS
    schedule.WARM_UP_SHARE, schedule.WARM_UP_MIN_STEPS = chosen.share, chosen.floor
    try:
        yield
    finally:
        schedule.WARM_UP_SHARE, schedule.WARM_UP_MIN_STEPS = before


@dataclass(frozen=True)
class WarmUpOrder:
    """A training that a child is asked to do."""

    spec: RunSpec
    warm_up: WarmUp
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
        with schedule_with(order.warm_up):
            trained = train(mixed.model(order.spec.seed), mixed.task, order.spec, splits["train"], splits["val"])
    except Diverged:
        return DIVERGED, math.nan
    value = trained.history[-1][order.metric]
    return ("finished", value) if math.isfinite(value) else (DIVERGED, math.nan)
