"""Trainings of M2 with settings that a job has no option for. They are no runs of a store: no identity has these."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archs.errors import UserError, nearest
from bench.spec.defaults import DEFAULT_CLASSIFICATION_WEIGHT, DEFAULT_LR
from bench.spec.run import RunSpec
from bench.studies.trials.choice import DIVERGED
from bench.worker.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

DEFAULT = "default"
"""What a variant without settings is called."""


@dataclass(frozen=True)
class Variant:
    """What is done otherwise than by default. It is spelled "lr=0.001,weight=10"."""

    weight: float = DEFAULT_CLASSIFICATION_WEIGHT
    """Of the labelled images' mean cross-entropy, beside the mean bound per image."""

    lr: float = DEFAULT_LR
    """The peak of the learning rate."""

    init: float = 0.0
    """Standard deviation with which all weights are drawn at the start; 0: as the layers draw them."""

    prior: float = 0.0
    """Times −log of a standard normal prior on all weights, beside the sum of the bounds; 1 in the authors' code."""

    ramp: float = 0.0
    """The share of all steps over which the weight of the bounds rises from 0 to 1."""

    epochs: float = 0.0
    """0: those of the study."""

    @property
    def name(self) -> str:
        """Its spelling: the settings that are not the default."""
        own = [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]
        plain = Variant()
        return ",".join(f"{name}={value:g}" for name, value in own if value != getattr(plain, name)) or DEFAULT


def variant(text: str) -> Variant:
    """Read the spelling of a variant.

    Raises:
        UserError: a setting is unknown, given twice or no number that it can be.
    """
    found: dict[str, float] = {}
    names = [field.name for field in dataclasses.fields(Variant)]
    for part in text.split(",") if text != DEFAULT else ():
        name, _, number = part.partition("=")
        if name not in names or name in found:
            what = "twice" if name in found else f"which is unknown{nearest(name, names)}"
            raise UserError(f"variant {text!r} has {name!r} {what}")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = math.nan
        most = 1.0 if name == "ramp" else 1e6
        if not 0 <= found[name] <= most or (name == "epochs" and found[name] % 1):
            kind = "a whole number" if name == "epochs" else "a number"
            raise UserError(f"variant {text!r} has {name} {number!r}; expected {kind} from 0 to {most:g}")
    return Variant(**found)


@dataclass(frozen=True)
class VariantOrder:
    """A training that a child is asked to do."""

    spec: RunSpec
    """Of the task m2, with the variant's rate, weight and epochs."""

    variant: Variant
    site: Site


def train_variant(order: VariantOrder) -> tuple[str, float]:
    """Train; return the status and the accuracy on the validation images after the last epoch.

    The test images are not looked at.
    """
    from bench.studies.trials.training import Ingredients  # here and below: they load torch
    from bench.training.loop import train
    from bench.training.losses import Diverged

    mixed, spec = Ingredients.of(order.spec, order.site), order.spec
    splits, model = mixed.splits(spec.seed), mixed.model(spec.seed)
    if order.variant.init:
        draw_small(model, order.variant.init, spec.seed)
    steps = spec.epochs * (len(splits["train"].labels) // min(spec.batch_size, len(splits["train"].labels)))
    task = dataclasses.replace(mixed.task, loss=varied(mixed.task.loss, order.variant, steps))
    try:
        trained = train(model, task, spec, splits["train"], splits["val"])
    except Diverged:
        return DIVERGED, math.nan
    return "finished", trained.history[-1]["val_accuracy"]


def draw_small(model: nn.Module, deviation: float, seed: int) -> None:
    """Draw all weights anew, from N(0, deviation²); biases start at zero, and scales of norms where they were."""
    import torch

    from bench.models.streams import generator

    draw = generator(seed, "init/small")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(deviation * torch.randn(parameter.shape, generator=draw))
            elif name.endswith("bias"):
                parameter.zero_()


def varied(loss: Callable[..., Tensor], variant: Variant, steps: int) -> Callable[..., Tensor]:
    """Return the loss of M2 with a variant's prior and ramp; it counts the steps by its calls."""
    done = 0

    def changed(
        model: nn.Module,
        x: Tensor,
        labels: Tensor,
        noise: Tensor,
        labelled: int,
        known: int,
        images: int,
        weight: float,
    ) -> Tensor:
        nonlocal done
        done += 1
        share = min(1.0, done / (variant.ramp * steps)) if variant.ramp else 1.0
        total = share * loss(model, x, labels, noise, labelled, known, images, weight / share)
        if variant.prior:
            squares = sum(parameter.square().sum() for parameter in model.parameters() if parameter.ndim > 1)
            total = total + variant.prior * 0.5 * squares / images
        return total

    return changed
