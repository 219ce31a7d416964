"""The losses of a training as they are read now and then: what they add up to, who has diverged, how far it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench.spec.progress import Progress


class Diverged(RuntimeError):
    """The loss is no longer finite."""


class PendingLosses:
    """The losses of a chunk of steps, on their way from the device while that goes on with the next."""

    def __init__(self, losses: Tensor, steps: int, done: int):
        """Start the copy.

        Args:
            losses: the sum over the chunk for each model, [S], on the device.
            steps: of the chunk.
            done: steps of the training by the end of the chunk.
        """
        self.steps, self.done = steps, done
        self.losses, self.arrived = losses, None
        if losses.device.type != "cpu":
            self.losses = torch.empty(losses.shape, pin_memory=True).copy_(losses, non_blocking=True)
            self.arrived = torch.cuda.Event()
            self.arrived.record(torch.cuda.current_stream(losses.device))

    def wait(self) -> tuple[Tensor, list[float]]:
        """Return the sum [S] and the mean over the steps for each model, once they have arrived."""
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.losses, (self.losses / self.steps).tolist()


class LossReader:
    """Reads the losses of a training, chunk by chunk."""

    def __init__(self, models: int, steps: int, report: Callable[[Progress], None]):
        """Read the losses of a training from its beginning.

        Args:
            steps: of the whole training.
            report: takes the progress at each reading, with the mean loss of the models that have not diverged.
        """
        self.models, self.steps, self.report = models, steps, report
        self.diverged: dict[int, Diverged] = {}
        """By the model's index."""

    @property
    def none_is_left(self) -> bool:
        """Whether all models have diverged."""
        return len(self.diverged) == self.models

    def read(self, chunk: PendingLosses, epoch: int) -> Tensor:
        """Wait for the losses of a chunk, find who has diverged, and report; return the sum of each model, [S]."""
        sums, means = chunk.wait()
        for index, mean in enumerate(means):
            if not math.isfinite(mean) and index not in self.diverged:
                where = f"step {chunk.done} of {self.steps} (epoch {epoch})"
                self.diverged[index] = Diverged(f"loss is {mean} by {where}")
        alive = [mean for index, mean in enumerate(means) if index not in self.diverged]
        if alive:
            self.report(Progress(chunk.done / self.steps, epoch, sum(alive) / len(alive)))
        return sums
