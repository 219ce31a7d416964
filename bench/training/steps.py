"""How a few steps of a training are taken: on a CPU one by one, on a GPU one by one or as replays of a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.training.adam import Adam
from bench.training.batches import Batches, Feed, Loss
from bench.training.cuda_graph import CapturedStep, NotCapturable
from bench.training.returned import check_loss
from bench.training.stack import Stack, stacked_step

Step = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Images [S, B, 1, 28, 28], labels [S, B], noise [S, N, Z] → the losses before the step, [S]."""


class Stepper:
    """Takes the steps of a training: draws the batches, computes the losses, moves the parameters."""

    def __init__(
        self, models: Sequence[nn.Module], loss: Loss, feed: Feed, stack: Stack | None, own_rates: bool = False
    ):
        """Begin with fresh moments.

        Args:
            own_rates: whether the models have a learning rate each.
        """
        self.models, self.feed, self.own_rates = models, feed, own_rates
        self.optimiser = Adam(list(stack.parameters.values() if stack else models[0].parameters()))
        self.step = stacked_step(stack, loss, self.optimiser) if stack else single_step(models[0], loss, self.optimiser)
        self.graph: CapturedStep | None = None
        self.graph_refused: str | None = None
        """Why the step could not be captured, if that was tried."""

    @property
    def uses_graph(self) -> bool:
        """Whether steps are replays of a CUDA graph."""
        return self.graph is not None

    def capture(self, trial: Batches) -> None:
        """Take all further steps as replays of a CUDA graph, if the step can be captured as one.

        Nothing is changed by it, random state included.

        Args:
            trial: batches of any contents, of as many steps as will be taken at once.

        Raises:
            CaptureFailed: the process can't use its GPU any more.
        """
        try:
            self.graph = CapturedStep(self.step, trial, self.optimiser, self.models, self.own_rates)
        except NotCapturable as error:
            self.graph_refused = str(error)

    def take(self, rows: Tensor, rates: Sequence[float] | Tensor) -> Tensor:
        """Take K steps; return the sum of their losses for each model, [S], on the device.

        Args:
            rows: indices of the training images of each batch, [K, S, B], on the device.
            rates: the learning rate of each step, [K], or those of each model, [K, S]; these, and all on a GPU, as a
                tensor there.
        """
        if rows.device.type == "cpu":
            losses = torch.zeros(rows.shape[1])
            for k, rate in enumerate(rates):
                self.optimiser.lr = rate if self.own_rates else float(rate)
                losses += self.step(*self.feed.draw(rows[k : k + 1]).step(0))
            return losses
        assert isinstance(rates, Tensor)
        batches = self.feed.draw(rows)
        if self.graph is not None:
            return self.graph.run(batches, rates)
        losses = torch.zeros(rows.shape[1], device=rows.device)
        for k in range(len(rates)):
            self.optimiser.lr = rates[k]
            losses += self.step(*batches.step(k))
        return losses


def single_step(model: nn.Module, loss_of: Loss, optimiser: Adam) -> Step:
    """Return the training step of one model, S = 1."""

    def step(x: Tensor, labels: Tensor, noise: Tensor) -> Tensor:
        loss = loss_of(model, x.squeeze(0), labels.squeeze(0), noise.squeeze(0))
        check_loss(loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach().unsqueeze(0)

    return step
