"""How a few steps of a training are taken: on a CPU one by one, on a GPU one by one or as replays of a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.training.adam import Adam
from bench.training.batches import Batches, Feed, Loss
from bench.training.cuda_graph import Recorded, Refused
from bench.training.stack import Stack, stacked_step

Step = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Images [S, B, 1, 28, 28], labels [S, B], noise [S, N, Z] → the losses before the step, [S]."""


class Stepper:
    """A training's steps. recorded: whether they are replays of a graph; refused: why not, where that was wanted."""

    def __init__(self, models: Sequence[nn.Module], loss: Loss, feed: Feed, stack: Stack | None):
        self.models, self.feed = models, feed
        self.optimiser = Adam(list(stack.parameters.values() if stack else models[0].parameters()))
        self.step = stacked_step(stack, loss, self.optimiser) if stack else single_step(models[0], loss, self.optimiser)
        self.graph: Recorded | None = None
        self.refused: str | None = None

    @property
    def recorded(self) -> bool:
        return self.graph is not None

    def record(self, trial: Batches) -> None:
        """From now on steps are replays, if the step can be recorded. Nothing is changed by it, random state included.

        trial: batches of any contents, of as many steps as will be taken at once. Raises `bench.training.cuda_graph.Broken`.
        """
        try:
            self.graph = Recorded(self.step, trial, self.optimiser, self.models)
        except Refused as error:
            self.refused = str(error)

    def take(self, rows: Tensor, rates: Sequence[float] | Tensor) -> Tensor:
        """Steps on batches of the training images `rows` [K, S, B], on the device; the sum of their losses [S], there
        too.

        rates: the learning rate of each, [K], on a GPU a tensor there.
        """
        if rows.device.type == "cpu":
            losses = torch.zeros(rows.shape[1])
            for k, rate in enumerate(rates):
                self.optimiser.rate = float(rate)
                losses += self.step(*self.feed.draw(rows[k : k + 1]).step(0))
            return losses
        assert isinstance(rates, Tensor)
        batches = self.feed.draw(rows)
        if self.graph is not None:
            return self.graph.run(batches, rates)
        losses = torch.zeros(rows.shape[1], device=rows.device)
        for k in range(len(rates)):
            self.optimiser.rate = rates[k]
            losses += self.step(*batches.step(k))
        return losses


def single_step(model: nn.Module, loss_of: Loss, optimiser: Adam) -> Step:
    """The step of one model, S = 1."""

    def step(x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        loss = loss_of(model, x.squeeze(0), labels.squeeze(0), noise.squeeze(0))
        optimiser.zero()
        loss.backward()
        optimiser.step()
        return loss.detach().unsqueeze(0)

    return step
