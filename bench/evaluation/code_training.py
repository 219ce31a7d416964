"""How readers of codes are trained: M2 on all codes of the training images, and the same reader on the labelled alone.

The recipe was chosen by validation images: docs/log/few-labels.md. A device is never waited for within a pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.evaluation.code_reader import LATENT, CodeReader, initialise, mlp, prior
from bench.evaluation.codes import Codes
from bench.models.streams import generator
from bench.training.adam import Adam
from bench.training.schedule import learning_rate

MOST_LABELLED = 100
"""Labelled images that a step classifies: all of them, or so many drawn with replacement."""

POINTS = 10
"""Of the curve of validation accuracy."""


@dataclass(frozen=True)
class Recipe:
    """How M2 is trained on codes, and the reader alone."""

    passes: int = 100
    """Over all training images."""

    batch: int = 200
    """Codes of a step."""

    rate: float = 1e-2
    """The peak of the schedule."""

    hidden: int = 300
    """Units of each hidden layer."""

    alone_steps: int = 2_000
    """Steps of the reader alone, at the same rate."""


class Few(NamedTuple):
    """The training images' codes, and what is known of them."""

    codes: Codes
    labels: Tensor
    """[N], of which those of `known` are looked at."""

    known: Tensor
    """Indices of the labelled images, [n]."""


class Curve(NamedTuple):
    """Validation accuracy while training."""

    passes: list[int]
    accuracy: list[float]


def train_reader(
    few: Few,
    validation: tuple[Tensor, Tensor],
    recipe: Recipe,
    seed: int,
    report: Callable[[float], None] = lambda share: None,
) -> tuple[nn.Module, Curve]:
    """Train M2 on codes; return its reader and the curve of its validation accuracy.

    Args:
        validation: posterior means [V, D] and labels [V], of which nothing is learnt.
        report: takes the share that is done, after each pass.

    Raises:
        RuntimeError: the loss is no longer finite.
    """
    device, (images, size) = few.labels.device, few.codes.mean.shape
    model = CodeReader(size, recipe.hidden)
    initialise(model, generator(seed, "m1m2/init"))
    model.to(device)
    order, noise = generator(seed, "m1m2/order"), generator(seed, "m1m2/noise", device)
    optimiser, batch = Adam(list(model.parameters())), min(recipe.batch, images)
    per_pass, labelled = images // batch, min(MOST_LABELLED, len(few.known))
    steps, curve = recipe.passes * per_pass, Curve([], [])
    labels = torch.full_like(few.labels, -1)
    labels[few.known] = few.labels[few.known]
    for number in range(recipe.passes):
        rows = torch.randperm(images, generator=order)[: per_pass * batch].view(per_pass, batch).to(device)
        chosen = few.known[labelled_rows(len(few.known), labelled, per_pass, order).to(device)]
        rates = rates_of(number * per_pass, per_pass, steps, recipe.rate, device)
        total = torch.zeros((), device=device)
        for step in range(per_pass):
            both = torch.cat([rows[step], chosen[step]])
            x = few.codes.draw(both, torch.randn(len(both), size, generator=noise, device=device))
            z = torch.randn(batch, LATENT, generator=noise, device=device)
            chance = torch.rand(batch, generator=noise, device=device)
            loss = model.loss(x[:batch], labels[rows[step]], x[batch:], labels[chosen[step]], z, chance, images)
            take(optimiser, loss, rates[step])
            total += loss.detach()
        check_finite(total, number + 1)
        if is_point(number + 1, recipe.passes):
            curve.passes.append(number + 1)
            curve.accuracy.append(float((read(model.reader, validation[0]) == validation[1]).double().mean()))
        report((number + 1) / recipe.passes)
    return model.reader, curve


def train_alone(few: Few, recipe: Recipe, seed: int) -> nn.Module:
    """Train the same reader on the codes of the labelled images alone, with the same prior on its weights.

    Raises:
        RuntimeError: the loss is no longer finite.
    """
    device, size, known = few.labels.device, few.codes.mean.shape[1], len(few.known)
    model = mlp(size, recipe.hidden)
    initialise(model, generator(seed, "m1m2 alone/init"))
    model.to(device)
    order, noise = generator(seed, "m1m2 alone/order"), generator(seed, "m1m2 alone/noise", device)
    optimiser, steps = Adam(list(model.parameters())), recipe.alone_steps
    chosen = few.known[labelled_rows(known, min(MOST_LABELLED, known), steps, order).to(device)]
    rates = rates_of(0, steps, steps, recipe.rate, device)
    loss = torch.zeros((), device=device)
    for step in range(steps):
        rows = chosen[step]
        x = few.codes.draw(rows, torch.randn(len(rows), size, generator=noise, device=device))
        loss = F.cross_entropy(model(x), few.labels[rows]) + prior(model) / known
        take(optimiser, loss, rates[step])
    check_finite(loss, 1)
    return model


def labelled_rows(known: int, size: int, steps: int, draw: torch.Generator) -> Tensor:
    """Return which of the labelled images each step has: [steps, size], all of them or drawn with replacement."""
    if size == known:
        return torch.arange(known).expand(steps, known)
    return torch.randint(known, (steps, size), generator=draw)


def rates_of(done: int, count: int, steps: int, peak: float, device: torch.device) -> list[float] | Tensor:
    """Return the learning rates of the next steps: numbers on a CPU, on a GPU a tensor there."""
    rates = [learning_rate(step, steps, peak) for step in range(done, done + count)]
    return rates if device.type == "cpu" else torch.tensor(rates, device=device)


def take(optimiser: Adam, loss: Tensor, rate: float | Tensor) -> None:
    """Take a step down the loss."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.lr = rate
    optimiser.step()


def check_finite(loss: Tensor, number: int) -> None:
    """Raise `RuntimeError` if a loss is not finite."""
    value = float(loss.detach())
    if not math.isfinite(value):
        raise RuntimeError(f"the loss of the reader of codes is {value} in pass {number}")


def is_point(done: int, passes: int) -> bool:
    """Return whether the curve has a point after so many passes: after each tenth, and so after the last."""
    return done * POINTS // passes > (done - 1) * POINTS // passes


@torch.no_grad()
def read(reader: nn.Module, x: Tensor) -> Tensor:
    """Return the label that is read from each code: [N]."""
    return reader(x).argmax(1)
