"""A training that has one source of randomness from a seed of its own, and all others from seed 0."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.spec.run import RunSpec
from bench.studies.trials.choice import DIVERGED
from bench.worker.site import Site

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

PARTS = {
    "weights": "initial weights",
    "order": "order of the images",
    "coins": "coins and latent noise",
    "split": "split",
    "rounding": "rounding alone",
}
"""Source → its name on the page."""

ALL = "all"
"""Everything from the seed, as in an ordinary run."""

NONE = "none"
"""Everything from seed 0: the run that all sources have in common."""

SOURCES = {**PARTS, ALL: "all together"}

ULP = 2.0**-23
"""The relative change of a weight by which rounding is varied, one or two units in the last place of its 24 bits."""


@dataclass(frozen=True)
class SpreadOrder:
    """A training that a child is asked to do."""

    spec: RunSpec
    """Of seed 0."""

    source: str
    """One of SOURCES, or NONE."""

    seed: int
    """Of that source."""

    site: Site
    metric: str
    """What is returned of the test scores."""

    def seed_of(self, part: str) -> int:
        """Return the seed that a part is drawn from."""
        return self.seed if self.source in (part, ALL) else 0


def train_with_source(order: SpreadOrder) -> tuple[str, float, float]:
    """Train; return the status, the score on the test images and the seconds.

    The evaluation has the fixed binarisation and the latent noise of seed 0. Other streams than those of PARTS, such as
    dropout's, are seed 0's too, but for ALL.
    """
    from bench.models.streams import Streams  # here and below: they load torch, which the children's server has
    from bench.studies.trials.training import Ingredients
    from bench.training.loop import run_to_completion, train_in_turns
    from bench.training.losses import Diverged
    from bench.training.scores import evaluate

    started = time.perf_counter()
    mixed = Ingredients.of(order.spec, order.site)
    model = mixed.model(order.seed_of("weights"))
    if order.source == "rounding":
        nudge(model, order.seed)
    coins, in_order = (Streams.of(order.seed_of(part), mixed.device) for part in ("coins", "order"))
    streams = dataclasses.replace(coins, order=in_order.order)
    images = mixed.images(rows_of(order, *(mixed.dataset.split(seed).train for seed in (0, order.seed_of("split")))))
    spec = dataclasses.replace(order.spec, seed=order.seed_of(ALL))
    few = mixed.images([0])  # the history has a validation score, which nobody reads here
    turns = train_in_turns(
        [model], mixed.task, [spec], [images], [few], lambda progress: None, False, time.perf_counter, [streams]
    )
    (outcome,) = run_to_completion(turns)
    value = math.nan
    if not isinstance(outcome, Diverged):
        value = evaluate(model, mixed.task, mixed.test, order.spec, "test").means[order.metric]
    return "finished" if math.isfinite(value) else DIVERGED, value, time.perf_counter() - started


def rows_of(order: SpreadOrder, of_seed_0: np.ndarray, of_its_seed: np.ndarray) -> np.ndarray:
    """Return the training images of a split, as rows of the file.

    A split has its images in an order of its own. To vary the split alone, what it has in common with that of seed 0
    stays in place, and the others come in the places of those that are held out.
    """
    import numpy as np

    first, own = of_seed_0[: order.spec.train_images], of_its_seed[: order.spec.train_images]
    if order.source != "split":
        return own
    mixed = np.array(first)
    mixed[~np.isin(first, own)] = own[~np.isin(own, first)]
    return mixed


def nudge(model: nn.Module, seed: int) -> None:
    """Multiply every parameter by 1 ± 2^-23, in place, with signs of the stream "rounding"; seed 0 changes nothing.

    All that it changes is how the steps to come are rounded: a zero stays zero.
    """
    import torch

    from bench.models.streams import generator

    draw = generator(seed, "rounding")
    with torch.no_grad():
        for parameter in model.parameters() if seed else ():
            signs = torch.randint(0, 2, parameter.shape, generator=draw).mul_(2).sub_(1).to(parameter.device)
            parameter.copy_(parameter.double() * (1 + ULP * signs.double()))
